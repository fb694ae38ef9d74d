"""Pairs of a dense batch: whose nodes they are, and which edge of the input runs between them."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Batch
from torch_geometric.utils import to_dense_batch

import edgescope as es
from edgescope.capturing.graph_input import GraphInput, InputEdges, NodeSet
from edgescope.capturing.pairs import check_sizes, first_between
from edgescope.lib.errors import InputError
from support.graph_cases import WIDTH, graphs
from support.layer_cases import CASES, build

PAIRS = [case for case in CASES if case.pairs]
SITE = "layer:weight"
with_case = pytest.mark.parametrize("case", PAIRS, ids=lambda case: case.name)
batches = st.lists(graphs(), min_size=1, max_size=4).map(Batch.from_data_list)


def by_hand(batch):
    """Return graph, source, target, input edge and type of every pair, one after the other."""
    rows = []
    for number, graph in enumerate(batch.to_data_list()):
        edges = graph.edge_index.t().tolist()
        start = int(batch.ptr[number])
        for target, source in product(range(graph.num_nodes), repeat=2):
            is_edge = [source, target] in edges
            edge = edges.index([source, target]) if is_edge else -1
            kind = int(graph.edge_type[edge]) if is_edge else -1
            rows.append((number, start + source, start + target, edge, kind))
    return torch.tensor(rows).t()


@with_case
@given(batches)
def test_a_pair_is_the_first_edge_from_key_to_query_or_none(case, batch):
    model = build(case).eval()
    with torch.no_grad(), es.capture(model) as tape:
        model(**case.inputs(batch))
    number, source, target, edge, kind = by_hand(batch)
    for site in tape.sites:
        found = tape[site]
        assert torch.equal(found.graph, number)
        assert torch.equal(found.edge_index, torch.stack([source, target]))
        assert torch.equal(found.input_edge, edge)
        assert torch.equal(found.real, edge >= 0)
        assert torch.equal(found.edge_type, kind)
        assert torch.equal(found.identity.node_offset[0], batch.ptr[number])


@with_case
@settings(deadline=None, max_examples=12)
@given(batches)
def test_a_batch_is_captured_as_its_graphs_one_by_one(case, batch):
    model = build(case).eval()
    with torch.no_grad(), es.capture(model) as together:
        model(**case.inputs(batch))
    start = 0
    for graph in batch.to_data_list():
        with torch.no_grad(), es.capture(model) as alone:
            model(**case.inputs(graph))
        rows = slice(start, start + graph.num_nodes**2)
        start = rows.stop
        for site in together.sites:
            batched, single = together[site], alone[site]
            torch.testing.assert_close(batched.values[rows], single.values, atol=1e-5, rtol=1e-4)
            assert torch.equal(batched.input_edge[rows], single.input_edge)
    assert len(together[together.sites[0]].values) == start


class Dense(nn.Module):
    """Attention on a batch that is dense already, or made dense within."""

    def __init__(self, pad=True, extra=0):
        super().__init__()
        self.layer = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.pad = pad
        self.extra = extra

    def forward(self, x, edge_index, batch=None, graph_of_node=None):  # noqa: ARG002  (read by capture)
        batch = graph_of_node if batch is None else batch
        dense, mask = to_dense_batch(x, batch)
        token = torch.zeros(len(dense), self.extra, WIDTH)
        dense = torch.cat([token, dense], dim=1)
        mask = torch.cat([token.new_ones(token.shape[:2]).bool(), mask], dim=1)
        return self.layer(dense, dense, dense, key_padding_mask=~mask if self.pad else None)


GIVEN = {
    "x": torch.randn(5, WIDTH),
    "edge_index": torch.tensor([[0, 3], [1, 4]]),
    "batch": torch.tensor([0, 0, 0, 1, 1]),
}


@pytest.mark.parametrize(
    ("model", "given", "reason"),
    [
        (Dense(extra=1), GIVEN, r"of 4, 3 nodes.*given 2 graphs of 3, 2 nodes; 1 more.*CLS token"),
        (Dense(pad=False), GIVEN, r"2 graphs of 3, 3 nodes.*call it with a key_padding_mask"),
        (
            Dense(),
            {"x": GIVEN["x"], "edge_index": GIVEN["edge_index"], "graph_of_node": GIVEN["batch"]},
            r"2 graphs of 3, 2 nodes.*given 1 graph of 5 nodes.*inputs=\{'batch': \.\.\.\}",
        ),
    ],
)
def test_a_dense_batch_of_other_nodes_is_refused_with_the_cause(model, given, reason):
    with pytest.raises(InputError, match=f"{SITE}.*{reason}"), es.capture(model, SITE):
        model(**given)


def test_the_batch_may_have_another_name():
    model = Dense()
    given = {"x": GIVEN["x"], "edge_index": GIVEN["edge_index"], "graph_of_node": GIVEN["batch"]}
    with es.capture(model, inputs={"batch": "graph_of_node"}) as tape:
        model(**given)
    assert tape[SITE].graph.tolist() == [0] * 9 + [1] * 4


class OnlyDense(nn.Module):
    """An encoder of dense batches that has never heard of edges."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, src, padding=None):
        return self.encoder(src, src_key_padding_mask=padding)


def test_without_edges_no_pair_is_real_and_the_graph_is_the_row_of_the_batch():
    model = OnlyDense()
    padding = torch.tensor([[False, False], [False, True]])
    with es.capture(model) as tape:
        model(torch.randn(2, 2, WIDTH), padding)
    assert len(tape.sites) == 4
    for site in tape.sites:
        found = tape[site]
        assert found.edge_index.t().tolist() == [[0, 0], [1, 0], [0, 1], [1, 1], [2, 2]]
        assert found.graph.tolist() == [0, 0, 0, 0, 1]
        assert not found.real.any()
        assert found.edge_type is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=10))
def test_the_first_of_several_edges_is_found(edges):
    edge_index = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t()
    pairs = list(product(range(4), repeat=2))
    expected = [edges.index(pair) if pair in edges else -1 for pair in pairs]
    assert first_between(torch.tensor(pairs).t(), edge_index, 4).tolist() == expected


def graph_input(batch=None, num_nodes=None):
    nodes = NodeSet(batch, num_nodes)
    return GraphInput([InputEdges(torch.tensor([[0], [1]]), None, (nodes, nodes))], batch, "Model")


def test_graphs_without_nodes_are_graphs():
    check_sizes(graph_input(torch.tensor([0, 0, 2])), torch.tensor([2, 0, 1, 0]))


def test_nodes_of_one_graph_that_are_apart_are_refused():
    with pytest.raises(InputError, match="do not follow each other in batch; sort them"):
        check_sizes(graph_input(torch.tensor([0, 1, 0])), torch.tensor([2, 1]))


def test_several_graphs_without_batch_are_refused_even_if_the_nodes_were_not_counted():
    check_sizes(graph_input(), torch.tensor([3]))
    with pytest.raises(InputError, match="2 graphs of 2, 1 nodes, the model was given 1 graph of"):
        check_sizes(graph_input(), torch.tensor([2, 1]))
    with pytest.raises(InputError, match="1 graph of 3 nodes, the model was given 1 graph of 4"):
        check_sizes(graph_input(num_nodes=4), torch.tensor([3]))
