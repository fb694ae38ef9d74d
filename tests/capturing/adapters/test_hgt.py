"""HGTConv: every stage is its formula, and rows of the joined graph go back to their relation."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.nn import HGTConv
from torch_geometric.nn.conv import hgt_conv
from torch_geometric.utils import scatter

import edgescope as es
from edgescope.lib.errors import InputError
from support.hetero_cases import (
    NODE_DIMS,
    RELATIONS,
    HeteroLayer,
    columns,
    hetero_graphs,
    in_order,
    joint_layer,
    observe,
)
from support.layer_reference import assert_stages, linear, numbers, per_head, softmax

make = partial(joint_layer, HGTConv)


def reference(layer, x_dict, edge_index_dict):
    """The formulas of Hu et al., edge by edge in the order of the relations."""
    heads, number = layer.heads, len(RELATIONS)
    width = layer.out_channels // heads
    key, query, value = {}, {}, {}
    for kind, x in x_dict.items():
        parts = np.split(linear(layer.kqv_lin.lins[kind], x), 3, axis=1)
        key[kind], query[kind], value[kind] = (per_head(part, heads) for part in parts)
    scores, values, targets = [], [], []
    for relation, edge_index in edge_index_dict.items():
        source_type, _, target_type = relation
        which = [head * number + RELATIONS.index(relation) for head in range(heads)]
        prior = numbers(layer.p_rel["__".join(relation)])[0]
        for source, target in edge_index.t().tolist():
            k, v = (
                np.einsum("hc,hcd->hd", states[source_type][source], numbers(matrix.weight)[which])
                for states, matrix in ((key, layer.k_rel), (value, layer.v_rel))
            )
            scores.append(query[target_type][target] * k * prior[:, None] / math.sqrt(width))
            values.append(v)
            targets.append(f"{target_type} {target}")
    score = np.array(scores).reshape(-1, heads, width)
    logit = score.sum(-1, keepdims=True)
    weight = softmax(logit, np.array(targets))
    message = weight * np.array(values).reshape(-1, heads, width)
    return {"score": score, "logit": logit, "weight": weight, "message": message}


@given(hetero_graphs(), in_order, st.sampled_from([1, 2, 3]))
def test_every_stage_is_its_formula(data, relations, heads):
    layer = make(heads)
    edges = {relation: data[relation].edge_index for relation in relations}
    found = observe(layer, data.x_dict, edges)
    assert_stages(found, reference(layer, data.x_dict, edges))


@given(hetero_graphs())
def test_messages_add_up_to_what_the_layer_aggregates(data):
    found = observe(make(), data.x_dict, data.edge_index_dict)
    message = found.stages["message"]
    first = {"paper": 0, "author": len(data["paper"].x)}
    targets = torch.tensor([first[relation[2]] for relation in RELATIONS])
    index = message.edge_index[1] + targets[message.edge_type]
    total = scatter(message.values.flatten(1), index, dim_size=data.num_nodes)
    torch.testing.assert_close(total, found.aggregated[0])


def test_relations_in_another_order_than_the_layers_own_change_what_it_computes():
    # A defect of HGTConv, which takes the types of its edges for sorted; capture shows it as it is.
    x = {kind: torch.randn(2, width) for kind, width in NODE_DIMS.items()}
    edges = {relation: columns([(0, 1), (1, 0)]) for relation in RELATIONS[:2]}
    forwards = observe(make(), x, edges).stages["logit"]
    backwards = observe(make(), x, dict(reversed(edges.items()))).stages["logit"]
    assert forwards.relations == backwards.relations[::-1]
    assert torch.equal(forwards.edge_index, backwards.edge_index.roll(2, 1))
    assert not torch.allclose(forwards.values, backwards.values.roll(2, 0))


def test_a_node_type_that_is_in_no_relation_shifts_nothing():
    x = {"author": torch.randn(3, 3), "paper": torch.randn(2, 4)}
    edges = {("paper", "cites", "paper"): columns([(0, 1), (1, 1), (0, 1)])}
    found = observe(make(), x, edges).stages["logit"]
    assert found.edge_index.tolist() == [[0, 1, 0], [1, 1, 1]]


@pytest.mark.parametrize("sizes", [(1, 1), (2, 1), (0, 1)])
def test_another_order_of_the_joined_edges_is_refused(monkeypatch, sizes):
    join = hgt_conv.construct_bipartite_edge_index

    def join_backwards(edges, sources, *args, **options):
        return join(edges, dict(reversed(sources.items())), *args, **options)

    edges = {
        ("paper", "cites", "paper"): torch.zeros(2, sizes[0]).long(),
        ("author", "writes", "paper"): torch.zeros(2, sizes[1]).long(),
    }
    monkeypatch.setattr(hgt_conv, "construct_bipartite_edge_index", join_backwards)
    x = {"paper": torch.randn(2, 4), "author": torch.randn(2, 3)}
    if not sizes[0]:
        assert observe(make(), x, edges).stages["logit"].edge_type.tolist() == [1]
        return
    with pytest.raises(InputError, match="did not join the edges of its relations"):
        observe(make(), x, edges)


def test_other_targets_than_those_of_the_relation_are_refused(monkeypatch):
    join = hgt_conv.construct_bipartite_edge_index

    def join_otherwise(*args, **options):
        edge_index, prior = join(*args, **options)
        return torch.stack([edge_index[0], edge_index[1].flip(0)]), prior

    monkeypatch.setattr(hgt_conv, "construct_bipartite_edge_index", join_otherwise)
    edges = {("paper", "cites", "paper"): columns([(0, 0), (1, 1)])}
    with pytest.raises(InputError, match="did not join the edges of its relations"):
        observe(make(), {"paper": torch.randn(2, 4)}, edges)


def test_edges_of_a_relation_that_the_model_was_not_given_are_refused():
    class Adds(HeteroLayer):
        def forward(self, x_dict, edge_index_dict):
            more = {("author", "writes_to", "author"): torch.zeros(2, 1).long()}
            return self.conv(x_dict, edge_index_dict | more)

    model = Adds(make())
    x = {"paper": torch.randn(2, 4), "author": torch.randn(2, 3)}
    edges = {("paper", "cites", "paper"): torch.zeros(2, 1).long()}
    with (
        es.capture(model),
        pytest.raises(InputError, match="not given the relation author writes_to author"),
    ):
        model(x, edges)


def test_nodes_that_were_renumbered_on_the_way_are_refused():
    class LeavesOut(HeteroLayer):
        def forward(self, x_dict, edge_index_dict):
            edges = {relation: each.clone() for relation, each in edge_index_dict.items()}
            return self.conv(x_dict | {"paper": x_dict["paper"][1:]}, edges)

    model = LeavesOut(make())
    x = {"paper": torch.randn(3, 4)}
    with es.capture(model), pytest.raises(InputError, match="renumbered on the way"):
        model(x, {("paper", "cites", "paper"): torch.zeros(2, 1).long()})
