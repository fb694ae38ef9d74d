"""Edges that cannot be followed are refused, unless the user vouches for them."""

import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import TransformerConv

import edgescope as es
from edgescope.lib.errors import InputError

GRAPH = Data(
    x=torch.randn(4, 8, generator=torch.Generator().manual_seed(0)),
    edge_index=torch.tensor([[0, 1, 1, 2, 3, 0], [1, 0, 2, 3, 0, 2]]),
    y=torch.zeros(1),
)


class ReadBack(nn.Module):
    """Gives its second layer edges that went through a list."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = (TransformerConv(8, 4, heads=2) for _ in range(2))

    def forward(self, x, edge_index):
        edges = torch.tensor(edge_index[:, 1:].tolist())
        return (self.one(x, edge_index) + self.two(x, edges)).sum().view(1, 1)


@pytest.fixture
def model():
    return ReadBack().eval()


@pytest.mark.parametrize("trust", [(), "one:*", ["one:*", "t*:score"]])
def test_a_copy_that_was_not_followed_is_refused_and_the_remedy_named(model, trust):
    refused = pytest.raises(InputError, match=r"two:.*vouch for them with trust=")
    with refused, es.capture(model, trust=trust):
        model(GRAPH.x, GRAPH.edge_index)


@pytest.mark.parametrize("trust", ["*", "two:*", ["two:*"]])
def test_with_trust_it_is_matched_by_source_and_target(model, trust):
    with es.capture(model, trust=trust) as tape:
        model(GRAPH.x, GRAPH.edge_index)
    assert tape["one:weight"].input_edge.tolist() == list(range(6))
    assert tape["two:weight"].input_edge.tolist() == list(range(1, 6))


def test_scan_diagnosis_and_ablation_take_it_too(model):
    rule = es.Criterion("any", ratio=1e-9)
    scanned = es.scan(model, GRAPH, criterion=rule, trust="two:*", progress=False)
    assert set(scanned.massive().filter(site="two:score")["edge"]) == set(range(1, 6))
    found = es.diagnose(model, GRAPH, trust="two:*", progress=False)
    assert [each.path for each in found.coverage.seen] == ["one", "two"]
    options = {"value": "zero", "controls": [], "metric": "none", "progress": False}
    done = es.ablate(model, GRAPH, where=scanned, trust="two:*", **options)
    assert "two:score" in set(done.table()["site"])


def test_an_edit_takes_it_too(model):
    seen = []
    with es.capture.edit(model, "two:message", seen.append, trust="two:*"):
        model(GRAPH.x, GRAPH.edge_index)
    assert seen[0].input_edge.tolist() == list(range(1, 6))
