"""A balanced GAT: the conserved quantity from its definition, at the start and on the way."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.lib.errors import InputError
from support.model_cases import ATOMS, BONDS, random_model, two_graphs

OPEN = {"residual": False, "batch_norm": False}
KINDS = ["xavier", "orthogonal"]


def gat(balanced, layers=3, **options):
    torch.manual_seed(1)
    types = {"num_atom_types": ATOMS, "num_bond_types": BONDS} | options
    sizes = {"hidden_dim": 16, "num_heads": 4, "num_layers": layers, "out_dim": 3}
    model = es.models.GAT(balanced=balanced, **OPEN, **sizes | types).double()
    model.reset_parameters()  # once more, in double precision
    return model


def around(model, of=lambda parameter: parameter):
    """Return what enters, steers and leaves every neuron, map by map, neuron by neuron.

    ``of`` chooses the weights themselves, or their gradients.
    """
    embedding = model.node_embedding
    columns = getattr(embedding, "columns", [embedding])
    linear = isinstance(embedding, nn.Linear)
    maps = [np.concatenate([numbers(of(c.weight)).T for c in columns], 1)] if not linear else []
    biases = [None]
    if linear:
        maps, biases = [numbers(of(embedding.weight))], [numbers(of(embedding.bias))]
    vectors = [None]
    for layer in model.layers:
        conv = layer.conv
        maps.append(numbers(of(conv.lin.weight)))
        biases.append(numbers(of(conv.bias)))
        vectors.append([numbers(of(each)).ravel() for each in (conv.att_src, conv.att_dst)])
    for layer in model.readout.layers:
        maps.append(numbers(of(layer.weight)))
        biases.append(numbers(of(layer.bias)))
        vectors.append(None)
    for place in range(len(maps) - 1):
        for neuron in range(len(maps[place])):
            bias = [] if biases[place] is None else [biases[place][neuron]]
            steering = [each[neuron] for each in vectors[place] or ()]
            yield [*maps[place][neuron], *bias], steering, maps[place + 1][:, neuron]


def numbers(tensor):
    return tensor.detach().numpy()


def balances(model):
    """Return the quantity of every neuron that gradient flow conserves."""
    return np.array(
        [
            np.square(enters).sum() - np.square(steers).sum() - np.square(leaves).sum()
            for enters, steers, leaves in around(model)
        ]
    )


@pytest.mark.parametrize("balanced", KINDS)
@pytest.mark.parametrize(
    "options",
    [{}, {"num_atom_types": [3, 9]}, {"num_atom_types": None, "node_dim": 7}, {"layers": 1}],
    ids=str,
)
def test_every_neuron_starts_in_balance_and_attention_as_a_mean(balanced, options):
    model = gat(balanced, **options)
    assert np.abs(balances(model)).max() < 1e-12
    first = next(iter(around(model)))
    assert np.square(first[0]).sum() == pytest.approx(2)
    for layer in model.layers:
        assert not any(each.any() for each in (layer.conv.att_src, layer.conv.att_dst))
    # Usual weights are far from it.
    assert np.abs(balances(gat(None, **options))).max() > 0.3


@pytest.mark.parametrize("readout", ["mean", "node"])
def test_the_law_holds_for_the_gradients_at_any_weights(readout):
    model = random_model("GAT", **OPEN, readout=readout, num_layers=3)
    with torch.no_grad():
        for layer in model.layers:
            layer.conv.bias.normal_()
    model(*two_graphs()).square().sum().backward()
    pairs = zip(around(model), around(model, lambda parameter: parameter.grad), strict=True)
    flows = np.array([[np.dot(w, g) for w, g in zip(*both, strict=True)] for both in pairs])
    enters, steers, leaves = flows.T
    assert np.abs(enters).max() > 1e-3
    assert np.abs(steers).max() > 1e-6
    np.testing.assert_allclose(enters - steers - leaves, 0, atol=1e-10 * np.abs(flows).max())


def drift(rate, steps):
    model = gat("xavier")
    for _ in range(steps):
        model.zero_grad()
        model(*two_graphs()).sub(1).square().sum().backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.sub_(rate * parameter.grad)
    return np.abs(balances(model)).max(), model


def test_small_steps_keep_the_balance_to_first_order():
    coarse, _ = drift(1e-3, 10)
    fine, model = drift(1e-4, 100)  # the same time in steps of a tenth
    assert 0 < fine < 0.2 * coarse
    moved = (model.layers[0].conv.lin.weight - gat("xavier").layers[0].conv.lin.weight).abs().max()
    assert fine < 0.05 * float(moved.detach())


def test_an_orthogonal_start_is_linear_in_what_enters():
    model = gat("orthogonal", num_atom_types=None, node_dim=6)
    _, edge_index, edge_attr, batch = two_graphs()
    one, other = (torch.randn(5, 6, dtype=torch.float64) for _ in range(2))
    given = (edge_index, edge_attr, batch)
    both = model(one, *given) + model(other, *given)
    torch.testing.assert_close(model(one + other, *given), both)
    assert model(one, *given).abs().max() > 1e-3


@pytest.mark.parametrize("balanced", KINDS)
def test_an_untrained_baseline_is_in_balance_and_drawn_anew(balanced):
    model = gat(balanced)
    (fresh,) = es.Untrained(1, calibrate_batch_norm=False).models(model, [])
    assert np.abs(balances(fresh)).max() < 1e-12
    assert not torch.equal(fresh.layers[0].conv.lin.weight, model.layers[0].conv.lin.weight)


def test_a_model_without_the_option_is_drawn_as_ever():
    model = gat(None)
    torch.manual_seed(1)
    drawn = [nn.Embedding(ATOMS, 16), nn.Embedding(BONDS, 16), GATConv(16, 4, 4, edge_dim=16)]
    for mine, own in zip((model.node_embedding, model.edge_embedding), drawn, strict=False):
        assert torch.equal(mine.weight, own.weight.double())
    for name, value in model.layers[0].conv.state_dict().items():
        assert torch.equal(value, drawn[2].state_dict()[name].double())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("GAT", {"balanced": "xavier"}, "with residual=True and batch_norm=True"),
        ("GAT", {"balanced": "xavier", **OPEN, "layer_norm": True}, "with layer_norm=True"),
        ("GAT", {"balanced": True, **OPEN}, "None, 'xavier' or 'orthogonal', received True"),
        (
            "GAT",
            {"balanced": "orthogonal", **OPEN, "hidden_dim": 12},
            "a multiple of 8, received 12",
        ),
        ("GATv2", {"balanced": "xavier", **OPEN}, "a start of GAT, received it for GATv2"),
    ],
)
def test_what_has_no_balance_is_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        es.models.build(name, num_atom_types=5, num_bond_types=4, num_heads=4, **options)
