"""Where it is not certain which edge a layer sees, capture refuses; it is never wrong."""

from typing import ClassVar

import pytest
import torch
from torch import nn
from torch_geometric import EdgeIndex
from torch_geometric.nn import GATConv, MessagePassing, TopKPooling
from torch_geometric.utils import coalesce, dropout_edge, to_torch_csr_tensor, to_undirected

import edgescope as es
from edgescope.capturing import MessagePassingAdapter, Stage
from edgescope.lib.errors import InputError
from support.one_layer import EDGES, Model, X, gat, refusal, weights


class OtherNames(Model):
    def forward(self, nodes, edges):
        return self.conv(nodes, edges)


def test_a_model_that_calls_its_edges_otherwise_is_captured_once_told_how():
    model = OtherNames(gat())
    found = refusal(model)
    assert "OtherNames was called without an argument named edge_index" in found
    assert "name it with inputs={'edge_index': ...}" in found
    named = weights(model, inputs={"edge_index": "edges", "x": "nodes"})
    assert named.input_edge.tolist() == [*range(6), *[-1] * 4]


def test_layers_run_outside_the_call_of_the_model_are_refused():
    model = Model(gat())
    expected = "conv ran outside a call of the captured model; call the model itself inside"
    with pytest.raises(InputError, match=expected), es.capture(model):
        model.conv(X, EDGES)


class Pooled(nn.Module):
    """Pools the nodes between two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.conv = GATConv(8, 8), GATConv(8, 8)
        self.pool = TopKPooling(8, 0.5)

    def forward(self, x, edge_index):
        x = self.before(x, edge_index)
        x, edge_index, *_ = self.pool(x, edge_index)
        return self.conv(x, edge_index)


def test_a_layer_after_pooling_is_refused_and_those_before_can_be_captured():
    torch.manual_seed(0)  # some weights pool all edges away, so that none is left to refuse
    model = Pooled()
    found = refusal(model)
    assert found.startswith("which row of conv:logit belongs to which edge cannot be told: ")
    assert "nodes were renumbered on the way, or the edges were computed anew" in found
    assert found.endswith("leave this site out with sites=")
    with es.capture(model, "before:*") as tape:
        model(X, EDGES)
    assert tape["before:weight"].input_edge.tolist() == [*range(6), *[-1] * 4]


class Dropped(Model):
    """Drops edges, and keeps which are left."""

    def forward(self, x, edge_index):
        edge_index, self.kept = dropout_edge(edge_index, 0.5)
        return self.conv(x, edge_index)


def test_edges_dropped_on_the_way_leave_the_others_identified():
    model = Dropped(gat())
    with es.capture(model) as tape:
        model(X, EDGES)
    kept = model.kept.nonzero().squeeze(1)
    assert 0 < len(kept) < 6
    assert tape["conv:weight"].input_edge[: len(kept)].tolist() == kept.tolist()


def test_a_duplicate_dropped_while_others_stay_side_by_side_leaves_them_identified():
    class WithoutOne(Model):
        def forward(self, x, edge_index):
            return self.conv(x, edge_index[:, torch.arange(12) != 2])

    found = weights(WithoutOne(gat()), X, torch.cat([EDGES, EDGES], dim=1))
    assert found.input_edge[found.real].tolist() == [0, 1, *range(3, 12)]


@pytest.mark.parametrize("add_self_loops", [True, False])
@pytest.mark.parametrize("merge", [coalesce, to_undirected])
def test_merged_duplicates_are_refused_as_a_row_is_then_several_edges(merge, add_self_loops):
    class Merged(Model):
        def forward(self, x, edge_index):
            return self.conv(x, merge(edge_index))

    found = refusal(Merged(gat(add_self_loops=add_self_loops)), X, torch.cat([EDGES, EDGES], dim=1))
    assert "of several edges from" in found
    assert "were left out or merged with them cannot be told; merge them before" in found


def test_merged_duplicates_are_refused_also_with_their_ends_exchanged():
    class Turned(Model):
        def forward(self, x, edge_index):
            return self.conv(x, coalesce(edge_index.flip(0)))

    edges = torch.tensor([[0, 0, 1], [1, 1, 2]])
    assert "of several edges from" in refusal(Turned(gat(add_self_loops=False)), X, edges)


@pytest.mark.parametrize("add_self_loops", [True, False])
def test_edges_merged_with_reversed_ones_are_refused_beside_edges_that_were_not(add_self_loops):
    class Both(Model):
        def forward(self, x, edge_index):
            both = torch.cat([edge_index, edge_index.flip(0)], dim=1)
            return self.conv(x, coalesce(both))

    edges = torch.tensor([[0, 2, 2], [1, 3, 3]])  # the first is not merged with any other
    found = refusal(Both(gat(add_self_loops=add_self_loops)), X, edges)
    assert "of several edges from 2 to 3 it saw only some" in found


@pytest.mark.parametrize("more", [[[0, 1, 2, 3]] * 2, [[0, 3], [1, 1]]], ids=["loops", "edges"])
def test_edges_that_may_be_merged_with_those_that_the_model_adds_are_refused(more):
    class Adds(Model):
        def forward(self, x, edge_index):
            return self.conv(x, coalesce(torch.cat([edge_index, torch.tensor(more)], dim=1)))

    edges = torch.tensor([[0, 2, 1, 3], [1, 3, 1, 1]])
    found = refusal(Adds(gat(add_self_loops=False)), X, edges)
    assert "joined with others" in found


def test_a_self_loop_of_unknown_origin_is_refused_where_loops_were_given():
    class Renumbered(Model):
        def forward(self, x, edge_index):
            number = torch.tensor([1, 0, 2, 3])
            edge_index.copy_(number[edge_index])
            return self.conv(x[number], edge_index)

    found = refusal(Renumbered(gat(add_self_loops=False)), X, torch.zeros(2, 2).long())
    assert "whether its self-loop of node 1 is one of those given or a new one" in found


class Fused(MessagePassing):
    """A layer of a user that can multiply by an adjacency matrix instead of sending messages."""

    SUPPORTS_FUSED_EDGE_INDEX = True

    def forward(self, x, edge_index):
        return self.propagate(edge_index, x=x)

    def message(self, x_j):
        return x_j

    def message_and_aggregate(self, edge_index, x):
        return edge_index @ x


class FusedAdapter(MessagePassingAdapter):
    layer = Fused
    stages: ClassVar = {"logit": Stage("sum_d x_j"), "weight": Stage("softmax_j(logit)")}

    def logit(self, layer, call):  # noqa: ARG002  (overrides)
        return call["x_j"].sum(-1)


@pytest.fixture
def fused(own_adapters):
    es.capture.register(FusedAdapter())
    return Model(Fused())


SORTED, ORDER = EdgeIndex(EDGES, sparse_size=(4, 4)).sort_by("col")


def test_a_fused_layer_works_on_plain_edges(fused):
    assert weights(fused).input_edge.tolist() == list(range(6))


def test_a_fused_layer_is_refused_with_sorted_edges_and_works_once_it_is_not_fused(fused):
    found = refusal(fused, X, SORTED)
    assert "Fused fuses messages and their aggregation" in found
    assert found.endswith("set its fuse = False or pass a plain edge_index")
    fused.conv.fuse = False
    assert len(weights(fused, X, SORTED).values) == 6


def test_a_fused_layer_is_refused_with_a_sparse_adjacency_made_on_the_way(fused):
    class Sparse(Model):
        def forward(self, x, edge_index):
            return self.conv(x, to_torch_csr_tensor(edge_index, size=(4, 4)).t())

    assert "set its fuse = False or pass a plain edge_index" in refusal(Sparse(fused.conv))


def test_a_sparse_adjacency_is_refused():
    adjacency = to_torch_csr_tensor(EDGES, size=(4, 4))
    found = refusal(Model(gat(add_self_loops=False)), X, adjacency)
    assert found.startswith("Model was given a sparse adjacency matrix")
    assert found.endswith("pass edge_index as a tensor [2, E]")


def test_a_sparse_adjacency_made_on_the_way_is_refused():
    class Sparse(Model):
        def forward(self, x, edge_index):
            return self.conv(x, to_torch_csr_tensor(edge_index, size=(4, 4)))

    found = refusal(Sparse(gat(add_self_loops=False)))
    assert "GATConv was given a sparse adjacency matrix" in found
    assert "pass edge_index as a tensor [2, E]" in found


def test_sorted_edges_are_captured_by_a_layer_that_does_not_fuse():
    model = Model(gat(add_self_loops=False))
    plain, found = weights(model), weights(model, X, SORTED)
    assert torch.equal(found.edge_index, SORTED.as_tensor())
    torch.testing.assert_close(found.values, plain.values[ORDER])
