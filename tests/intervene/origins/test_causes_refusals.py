"""Nothing massive, numbers that are none, small graphs, and what is refused."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv, HeteroConv

from edgescope.lib.errors import EdgescopeWarning, InputError
from support.planted_causes import (
    ARCHITECTURES,
    Attends,
    all_of_two_tensors,
    finest,
    graphs,
    traced,
    trained_from,
    two_tensors,
)


@pytest.fixture(scope="module")
def pair():
    return two_tensors()


@pytest.fixture(scope="module")
def whole():
    return all_of_two_tensors()


def test_where_nothing_is_massive_there_is_nothing_to_trace(pair):
    found = traced(*pair, where=1e30)
    assert not found.table("sets").height
    assert "nothing that training has made" in found.conclusion()
    same = traced(pair[1], copy.deepcopy(pair[1]), where=20, patches=True)
    assert (same.info.changed, same.info.itself) == (0, 0)


def test_what_is_no_number_is_not_taken_for_removed():
    torch.manual_seed(0)
    untrained = ARCHITECTURES["GraphTransformer"]().eval()
    model = trained_from(untrained)
    attention = model.layers[1].attention
    with torch.no_grad():
        for linear, scale in (("query", 1e30), ("key", 1e-30), ("edge", 1e15)):
            getattr(attention, linear).weight[3] *= scale
    found = traced(model, untrained, where=1e6, levels=["tensor"])
    rows = found.table().filter(direction="rewound")
    path = "layers.1.attention"
    key = rows.filter(unit=f"{path}.key.weight").row(0, named=True)
    assert (key["massive"], key["nonfinite"]) == (0, found.table()["massive"][0])
    removes = finest(found)["removes"]
    assert {removes["units"], removes["others"]} == {f"{path}.query.weight", f"{path}.edge.weight"}


def one_graph(**fields):
    return DataLoader([Data(**fields)], batch_size=1)


@pytest.mark.parametrize(
    ("x", "edge_index"),
    [
        (torch.zeros(3, dtype=torch.long), torch.zeros(2, 0, dtype=torch.long)),
        (torch.zeros(1, dtype=torch.long), torch.zeros(2, 0, dtype=torch.long)),
        (torch.zeros(1, dtype=torch.long), torch.zeros(2, 2, dtype=torch.long)),
    ],
    ids=["no edges", "one node", "self-loops"],
)
def test_small_and_empty_graphs_are_traced(pair, x, edge_index):
    kinds = torch.zeros(edge_index.size(1), dtype=torch.long)
    batches = one_graph(x=x, edge_index=edge_index, edge_attr=kinds)
    found = traced(*pair, batches, where=5, patches=True)
    assert found.info.itself == 0
    assert found.info.graphs == 1
    assert np.isnan(found.table()["moved_low"].drop_nulls().to_numpy()).all()


def test_one_head_in_half_precision_and_one_channel():
    torch.manual_seed(0)
    untrained = Attends(lambda: GATv2Conv(8, 8, heads=1, edge_dim=3)).eval()
    half = trained_from(untrained).half(), copy.deepcopy(untrained).half()
    assert traced(*half, where=5, patches=True).info.itself == 0
    one = Attends(lambda: GATv2Conv(8, 8, heads=1, edge_dim=3, concat=False))
    one.convs[1] = GATv2Conv(8, 1, edge_dim=3)
    one.read = nn.Linear(1, 1)
    with pytest.warns(EdgescopeWarning, match="one number per edge and head"):
        found = traced(trained_from(one), one.state_dict(), where=5)
    assert found.info.sites == ("convs.0:score",)


def test_what_cannot_be_traced_is_refused(pair):
    model, untrained = pair
    other = copy.deepcopy(untrained)
    other.layers[0].node.residual = False
    for wrong, message in (
        (other, "neither a parameter nor a buffer"),
        (ARCHITECTURES["SAN"](), "has other tensors than the trained one"),
        (None, "expected a model, its state dict"),
        ("best.ckpt", "expected 'untrained'"),
    ):
        with pytest.raises(InputError, match=message):
            traced(model, wrong)
    for options, message in (
        ({"levels": ["tensor", "layer"]}, "in this order"),
        ({"levels": []}, "expected some of layer"),
        ({"share": 0}, "share=0"),
        ({"steps": 0}, "steps=0"),
        ({"max_passes": 0}, "max_passes=0"),
        ({"sites": "nothing"}, "no site matches"),
        ({"where": "calibrated"}, "untrained models"),
    ):
        with pytest.raises(InputError, match=message):
            traced(model, untrained, **options)
    fewer = graphs()[:5]
    with pytest.raises(InputError, match="other numbers of edges"):
        traced(model, untrained, where=5, patches=True, donor=DataLoader(fewer, 9))


def test_two_sets_of_nodes_and_features_that_are_no_numbers_are_traced():
    class Hetero(nn.Module):
        def __init__(self):
            super().__init__()
            conv = GATv2Conv((2, 3), 4, add_self_loops=False)
            self.conv = HeteroConv({("a", "to", "b"): conv})

        def forward(self, x_dict, edge_index_dict):
            return self.conv(x_dict, edge_index_dict)["b"].mean(0, keepdim=True)

    made = []
    random = torch.Generator().manual_seed(0)
    for number in range(9):
        data = HeteroData()
        data["a"].x = torch.randn(3, 2, generator=random)
        data["b"].x = torch.randn(2, 3, generator=random)
        data["a", "to", "b"].edge_index = torch.tensor([[0, 1, 2], [0, 1, 1]])
        if number == 4:
            data["a"].x[0, 0] = torch.nan
        made.append(data)
    torch.manual_seed(0)
    untrained = Hetero().eval()
    model = trained_from(untrained)
    with torch.no_grad():
        next(iter(model.conv.convs.values())).lin_l.weight[1] *= 1e5
    found = traced(model, untrained, made, where=1000, patches=True)
    assert finest(found)["removes"]["units"].endswith("lin_l.weight")
    assert (found.info.nonfinite, found.info.itself) == (1, 0)
    assert "sets" in found.info.exact
    ends = found.table().filter(level="model")
    assert ends["nonfinite"].to_list() == [1, 1]
    assert "1 hold numbers that are not finite" in found.verdicts()[0]


def test_a_model_that_draws_random_numbers_is_refused_with_a_state_dict_too():
    class Noisy(Attends):
        def forward(self, x, edge_index, edge_attr, batch):
            found = super().forward(x, edge_index, edge_attr, batch)
            return torch.nn.functional.dropout(found, training=True)

    untrained = Noisy(lambda: GATv2Conv(8, 4, heads=2, edge_dim=3))
    with pytest.raises(InputError, match="random numbers"):
        traced(trained_from(untrained), untrained.state_dict(), where=20)


def test_a_donor_whose_graphs_have_other_edges_is_refused(pair):
    mixed = graphs()
    mixed[0], mixed[1] = mixed[1], mixed[0]  # as many edges in all
    donor = DataLoader(mixed, batch_size=5)
    with pytest.raises(InputError, match="other numbers of edges"):
        traced(*pair, where=100_000, patches=True, donor=donor, max_passes=1)
    with pytest.raises(InputError, match="patches nothing"):
        traced(*pair, where=100_000, donor=donor)


def test_numbers_beyond_float32_are_not_finite_as_in_a_scan():
    torch.manual_seed(0)
    untrained = Attends(lambda: GATv2Conv(8, 4, heads=2, edge_dim=3)).double().eval()
    model = copy.deepcopy(untrained)
    with torch.no_grad():
        model.convs[0].lin_edge.weight[3] = 1e45
    found = traced(model, untrained, where=100, levels=["layer"])
    trained = found.table().row(0, named=True)
    assert trained["unit"] == "trained"
    assert trained["nonfinite"] > 0
