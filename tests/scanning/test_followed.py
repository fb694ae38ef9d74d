"""A scan follows edges as long as it must, and starts again where it has ceased too early."""

import torch
from polars.testing import assert_frame_equal
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import TransformerConv

import edgescope as es
from edgescope.capturing.edge_columns import NotFollowed
from edgescope.capturing.origin import Origins
from edgescope.capturing.tape import record

RULE = es.Criterion("any", ratio=1e-9)


class Sometimes(nn.Module):
    """Turns the order of edges around if there are more than five of them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = TransformerConv(4, 4, heads=2)

    def forward(self, x, edge_index):
        if edge_index.size(1) > 5:
            edge_index = edge_index.flip(1)
        return self.conv(x, edge_index).sum().view(1, 1)


def graph(edges, seed):
    generator = torch.Generator().manual_seed(seed)
    ends = torch.randint(4, (2, edges), generator=generator)
    return Data(x=torch.randn(4, 4, generator=generator), edge_index=ends)


GRAPHS = [graph(edges, seed) for seed, edges in enumerate([4, 5, 3, 8, 4, 7])]


def followed(monkeypatch):
    """Return a list that grows with every pass that is followed."""
    passes = []
    enter = Origins.enter

    def counted(self):
        passes.append(self)
        enter(self)

    monkeypatch.setattr(Origins, "enter", counted)
    return passes


def test_a_copy_after_batches_without_one_is_told_as_well(monkeypatch):
    passes = followed(monkeypatch)
    found = es.scan(Sometimes(), GRAPHS, criterion=RULE, progress=False)
    assert len(passes) == 1 + len(GRAPHS)  # one, and once it was not enough, all
    alone = [es.scan(Sometimes(), [each], criterion=RULE, progress=False) for each in GRAPHS]
    for number, one in enumerate(alone):
        columns = ["edge", "source", "target", "head", "channel", "value"]
        there = found.massive().filter(graph=number).select(columns)
        assert_frame_equal(
            there.sort(columns[:-1]), one.massive().select(columns).sort(columns[:-1])
        )
        assert set(there["edge"]) == set(range(GRAPHS[number].num_edges))


def test_once_a_batch_needed_it_no_more_edges_are_not_followed(monkeypatch):
    passes = followed(monkeypatch)
    es.scan(Sometimes(), GRAPHS[:3], criterion=RULE, progress=False)
    assert len(passes) == 1


def test_a_pass_that_is_not_followed_takes_no_copy_for_the_edges():
    model = Sometimes()
    with record(model, adaptive=True) as tape:
        model(GRAPHS[0].x, GRAPHS[0].edge_index)
        assert tape["conv:weight"].input_edge.tolist() == list(range(4))
        for edges in (GRAPHS[3].edge_index, GRAPHS[5].edge_index):
            try:
                model(GRAPHS[3].x, edges)
            except NotFollowed:
                continue
            raise AssertionError("a copy was taken for the edges")
