"""Edge types that appear late are counted rightly, wherever a scan was interrupted."""

import pytest
import torch
from torch import nn
from torch_geometric.data import Data, HeteroData
from torch_geometric.nn import GATConv, HeteroConv

import edgescope as es
from edgescope.scanning.criteria import Criterion
from support.interrupted_scan import InterruptedScanError
from support.scan_equality import differences

WRITES = ("author", "writes", "paper")
CITES = ("paper", "cites", "paper")


class Papers(nn.Module):
    """Two relations; the second gets self-loops."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = HeteroConv(
            {WRITES: GATConv((8, 8), 4, add_self_loops=False), CITES: GATConv(8, 4)}
        )

    def forward(self, x_dict, edge_index_dict):
        return self.conv(x_dict, edge_index_dict)["paper"]


def papers(relations):
    """A graph with some of the relations."""
    random = torch.Generator().manual_seed(len(relations))
    data = HeteroData()
    for kind in ("author", "paper"):
        data[kind].x = torch.randn(5, 8, generator=random)
    for relation in relations:
        data[relation].edge_index = torch.randint(0, 5, (2, 7), generator=random)
    return data


class Loops(nn.Module):
    """A layer that adds self-loops of its own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = GATConv(8, 4)

    def forward(self, x, edge_index):
        return self.conv(x, edge_index)


def plain(edges):
    """A graph with some edges, perhaps none."""
    random = torch.Generator().manual_seed(edges)
    ends = torch.randint(0, 5, (2, edges), generator=random)
    return Data(x=torch.randn(5, 8, generator=random), edge_index=ends)


CASES = {
    "a relation that comes late": (
        Papers(),
        [papers([WRITES]), papers([WRITES]), papers([WRITES, CITES]), papers([CITES])],
    ),
    "rows that the layer adds": (Loops(), [plain(0), plain(4), plain(0), plain(9)]),
}


@pytest.mark.parametrize("number", range(1, 8))
@pytest.mark.parametrize(("model", "graphs"), CASES.values(), ids=CASES)
def test_the_result_is_that_of_an_uninterrupted_scan(tmp_path, model, graphs, number):
    given = 0

    class Loader:
        def __iter__(self):
            nonlocal given
            for graph in graphs:
                given += 1
                if given == number:
                    raise InterruptedScanError
                yield graph

    def run(shards=None):
        options = {"criterion": Criterion("all", 1.0), "sites": "*:message", "progress": False}
        return es.scan(model, Loader(), shards=shards, shard_every=0, **options)

    with pytest.raises(InterruptedScanError):
        # One pass ends before a later batch is asked for, if no edge type comes late.
        list(map(run, [tmp_path] * 7))
    assert not differences(run(tmp_path), run())
