"""Every tool gives for a compiled model what it gives for the eager original, to the bit."""

import copy

import polars as pl
import pytest
import torch
import torch._dynamo
from torch import nn
from torch._dynamo.utils import counters
from torch_geometric.data import Batch, Data
from torch_geometric.explain import Explainer
from torch_geometric.nn import GATv2Conv, global_add_pool

import edgescope as es
from edgescope.lib.compiler_stance import TWINS
from edgescope.lib.errors import EdgescopeWarning, InputError

WIDTH = 8


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(3, WIDTH)
        self.convs = nn.ModuleList([GATv2Conv(WIDTH, 4, 2, add_self_loops=False) for _ in "ab"])
        self.norm = nn.BatchNorm1d(WIDTH)
        self.out = nn.Linear(WIDTH, 1)

    def forward(self, x, edge_index, batch):
        x = self.embed(x)
        for conv in self.convs:
            x = self.norm(conv(x, edge_index)).relu()
        return self.out(global_add_pool(x, batch))


def wrapped(model):
    return torch.compile(model, backend="eager", fullgraph=True)


def in_place(model):
    model.compile(backend="eager")
    return model


def in_part(model):
    model.convs[0] = torch.compile(model.convs[0], backend="eager")
    model.norm = torch.compile(model.norm, backend="eager")
    return model


def on_instance(model):
    model.forward = torch.compile(model.forward, backend="eager")
    return model


def batches() -> list[Batch]:
    draw = torch.Generator().manual_seed(0)

    def graph(nodes: int, edges: int) -> Data:
        index = torch.randint(nodes, (2, edges), generator=draw)
        x = torch.randn(nodes, 3, generator=draw)
        return Data(x=x, edge_index=index, y=torch.randn(1, 1, generator=draw))

    return [
        Batch.from_data_list([graph(6, 20), graph(1, 0), graph(5, 14)]),
        Batch.from_data_list([graph(7, 25), graph(4, 9)]),
    ]


@pytest.fixture(scope="module", params=[wrapped, in_place, in_part, on_instance])
def models(request):
    """Give an eager model, and a compiled one of the same weights that has run."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    eager = Net()
    for _ in range(3):
        eager(*inputs(batches()[0]))  # so that the norm has seen data
    model = request.param(copy.deepcopy(eager)).eval()
    with torch.no_grad():
        model(*inputs(batches()[0]))
    yield eager.eval(), model
    torch._dynamo.reset()


@pytest.fixture
def pair(models):
    """Give both; see that the compiled one is afterwards as it was, and is not compiled anew."""
    _, model = models
    TWINS.discard(model)
    TWINS.discard(getattr(model, "_orig_mod", model))
    batch = batches()[0]
    counters.clear()
    with torch.no_grad():
        before = model(*inputs(batch))
    yield models
    with torch.no_grad():
        assert torch.equal(model(*inputs(batch)), before)
    assert counters["stats"]["unique_graphs"] == 0


def inputs(batch):
    return batch.x, batch.edge_index, batch.batch


def told():
    return pytest.warns(EdgescopeWarning, match=r"compiled: .* eager original.* run, so numbers")


def same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    return one.equals(other, null_equal=True)


def test_scan(pair):
    eager, model = pair
    options = {"progress": False, "criterion": es.Criterion("low", ratio=2)}
    expected = es.scan(eager, batches(), **options)
    with told():
        found = es.scan(model, batches(), **options)
    assert found.info.model == "Net"
    assert same(found.table(), expected.table())
    assert same(found.massive(), expected.massive())
    assert found.massive().height
    assert found.coverage.eager
    assert "compiled" in found.coverage.sentence()
    assert not expected.coverage.eager


def test_scan_with_a_call_of_the_compiled_model_itself(pair):
    eager, model = pair
    expected = es.scan(eager, batches(), progress=False)
    with told():
        found = es.scan(
            model, batches(), progress=False, call=lambda _, batch: model(*inputs(batch))
        )
    assert same(found.table(), expected.table())


def test_a_scan_is_read_again_with_what_was_compiled(pair, tmp_path):
    with told():
        found = es.scan(pair[1], batches(), progress=False)
    found.save(tmp_path / "scan")
    assert es.load_scan(tmp_path / "scan").coverage == found.coverage


def test_untrained_ensemble(pair):
    eager, model = pair
    options = {"baseline": es.Untrained(members=2, keep="convs.0.*"), "progress": False}
    expected = es.scan(eager, batches(), **options)
    with told():
        found = es.scan(model, batches(), **options)
    members = zip(found.baseline.members, expected.baseline.members, strict=True)
    for own, other in [(found, expected), (found.baseline, expected.baseline), *members]:
        assert same(own.table(), other.table())
    assert not same(found.table().drop("site"), found.baseline.table().drop("site"))


def test_members_have_the_weights_that_those_of_the_original_have(pair):
    eager, model = pair
    expected = list(es.Untrained(members=2).models(eager, batches()))
    with told():
        found = list(es.Untrained(members=2).models(model, batches()))
    for own, other in zip(found, expected, strict=True):
        values = (each.state_dict().values() for each in (own, other))
        assert all(map(torch.equal, *values))


def test_a_compiled_model_to_compare_with(pair):
    eager, model = pair
    other = Net().eval()
    expected = es.scan(other, batches(), baseline=eager, progress=False)
    with told():
        found = es.scan(other, batches(), baseline=model, progress=False)
    assert same(found.baseline.table(), expected.baseline.table())


def test_diagnose(pair):
    eager, model = pair
    attention = eager.convs[1].att.detach().clone()
    expected = es.diagnose(forgetful(eager), batches(), every=1, progress=False)
    forgetful(model)
    with told():
        found = es.diagnose(model, batches(), every=1, progress=False)
    with torch.no_grad():
        for each in pair:
            each.convs[1].att.copy_(attention)
    assert [str(each) for each in found] == [str(each) for each in expected]
    assert "uniform-attention" in {each.rule for each in found}
    assert found.unjudged == expected.unjudged
    assert found.coverage.eager
    assert "compiled" in found.coverage.rest()


def forgetful(model):
    with torch.no_grad():
        model.convs[1].att.zero_()
    return model


def test_ablate(pair):
    eager, model = pair
    options = {"where": 5, "repeats": 2, "metric": "mae", "progress": False}
    expected = es.ablate(eager, batches(), **options)
    with told():
        found = es.ablate(model, batches(), **options)
    assert same(found.table(), expected.table())


def test_ablate_with_values_of_an_untrained_model(pair):
    eager, model = pair
    options = {
        "where": 5,
        "controls": [],
        "value": "untrained",
        "baseline": es.Untrained(members=1),
        "metric": "none",
        "progress": False,
    }
    expected = es.ablate(eager, batches(), **options)
    with told():
        found = es.ablate(model, batches(), **options)
    assert same(found.table(), expected.table())


@pytest.mark.parametrize(
    "method",
    [es.MassiveActivationExplainer, es.attribute.Occlusion, es.attribute.GNNExplainerMask],
)
def test_explainers(pair, method):
    eager, model = pair
    expected = method().attribute(eager, batches()[0])
    with told():
        found = method().attribute(model, batches()[0])
    assert torch.equal(found, expected)


def test_the_explainer_within_pygs(pair):
    def explain(model):
        explainer = Explainer(
            model,
            es.MassiveActivationExplainer(),
            explanation_type="model",
            edge_mask_type="object",
            model_config={"mode": "regression", "task_level": "graph"},
        )
        batch = batches()[0]
        return explainer(batch.x, batch.edge_index, batch=batch.batch).edge_score

    eager, model = pair
    expected = explain(eager)
    with told():
        assert torch.equal(explain(model), expected)


def test_noise_attack(pair):
    eager, model = pair
    options = {"at": ["embed"], "std": 0.1, "steps": 1, "restarts": 1, "loss": "l1"}
    expected = es.noise_attack(eager, batches(), progress=False, **options)
    with told():
        found = es.noise_attack(model, batches(), progress=False, **options)
    assert found.losses == expected.losses


def test_a_remedy_takes_effect_in_a_compiled_part(pair):
    eager, model = pair
    finding = es.diagnosis.Finding("", "note", "convs.0", "", {}, "", "", "residual")
    changed = [es.diagnose.try_remedy(each, finding) for each in (eager, model)]
    with torch.no_grad():
        expected, found = (each(*inputs(batches()[0])) for each in changed)
        assert not torch.equal(expected, eager(*inputs(batches()[0])))
    assert torch.equal(found, expected)


def test_what_is_compiled_ahead_of_time_is_refused_by_every_tool():
    model = torch.compile(Net().eval(), backend="eager", fullgraph=True)
    forward = torch._dynamo.aot_compile.AOTCompiledModel
    vars(model)["forward"] = forward.__new__(forward)
    expected = "it is compiled ahead of time"
    with pytest.raises(InputError, match=expected):
        es.scan(model, batches(), progress=False)
    with pytest.raises(InputError, match=expected):
        es.diagnose(model, batches(), progress=False)
    with pytest.raises(InputError, match=expected):
        es.ablate(model, batches(), where=5, progress=False)
    with pytest.raises(InputError, match=expected):
        es.MassiveActivationExplainer().attribute(model, batches()[0])
