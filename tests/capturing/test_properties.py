"""Every row is the edge that it says it is: change one edge, and only its own rows change.

All tests go through the table of layers, on random graphs and batches of them.
"""

from functools import cache

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

import edgescope as es
from support.graph_cases import graphs
from support.layer_cases import CASES, build

EXAMPLES = settings(deadline=None, max_examples=25)
BEFORE_SOFTMAX = {"score", "logit"}


def over(cases):
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@cache
def model_of(case):
    return build(case).eval()


def capture(case, data):
    """Return the stages of the first layer by name."""
    model = model_of(case)
    with torch.no_grad(), es.capture(model, lambda site: site.path == case.first) as tape:
        model(**case.inputs(data))
    return {site.partition(":")[2]: tape[site] for site in tape.sites}


@st.composite
def batches(draw, min_edges=0):
    """A graph, or a batch of them."""
    data = draw(st.lists(graphs(min_edges, max_nodes=4), min_size=1, max_size=2))
    return data[0] if len(data) == 1 else Batch.from_data_list(data)


def edge_of(case, found, data):
    """Return the position in the whole batch of the edge of every row ``[E]``, or -1."""
    edges = []
    graph_of = data.batch[data.edge_index[1]] if "batch" in data else data.edge_index[1] * 0
    for row, (position, graph) in enumerate(zip(found.input_edge, found.graph, strict=True)):
        own = graph_of == graph
        if case.hetero and position >= 0:
            relation = found.relations[found.edge_type[row]].split()[1]
            own &= data.edge_type == int(relation.removeprefix("r"))
        edges.append(int(own.nonzero()[position]) if position >= 0 else -1)
    return torch.tensor(edges, dtype=torch.int64)


def differs(before, after):
    return (before.values != after.values).flatten(1).any(1)


def with_change(data, field, where, value):
    """Return a copy of ``data`` in which a part of one field is replaced."""
    changed = data.clone()
    changed[field] = data[field].clone()
    changed[field][where] = value
    return changed


def sources_of(data, edge):
    """Return the other nodes of the graph of an edge, none of them one of its ends."""
    inside = torch.ones(data.num_nodes, dtype=torch.bool)
    if "batch" in data:
        inside = data.batch == data.batch[data.edge_index[1, edge]]
    inside[data.edge_index[:, edge]] = False
    return inside.nonzero().flatten().tolist()


def alone(data, edge):
    """Return the nodes of ``data`` with one of its edges only, or with none."""
    keep = [] if edge is None else [edge]
    return Data(
        x=data.x,
        edge_index=data.edge_index[:, keep],
        edge_attr=data.edge_attr[keep],
        edge_type=data.edge_type[keep],
    )


EDGES = [case for case in CASES if not case.pairs]
PAIRS = [case for case in CASES if case.pairs]


@over(EDGES)
@EXAMPLES
@given(batches())
def test_rows_name_every_edge_once_with_its_ends_and_added_loops_otherwise(case, data):
    for found in capture(case, data).values():
        edge = edge_of(case, found, data)
        real = edge[found.real]
        assert torch.equal(found.edge_index[:, found.real], data.edge_index[:, real])
        assert len(set(real.tolist())) == len(real)
        loops = data.edge_index[0] == data.edge_index[1]
        expected = int((~loops).sum()) if case.replaces_loops else data.num_edges
        whole = "HeteroConv" not in case.name  # which has a layer for every relation
        assert len(real) == (expected if whole else int((data.edge_type == 0).sum()))
        added = found.edge_index[:, ~found.real]
        nodes = torch.arange(data.num_nodes if case.replaces_loops else 0)
        assert torch.equal(added, nodes.expand(2, -1))


@over([case for case in CASES if case.reads_edges])
@EXAMPLES
@given(batches(min_edges=1), st.data())
def test_changing_the_features_of_an_edge_changes_its_own_rows_only(case, data, draw):
    edge = draw.draw(st.integers(0, data.num_edges - 1))
    # A ReLU may hide a change in one direction.
    step = 10 * torch.randn(data.edge_attr.size(1), generator=torch.Generator().manual_seed(edge))
    before = capture(case, data)
    changed = {stage: torch.zeros(len(found.values)).bool() for stage, found in before.items()}
    for direction in (step, -step):
        moved = with_change(data, "edge_attr", edge, data.edge_attr[edge] + direction)
        for stage, found in capture(case, moved).items():
            assert torch.equal(found.input_edge, before[stage].input_edge)
            changed[stage] |= differs(before[stage], found)
    target = data.edge_index[1, edge]
    dropped = case.replaces_loops and data.edge_index[0, edge] == target
    for stage, found in before.items():
        own = edge_of(case, found, data) == edge
        assert own.sum() == (0 if dropped else 1)
        if stage in BEFORE_SOFTMAX:
            assert torch.equal(changed[stage], own)
        elif dropped:
            assert not changed[stage].any()
        else:  # what is after the softmax may change with any edge of the same target
            assert not changed[stage][found.edge_index[1] != target].any()


@over(EDGES)
@EXAMPLES
@given(batches(min_edges=1), st.data())
def test_moving_the_source_of_an_edge_changes_its_own_row_only(case, data, draw):
    edge = draw.draw(st.integers(0, data.num_edges - 1))
    source, target = data.edge_index[:, edge].tolist()
    others = sources_of(data, edge)
    assume(others and source != target)
    other = draw.draw(st.sampled_from(others))
    before = capture(case, data)
    side = 1 - next(iter(before.values())).identity.target_row
    after = capture(case, with_change(data, "edge_index", (side, edge), other))
    for stage, found in before.items():
        own = edge_of(case, found, data) == edge
        changed = differs(found, after[stage])
        if stage in BEFORE_SOFTMAX:
            hidden = case.name == "GENConv" and not changed.any()  # its ReLU hid both
            assert torch.equal(changed, own) or hidden
        elif stage != "message" or not case.two_ways:
            target = data.edge_index[1 - side, edge]
            assert not changed[found.target != target].any()


@over(EDGES)
@EXAMPLES
@given(batches())
def test_before_the_softmax_every_row_is_what_a_graph_of_its_edge_alone_gives(case, data):
    together = capture(case, data)
    edges = edge_of(case, together["logit"], data).tolist()
    for row, edge in enumerate(edges):
        single = capture(case, alone(data, None if edge < 0 else edge))
        for stage in together.keys() & BEFORE_SOFTMAX:
            found, own = together[stage], single[stage]
            place = own.real if edge >= 0 else own.edge_index[0] == found.edge_index[0, row]
            torch.testing.assert_close(found.values[row], own.values[place].squeeze(0))


@over(PAIRS)
@EXAMPLES
@given(batches())
def test_pairs_are_all_pairs_of_a_graph_and_name_the_first_edge_between_them(case, data):
    batch = data.batch if "batch" in data else torch.zeros(data.num_nodes, dtype=torch.int64)
    wanted = {
        (source, target): -1
        for target in range(data.num_nodes)
        for source in range(data.num_nodes)
        if batch[source] == batch[target]
    }
    edges = data.edge_index.t().tolist()
    graph_of_edge = batch[data.edge_index[1]].tolist()
    for position, (source, target) in reversed(list(enumerate(edges))):
        first = graph_of_edge.index(graph_of_edge[position])
        wanted[source, target] = position - first
    for found in capture(case, data).values():
        pairs = list(map(tuple, found.edge_index.t().tolist()))
        assert dict(zip(pairs, found.input_edge.tolist(), strict=True)) == wanted
        assert len(pairs) == len(wanted)
        assert torch.equal(found.graph, batch[found.edge_index[1]])
        assert torch.equal(found.real, found.input_edge >= 0)


@over(PAIRS)
@EXAMPLES
@given(batches())
def test_before_the_softmax_every_pair_is_what_its_two_nodes_alone_give(case, data):
    together = capture(case, data)
    for row, (source, target) in enumerate(together["logit"].edge_index.t().tolist()):
        nodes = [source] if source == target else [source, target]
        two = alone(data, None)
        two.x = data.x[nodes]
        single = capture(case, two)
        place = single["logit"].edge_index.t().tolist().index([0, len(nodes) - 1])
        for stage in together.keys() & BEFORE_SOFTMAX:
            found, own = together[stage].values[row], single[stage].values[place]
            torch.testing.assert_close(found, own)


@over(PAIRS)
@EXAMPLES
@given(batches(min_edges=1))
def test_pairs_do_not_depend_on_edges(case, data):
    before = capture(case, data)
    data.edge_attr = torch.randn_like(data.edge_attr)
    data.edge_index = data.edge_index.flip(0)
    for stage, found in capture(case, data).items():
        assert torch.equal(before[stage].values, found.values)
