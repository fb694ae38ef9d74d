"""The untrained ensemble: what is drawn again, what is not, and what it leaves alone."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv, GPSConv, RGATConv

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.model_call import call_model
from edgescope.scanning.batch_norm import calibrate_batch_norm
from support.scan_cases import random_graphs


def graph_transformer():
    return es.models.GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=12, num_heads=3, num_layers=2
    )


class Bare(nn.Module):
    """A model with a parameter and a buffer that no module resets."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.scale = nn.Parameter(torch.ones(3))
        self.register_buffer("offset", torch.zeros(3))
        self.register_buffer("cache", torch.zeros(3), persistent=False)

    def forward(self, x):
        return self.linear(x) * self.scale + self.offset


class Normalised(nn.Module):
    """Batch norm behind a dropout, which must stay in eval mode."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.drop = nn.Dropout(0.9)
        self.norm = nn.BatchNorm1d(4, momentum=0.3)

    def forward(self, x):
        return self.norm(self.drop(self.embedding(x)))


@pytest.fixture(scope="module")
def graphs():
    return random_graphs(40)


def members(model, **options):
    return list(es.Untrained(**({"members": 2} | options)).models(model, []))


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_members_are_reproducible_and_numbered_by_their_seed():
    torch.manual_seed(1)
    model = graph_transformer()
    first = [state(m) for m in members(model, members=3, seed=5, calibrate_batch_norm=False)]
    second = [state(m) for m in members(model, members=2, seed=6, calibrate_batch_norm=False)]
    assert same(first[1], second[0])
    assert same(first[2], second[1])
    assert not same(first[0], first[1])


def test_a_member_has_nothing_left_of_the_weights_of_the_model():
    model = graph_transformer()
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(100).add_(7)
    one, two = (members(m, members=1, calibrate_batch_norm=False)[0] for m in (model, other))
    assert same(state(one), state(two))


def test_neither_the_model_nor_any_generator_of_random_numbers_is_changed():
    model = graph_transformer()
    before = state(model)
    torchs, pythons, numpys = torch.get_rng_state(), random.getstate(), np.random.get_state()[1]  # noqa: NPY002
    numpys = numpys.copy()
    members(model, reset=lambda _: (random.random(), np.random.rand(), torch.rand(1)))  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torchs)
    assert random.getstate() == pythons
    assert (np.random.get_state()[1] == numpys).all()  # noqa: NPY002
    assert same(state(model), before)


def test_a_parent_that_initialises_its_children_has_the_last_word():
    class Parent(nn.Module):
        def __init__(self):
            super().__init__()
            self.child = nn.Linear(2, 2)

        def reset_parameters(self):
            nn.init.constant_(self.child.weight, 42.0)

    assert (members(Parent())[0].child.weight == 42).all()


def test_torchs_attention_is_reset_within_pygs_layer():
    model = GPSConv(8, GATConv(8, 2, heads=4), heads=2)
    one, two = (dict(m.named_parameters()) for m in members(model))
    for name in ("attn.in_proj_weight", "attn.out_proj.weight", "conv.lin.weight"):
        assert not torch.equal(one[name], two[name])


def test_what_no_module_resets_is_named():
    message = r"no reset_parameters of Bare sets scale, offset \(of Bare\); pass .*keep=\('scale'"
    with pytest.raises(InputError, match=message):
        members(Bare())


def test_what_is_named_to_be_kept_is_kept():
    model = Bare()
    with torch.no_grad():
        model.scale.fill_(3.0)
        model.linear.bias.fill_(4.0)
    member = members(model, keep=("scale", "off*", "linear.bias"))[0]
    assert (member.scale == 3).all()
    assert (member.linear.bias == 4).all()
    assert not torch.equal(member.linear.weight, model.linear.weight)


def test_a_reset_of_ones_own_sets_the_rest():
    def reset(model):
        nn.init.normal_(model.scale)
        model.offset.zero_()

    one, two = members(Bare(), reset=reset)
    assert not torch.equal(one.scale, two.scale)


def test_a_parameter_that_its_own_layer_forgets_is_named():
    layer = RGATConv(4, 4, num_relations=2, mod="f-scaled")
    with pytest.raises(InputError, match=r"sets .*l2.* \(of RGATConv\)"):
        members(layer)


def test_a_pattern_that_matches_nothing_is_refused():
    with pytest.raises(InputError, match="keep='scales' matches no parameter or buffer of Bare"):
        members(Bare(), keep=("scales", "scale", "offset"))


def test_a_reset_that_needs_arguments_is_named():
    class Choosy(nn.Linear):
        def __init__(self):
            nn.Module.__init__(self)
            self.weight = nn.Parameter(torch.ones(2))

        def reset_parameters(self, gain, *args, bias=0.0):
            nn.init.normal_(self.weight, bias, gain, *args)

    model = nn.Sequential(Choosy())
    assert len(members(model, reset=lambda own: own[0].reset_parameters(1.0))) == 2
    with pytest.raises(InputError, match=r"0 \(Choosy\) has a reset_parameters that needs gain"):
        members(model)


def test_a_model_that_cannot_be_copied_is_refused():
    model = nn.Linear(2, 2)
    model.kept = model(torch.ones(2))
    with pytest.raises(InputError, match=r"cannot be copied with copy\.deepcopy"):
        members(model)


def test_a_layer_without_sizes_is_refused():
    with pytest.raises(InputError, match="weight, bias of LazyLinear have no size yet"):
        members(nn.LazyLinear(2))


def test_an_empty_ensemble_is_refused():
    with pytest.raises(InputError, match="received members=0, expected at least 1"):
        es.Untrained(members=0)


def test_batch_norm_is_calibrated_to_torchs_cumulative_average():
    torch.manual_seed(0)
    ours, torchs = Normalised(), Normalised()
    torchs.load_state_dict(ours.state_dict())
    torchs.drop.p = 0.0  # update_bn has no way to leave it out
    batches = [torch.randint(0, 5, (size,)) for size in (7, 20, 3)]
    update_bn(batches, torchs)
    calibrate_batch_norm(ours, batches, lambda model, x: model(x), torch.device("cpu"))
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        torch.testing.assert_close(getattr(ours.norm, name), getattr(torchs.norm, name))
    assert ours.norm.momentum == 0.3
    assert ours.training
    assert ours.norm.training


def test_members_of_a_model_with_statistics_come_calibrated_and_in_eval_mode(graphs):
    model = graph_transformer().train()
    loader = DataLoader(graphs, 16)
    calibrate_batch_norm(model, loader, call_model, torch.device("cpu"))
    plain, calibrated = (
        next(es.Untrained(1, calibrate_batch_norm=on).models(model, loader)) for on in (False, True)
    )
    assert not calibrated.training
    assert model.training
    assert (plain.layers[0].edge.norm1.running_mean == 0).all()
    assert (calibrated.layers[0].edge.norm1.running_mean != 0).any()


def test_a_batch_without_variance_is_refused(graphs):
    lonely = graphs[0].clone()
    lonely.x, lonely.edge_index = lonely.x[:1], torch.zeros(2, 1, dtype=torch.long)
    lonely.edge_attr = lonely.edge_attr[:1]
    model = graph_transformer()
    calibrate_batch_norm(model, DataLoader(graphs, 16), call_model, torch.device("cpu"))
    with pytest.raises(InputError, match="no variance to calibrate on; use larger batches"):
        list(es.Untrained(1).models(model, [lonely], call=call_model))


class Deep(nn.Module):
    """Two norms, of which the second sees what the first makes of its input."""

    def __init__(self, momentum=0.1):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.first = nn.BatchNorm1d(4, momentum=momentum)
        self.linear = nn.Linear(4, 3)
        self.second = nn.BatchNorm1d(3, momentum=momentum)

    def forward(self, x):
        return self.second(3 * self.linear(self.first(2 * self.embedding(x))))


DRAWN = torch.randint(0, 5, (64,), generator=torch.Generator().manual_seed(0))


def trained_for(model, batches):
    """Return a model after so many batches, all alike, that changed no weight."""
    model.train()
    with torch.no_grad():
        for _ in range(batches):
            model(DRAWN)
    return model.eval()


@pytest.mark.parametrize("momentum", [0.1, 0.3, 1.0, None])
@pytest.mark.parametrize("batches", [0, 1, 2, 7, 40, 400])
def test_the_batch_norm_of_members_is_as_far_from_its_start_as_the_models(momentum, batches):
    """A member is what its own weights would be after the batches that the model has seen."""
    torch.manual_seed(0)
    model = trained_for(Deep(momentum), batches)
    (member,) = es.Untrained(1, seed=5).models(model, [DRAWN], call=lambda own, x: own(x))
    (plain,) = es.Untrained(1, seed=5, calibrate_batch_norm=False).models(model, [DRAWN])
    expected = trained_for(plain, batches)
    for name in ("first", "second"):
        for kind in ("running_mean", "running_var"):
            found, wanted = (getattr(getattr(own, name), kind) for own in (member, expected))
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batches", [1, 3])
def test_statistics_that_were_set_by_one_pass_have_nothing_of_the_start(batches):
    """As by update_bn: the count of batches is small, yet nothing is left of 0 and 1."""
    torch.manual_seed(0)
    model = Deep()
    update_bn([DRAWN] * batches, model)
    (member,) = es.Untrained(1, seed=5).models(model, [DRAWN], call=lambda own, x: own(x))
    (expected,) = es.Untrained(1, seed=5, calibrate_batch_norm=False).models(model, [])
    update_bn([DRAWN], expected)
    torch.testing.assert_close(member.second.running_var, expected.second.running_var)


def test_statistics_that_were_loaded_without_a_count_are_taken_as_settled():
    model = trained_for(Deep(), 400)
    for norm in (model.first, model.second):
        norm.num_batches_tracked.zero_()
    (member,) = es.Untrained(1).models(model, [DRAWN], call=lambda own, x: own(x))
    assert member.second.running_var.log().abs().min() > 1e-3


def test_an_ensemble_that_normalises_in_another_way_than_the_model_is_named(graphs):
    loader, untrained = DataLoader(graphs, 16), graph_transformer()
    found = es.scan(untrained, loader, baseline=es.Untrained(2))
    assert found.info.batch_norm is False
    trained = copy.deepcopy(untrained)
    calibrate_batch_norm(trained, loader, call_model, torch.device("cpu"))
    with pytest.warns(EdgescopeWarning, match="has running statistics, that of the untrained memb"):
        es.scan(trained, loader, baseline=found.baseline)
    again = es.scan(trained, loader, baseline=es.Untrained(2))
    assert [member.info.batch_norm for member in again.baseline.members] == [True, True]
    with pytest.warns(EdgescopeWarning, match="was never given data, that of the untrained memb"):
        es.scan(untrained, loader, baseline=again.baseline)


def test_a_model_without_batch_norm_says_nothing_of_it(graphs):
    model = es.models.GAT(
        num_atom_types=5, num_bond_types=4, hidden_dim=8, num_heads=2, batch_norm=False
    )
    assert es.scan(model, DataLoader(graphs, 16)).info.batch_norm is None


def test_every_member_is_scanned_on_the_same_edges(graphs):
    loader = DataLoader(graphs, 16)
    model = graph_transformer()
    found = es.scan(model, loader, baseline=es.Untrained(members=3, seed=4))
    pooled = found.baseline
    assert len(pooled.members) == 3
    edges = sum(graph.num_edges for graph in graphs)
    by_hand = list(es.Untrained(members=3, seed=4).models(model, loader))
    for site in found.sites:
        assert pooled[site].num_edges == 3 * edges
        total = sum(member[site].counts["edge_ratio"] for member in pooled.members)
        assert torch.equal(total, pooled[site].counts["edge_ratio"])
        for member, again in zip(pooled.members, by_hand, strict=True):
            alone = es.scan(again, loader)[site]
            assert all(torch.equal(c, alone.counts[n]) for n, c in member[site].counts.items())
    assert pooled.info.graphs == len(graphs)


def test_an_ensemble_comes_back_from_disk(graphs, tmp_path):
    loader = DataLoader(graphs, 16)
    found = es.scan(graph_transformer(), loader, baseline=es.Untrained(5), criterion="calibrated")
    loaded = es.load_scan(found.save(tmp_path / "scan"))
    assert loaded.info == found.info
    assert len(loaded.baseline.members) == 5
    assert loaded.calibration().equals(found.calibration())
    assert loaded.table().equals(found.table())
