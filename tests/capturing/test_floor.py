"""A median at a layer's floor is none: ratios over it are undefined, wherever they are taken."""

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GATv2Conv, GENConv
from torch_geometric.nn.aggr import SoftmaxAggregation

import edgescope as es
from edgescope.capturing.activations import above_floor
from edgescope.intervene.activation_choice import selector
from edgescope.statistics import edge_ratios

WIDTH = 8


class Net(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x, edge_index):
        return self.conv(x, edge_index)


def loader(seed=0, dtype=torch.float32):
    random = torch.Generator().manual_seed(seed)
    graphs = [
        Data(
            x=torch.randn(9, WIDTH, generator=random).to(dtype),
            edge_index=torch.randint(0, 9, (2, 30), generator=random),
        )
        for _ in range(4)
    ]
    return [Batch.from_data_list(graphs)]


def layer(dtype=torch.float32, **options):
    torch.manual_seed(0)
    return Net(GENConv(WIDTH, WIDTH, **options)).to(dtype).eval()


OPTIONS = {
    "plain": {},
    "temperature": {"t": 0.3},
    "negative temperature": {"t": -2.0},
    "learnt temperature": {"learn_t": True},
    "temperature per channel": {"aggr": SoftmaxAggregation(learn=True, channels=WIDTH)},
    "another eps": {"eps": 1e-3},
    "no eps": {"eps": 0.0},
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_what_relu_made_zero_is_zero_in_ratios(options, dtype):
    model = layer(dtype, **options)
    (batch,) = loader(dtype=dtype)
    with torch.no_grad(), es.capture(model) as tape:
        model(batch.x, batch.edge_index)
    off = batch.x[tape["conv:logit"].source] <= 0
    for stage in ("logit", "message"):
        found = tape[f"conv:{stage}"].above_floor.squeeze(1)
        assert bool((found[off] == 0).all())
    # The logit of what is on is above the floor, unless it is as small as the floor itself.
    on = batch.x[tape["conv:logit"].source] > 0.01
    assert bool((tape["conv:logit"].above_floor.squeeze(1)[on] != 0).all())


def test_an_untrained_layer_bears_no_massive_activations():
    """Half of the channels are off on average, so the median of every other edge is the floor."""
    model, batches = layer(), loader()
    scan = es.scan(model, batches, criterion="paper2025", progress=False)
    assert scan.massive_edges()["massive"].sum() == 0
    table = scan.table()
    source = batches[0].x[batches[0].edge_index[0]]
    lower_median = source.clamp(min=0).sort(dim=1).values[:, (WIDTH - 1) // 2]
    undefined = int((lower_median <= 0).sum())
    assert 0 < undefined < len(source)
    for row in table.iter_rows(named=True):
        if row["site"] in {"conv:logit", "conv:message"}:
            assert row["undefined"] == undefined


def test_interventions_and_explanations_take_the_same_ratios():
    model, (batch,) = layer(), loader()
    with torch.no_grad(), es.capture(model) as tape:
        model(batch.x, batch.edge_index)
    for stage in ("logit", "message"):
        found = tape[f"conv:{stage}"]
        assert bool((edge_ratios(found.values).top_ratio > 1000).any())
        assert not bool(selector(1000.0).choose(found).any())
        explainer = es.MassiveActivationExplainer(sites=[f"conv:{stage}"])
        call = lambda model, batch: model(batch.x, batch.edge_index)  # noqa: E731
        score = explainer.explain(model, batch, call)
        ratios = edge_ratios(found.above_floor).tops
        expected = ratios.top_ratio.where(ratios.defined, 1).log10()
        torch.testing.assert_close(score, expected)
        assert float(score.max()) < 3


def test_layers_without_a_floor_are_left_alone():
    model = Net(GATv2Conv(WIDTH, WIDTH))
    (batch,) = loader()
    with torch.no_grad(), es.capture(model) as tape:
        model(batch.x, batch.edge_index)
    found = tape["conv:score"]
    assert found.above_floor is found.values


def test_what_is_not_finite_stays():
    values = torch.tensor([[[torch.nan, torch.inf, 1e-8, -1e-7, 2e-7]]])
    found = above_floor(values, 1e-7)
    assert found[..., 2:].flatten().tolist() == pytest.approx([0, 0, 2e-7])
    assert bool(found[0, 0, 0].isnan() & found[0, 0, 1].isinf())
