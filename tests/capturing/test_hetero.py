"""Heterogeneous models: every row is an edge of its relation, in one graph and in a batch."""

import warnings
from contextlib import nullcontext
from functools import cache, partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Batch, HeteroData
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    HANConv,
    HeteroConv,
    HGTConv,
    TransformerConv,
    to_hetero,
)

import edgescope as es
from support.hetero_cases import METADATA, NODE_DIMS, RELATIONS, hetero_graphs

WIDTH, HEADS = 4, 2
NAMES = tuple(" ".join(relation) for relation in RELATIONS)


class Layers(nn.Module):
    """Two heterogeneous layers."""

    def __init__(self, make):
        super().__init__()
        self.convs = nn.ModuleList([make(NODE_DIMS), make(dict.fromkeys(NODE_DIMS, WIDTH))])

    def forward(self, x_dict, edge_index_dict, batch_dict=None):  # noqa: ARG002  (read by capture)
        for conv in self.convs:
            x_dict = x_dict | {
                kind: x.tanh() for kind, x in conv(x_dict, edge_index_dict).items() if x is not None
            }
        return x_dict


class Homogeneous(nn.Module):
    """Two layers of one class, for ``to_hetero`` to multiply."""

    def __init__(self, layer):
        super().__init__()
        self.convs = nn.ModuleList([layer((-1, -1), 2, heads=HEADS) for _ in range(2)])

    def forward(self, x, edge_index, batch=None):  # noqa: ARG002  (read by capture)
        for conv in self.convs:
            x = conv(x, edge_index).tanh()
        return x


def hetero_conv(layer, dims):
    return HeteroConv({r: layer((dims[r[0]], dims[r[2]]), 2, heads=HEADS) for r in RELATIONS})


def transformed(layer):
    model = to_hetero(Homogeneous(layer), METADATA)
    x = {kind: torch.zeros(1, width) for kind, width in NODE_DIMS.items()}
    model(x, {relation: torch.zeros(2, 1).long() for relation in RELATIONS})  # finds widths
    return model


def per_type(layer, dims):
    return layer(dims, WIDTH, METADATA, heads=HEADS)


gat = partial(GATConv, add_self_loops=False)
gatv2 = partial(GATv2Conv, add_self_loops=False)
MODELS = {
    "HeteroConv of GATConv": partial(Layers, partial(hetero_conv, gat)),
    "HeteroConv of GATv2Conv": partial(Layers, partial(hetero_conv, gatv2)),
    "HeteroConv of TransformerConv": partial(Layers, partial(hetero_conv, TransformerConv)),
    "to_hetero of GATConv": partial(transformed, gat),
    "to_hetero of GATv2Conv": partial(transformed, gatv2),
    "to_hetero of TransformerConv": partial(transformed, TransformerConv),
    "HGTConv": partial(Layers, partial(per_type, HGTConv)),
    "HANConv": partial(Layers, partial(per_type, HANConv)),
}
models = pytest.mark.parametrize("name", MODELS)


@cache
def build(name):
    with torch.random.fork_rng(), warnings.catch_warnings():
        torch.manual_seed(0)
        return MODELS[name]().eval()


def run(model, data, **options):
    """Capture one call on a graph or a batch."""
    batch = (data.batch_dict,) if isinstance(data, Batch) else ()
    with es.capture(model, **options) as tape, torch.no_grad():
        model(data.x_dict, data.edge_index_dict, *batch)
    return tape


@models
@settings(deadline=None, max_examples=8)
@given(hetero_graphs())
def test_outputs_and_gradients_are_bit_identical(name, data):
    found, model = [], build(name)
    for watching in (nullcontext, es.capture):
        model.zero_grad()
        with watching(model):
            output = model(data.x_dict, data.edge_index_dict)
        sum(x.square().sum() for x in output.values() if x is not None).backward()
        found.append((output, [parameter.grad for parameter in model.parameters()]))
    (plain, expected), (watched, gradients) = found
    assert all(torch.equal(plain[kind], watched[kind]) for kind in plain if plain[kind] is not None)
    for one, other in zip(expected, gradients, strict=True):
        assert (one is None and other is None) or torch.equal(one, other)


@models
@settings(deadline=None, max_examples=15)
@given(hetero_graphs())
def test_rows_are_all_edges_of_the_relation_that_a_layer_works_on(name, data):
    tape = run(build(name), data)
    layers = {site.partition(":")[0] for site in tape.sites}
    for stage in ("logit", "weight", "message"):
        for layer in layers:
            found = tape[f"{layer}:{stage}"]
            assert found.relations == NAMES
            for number in found.edge_type.unique().tolist():
                rows = found.edge_type == number
                edge_index = data[RELATIONS[number]].edge_index
                assert torch.equal(found.edge_index[:, rows], edge_index)
                assert found.input_edge[rows].tolist() == list(range(edge_index.size(1)))
    rows = sum(len(tape[f"{layer}:logit"].values) for layer in layers)
    assert rows == 2 * data.num_edges  # two layers


@models
@settings(deadline=None, max_examples=15)
@given(hetero_graphs(), st.data())
def test_changing_a_node_changes_the_logits_of_its_own_edges_only(name, data, draw):
    kind = draw.draw(st.sampled_from(list(NODE_DIMS)))
    node = draw.draw(st.integers(0, len(data[kind].x) - 1))
    changed = data.clone()
    changed[kind].x[node] += 1
    tapes = [run(build(name), version) for version in (data, changed)]
    first = [s for s in tapes[0].sites if s.startswith("convs.0") and s.endswith(":logit")]
    for site in first:
        before, after = (tape[site] for tape in tapes)
        differs = (before.values != after.values).flatten(1).any(1)
        for row, (source, target) in enumerate(before.edge_index.t().tolist()):
            relation = RELATIONS[before.edge_type[row]]
            touches = (relation[0], source) == (kind, node) or (relation[2], target) == (kind, node)
            assert differs[row] == touches


@models
@settings(deadline=None, max_examples=15)
@given(st.lists(hetero_graphs(), min_size=1, max_size=4))
def test_a_batch_is_captured_as_its_graphs_one_by_one(name, data):
    model = build(name)
    together = run(model, Batch.from_data_list(data))
    alone = [run(model, graph) for graph in data]
    for site in together.sites:
        batched = together[site]
        assert len(batched.values) == sum(len(tape[site].values) for tape in alone)
        for number, tape in enumerate(alone):
            single, rows = tape[site], batched.graph == number
            assert torch.equal(batched.input_edge[rows], single.input_edge)
            assert torch.equal(batched.edge_type[rows], single.edge_type)
            local = batched.edge_index[:, rows] - batched.identity.node_offset[:, rows]
            assert torch.equal(local, single.edge_index)
            # HANConv weighs relations by their mean over all nodes, whichever graph they are in.
            if name != "HANConv" or site.startswith("convs.0"):
                found = batched.values[rows]
                torch.testing.assert_close(found, single.values, atol=1e-5, rtol=1e-4)


@models
@settings(deadline=None, max_examples=5)
@given(hetero_graphs())
def test_a_graph_may_be_passed_whole(name, data):
    class Whole(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, data):
            return self.inner(data.x_dict, data.edge_index_dict)

    model = build(name)
    batch = Batch.from_data_list([data, data])
    wrapped = Whole(model)
    with es.capture(wrapped) as tape:
        wrapped(batch)
    expected = run(model, batch)
    for site in expected.sites:
        found = tape[f"inner.{site}"]
        for one, other in zip(found.identity, expected[site].identity, strict=True):
            assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_a_relation_that_is_missing_from_the_call_has_no_rows_and_no_number():
    data = hetero_graph()
    del data[RELATIONS[1]]
    tape = run(build("HeteroConv of GATConv"), data, sites="*:logit")
    found = tape["convs.0.convs.<paper___written_by___author>:logit"]
    assert found.relations == (NAMES[0], NAMES[2], NAMES[3])
    assert found.edge_type.tolist() == [1, 1]
    with pytest.raises(KeyError, match="has not been computed yet"):
        tape["convs.0.convs.<paper___cites___paper>:logit"]


@pytest.mark.parametrize("name", ["HGTConv", "HANConv"])
def test_a_joint_layer_has_the_rows_of_the_relations_of_the_call_only(name):
    data = hetero_graph()
    del data[RELATIONS[1]]
    found = run(build(name), data)["convs.0:logit"]
    assert found.relations == (NAMES[0], NAMES[2], NAMES[3])
    assert found.edge_type.tolist() == [0, 0, 1, 1, 2, 2]


def test_self_loops_that_a_layer_adds_within_a_relation_are_no_edges():
    class Cites(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = HeteroConv({RELATIONS[1]: GATConv(4, 2)})

        def forward(self, x_dict, edge_index_dict):
            return self.conv(x_dict, edge_index_dict)

    model, x = Cites(), {"paper": torch.randn(3, 4)}
    edges = {RELATIONS[0]: torch.zeros(2, 2).long(), RELATIONS[1]: torch.tensor([[0, 1], [0, 2]])}
    with es.capture(model) as tape:
        model(x, edges)
    found = tape[tape.sites[0]]
    assert found.edge_index.tolist() == [[1, 0, 1, 2], [2, 0, 1, 2]]
    assert found.input_edge.tolist() == [1, -1, -1, -1]
    assert found.edge_type.tolist() == [1, -1, -1, -1]


def hetero_graph():
    """Two edges in every relation, from 0 to 0 and from 1 to 1."""
    data = HeteroData()
    for kind, width in NODE_DIMS.items():
        data[kind].x = torch.randn(2, width)
    for relation in RELATIONS:
        data[relation].edge_index = torch.tensor([[0, 1], [0, 1]])
    return data
