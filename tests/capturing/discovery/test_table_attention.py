"""Attention over tables of neighbours: what is discovered is what was used, for the right edges."""

import warnings

import pytest
import torch
from hypothesis import given, settings

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from support import traces
from support.attention_programs import Graph, graphs
from support.attention_zoo.graphs import multigraphs
from support.attention_zoo.neighbours import AttentiveFP, with_tables
from support.attention_zoo.padded_tables import DummyFirst, Multiplied, TableNet
from support.table_programs import (
    GATHERS,
    SOFTMAXES,
    TABLE_DECOYS,
    TableProgram,
    order_of,
    table_programs,
)


def plain_graph() -> Graph:
    """Return a multigraph in which nothing is alike by chance."""
    random = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(5, 2, 3, generator=random) for _ in range(3))
    source = torch.tensor([0, 1, 2, 0, 3, 3, 1, 2])
    target = torch.tensor([1, 0, 0, 1, 3, 1, 0, 3])  # node 4 is isolated
    edge = torch.randn(8, 2, generator=random)
    return Graph(q, k, v, edge, source, target, torch.tensor([0, 0, 0, 1, 1]))


def assert_is_used(program: TableProgram, graph: Graph, read: list[traces.Reading]) -> None:
    order = order_of(graph)
    weight, logit = program.weights(graph)[order], program.logits(graph)[order]
    message = weight[..., None] * graph.v[graph.source].double()[order]
    for each in (one for one in read if one.source is not None):
        assert torch.equal(each.target, graph.target[order])
        assert torch.equal(each.source, graph.source[order])
        wanted = {"weight": weight, "logit": logit, "message": message}
        for stage in wanted.keys() & each.stages.keys():
            found = each.stages[stage].double().flatten(1)
            assert torch.allclose(found, wanted[stage].flatten(1), rtol=1e-4, atol=1e-5), stage
        if "score" in each.stages and not program.bias:
            summed = each.stages["score"].double().sum(-1)
            assert torch.allclose(summed, logit, rtol=1e-4, atol=1e-5)


@settings(max_examples=150, deadline=None)
@given(table_programs(), graphs().filter(lambda graph: graph.rows > 0))
def test_what_is_discovered_is_what_the_program_used(program, graph):
    assert_is_used(program, graph, traces.of_run(lambda: program(graph)))


@pytest.mark.parametrize("product", ["mul", "bmm", "einsum"])
@pytest.mark.parametrize("share", sorted(SOFTMAXES))
@pytest.mark.parametrize("gather", sorted(GATHERS))
def test_every_way_to_write_it_is_found(gather, share, product):
    graph = plain_graph()
    program = TableProgram(gather, share, product, True, tuple(sorted(TABLE_DECOYS)))
    read = traces.of_run(lambda: program(graph))
    assert_is_used(program, graph, read)
    along = [set(each.stages) for each in read if each.source is not None]
    assert len(along) == 1
    assert along[0] >= {"logit", "weight", "message"}


@pytest.mark.parametrize("decoy", sorted(TABLE_DECOYS))
def test_what_is_no_attention_is_not_found(decoy):
    read = traces.of_run(lambda: TABLE_DECOYS[decoy](plain_graph()))
    assert [each.kind for each in read if each.source is not None] == []


def test_rows_of_a_table_that_was_filled_with_edges_are_these_without_a_doubt():
    model, data = TableNet(Multiplied()).eval(), multigraphs()  # with parallel edges
    with warnings.catch_warnings():
        warnings.simplefilter("error", EdgescopeWarning)
        es.capture.discover(model, data)
        with torch.no_grad(), es.capture(model, "*:weight") as tape:
            model(data)
    identity = tape["layer:weight"].identity
    assert identity.input_edge.numel() == data.num_edges
    assert torch.equal(
        identity.edge_index, data.edge_index[:, data.edge_index[1].argsort(stable=True)]
    )
    offset = data._slice_dict["edge_index"][identity.graph]
    assert (offset + identity.input_edge).tolist() == data.edge_index[1].argsort(
        stable=True
    ).tolist()


class Events(torch.nn.Module):
    """Some nodes attend to a table of neighbours by a layer that an adapter knows."""

    def __init__(self):
        super().__init__()
        self.att = torch.nn.MultiheadAttention(8, 2)

    def forward(self, x, edge_index, nodes, table):
        near = x[table.flatten()].view(*table.shape, -1).transpose(0, 1)
        query = (x * edge_index.numel())[nodes]
        return self.att(query[None], near, near, key_padding_mask=table == 0)[0]


def test_tables_within_a_layer_of_torch_are_found_if_they_are_asked_for():
    torch.manual_seed(0)
    model, edges = Events().eval(), torch.tensor([[1, 2, 2, 3], [4, 4, 5, 6]])
    given = (
        torch.randn(7, 8),
        edges,
        torch.tensor([4, 5, 6]),
        torch.tensor([[1, 2], [2, 0], [3, 1]]),
    )
    with pytest.raises(InputError, match="known=True"), es.capture(model):
        model(*given)
    with pytest.warns(EdgescopeWarning, match="renumbered"):
        es.capture.discover(model, *given, known=True)
    with (
        pytest.warns(EdgescopeWarning, match="renumbered"),
        torch.no_grad(),
        es.capture(model, ":weight") as tape,
    ):
        model(*given)
    identity, values = tape[":weight"].identity, tape[":weight"].values
    assert identity.edge_index.tolist() == [[1, 2, 2, 3, 1], [4, 4, 5, 6, 6]]
    assert identity.input_edge.tolist() == [0, 1, 2, 3, -1]
    assert torch.allclose(values[2], torch.ones(2, 1))


class Behind(torch.nn.Module):
    """Attention to a table of what stands behind other rows, of which there may be any number."""

    def forward(self, x, edge_index, others, table):
        near = torch.cat([others, x * edge_index.numel()])[table + len(others)]
        weight = (near * x.unsqueeze(1)).sum(-1).softmax(1)
        return torch.einsum("vk,vkc->vc", weight, near)


def test_what_stands_before_the_nodes_is_counted_in_every_run():
    random = torch.Generator().manual_seed(0)
    edges, table = torch.tensor([[0, 1, 2], [1, 2, 0]]), torch.tensor([[2, 0], [0, 1], [1, 2]])
    model = Behind()
    for others in (2, 5, 1):
        given = (torch.randn(3, 4, generator=random), edges, torch.randn(others, 4), table)
        with pytest.warns(EdgescopeWarning, match="renumbered"), es.capture(model) as tape:
            model(*given)
        identity = tape[":weight"].identity
        assert identity.source.tolist() == table.flatten().tolist()
        assert identity.target.tolist() == [0, 0, 1, 1, 2, 2]
        assert identity.input_edge.tolist() == [2, -1, 0, -1, 1, -1]


def test_parallel_edges_are_told_by_a_table_of_edges():
    model, data = AttentiveFP().eval(), with_tables()
    with pytest.warns(EdgescopeWarning, match="renumbered"):
        es.capture.discover(model, data)
    with (
        pytest.warns(EdgescopeWarning, match="renumbered"),
        torch.no_grad(),
        es.capture(model, "atoms:weight") as tape,
    ):
        model(data)
    identity = tape["atoms:weight"].identity
    assert identity.in_input.tolist() == data.edge_table[data.edge_table >= 0].tolist()


def test_parallel_edges_that_cannot_be_told_are_refused():
    found = es.capture.discover(TableNet(DummyFirst()).eval(), multigraphs())
    assert found.sites == ()
    assert "between which the input has several edges" in found.refused[0][1]
