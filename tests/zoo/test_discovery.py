"""Discovery on models in the style of others: right, or nothing with a reason."""

from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

import edgescope as es
from support.attention_zoo import table
from support.attention_zoo.case import DISCOVERED, NO_ATTENTION
from support.attention_zoo.reach import PARTLY, difference, differences, look, look_again, of_stage
from support.attention_zoo.table import CASES

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)

BLIND = {
    "edges attend to edges": "its nodes are the edges of the input",
    "a loop over graphs": "each call of the softmax is on one graph of the batch",
    "DIFFormer, sigmoid": "nodes attend to those of other graphs of the batch",
    "cross attention of two drugs": "queries and keys are nodes of two graphs",
    "links attend to nodes": "its rows are candidate links, not edges",
    "LPFormer of PyG": "its rows are candidate links, not edges",
    "attention as read-out": "its rows are nodes",
    "GMMConv": "an exponential that is not normalised multiplies the messages",
    "GDN": "its edges are computed anew and not named edge_index",
}
"""Cases of which nothing is seen, and why."""


@cases
def test_outputs_are_the_same_to_the_bit(case):
    assert look(case).same


@cases
def test_a_weight_that_is_discovered_is_one_of_the_model(case):
    seen = look(case)
    weights = {name: each for name, each in seen.sites.items() if name.endswith(":weight")}
    if case.verdict != DISCOVERED:
        formulas = dict(es.capture.sites(seen.model).select("site", "formula").iter_rows())
        assert all("not normalised" in formulas[name] for name in weights)
        return
    if case.name in BLIND:
        assert not weights
        return
    expected = of_stage(seen.expected, "weight")
    found = [
        one
        for one in expected
        if any(difference(case, each, one) is not None for each in weights.values())
    ]
    if case.name in PARTLY:
        assert 0 < len(found) < len(expected)
    else:
        assert len(found) == len(expected)


@cases
def test_every_value_is_what_was_worked_out(case):
    assert [site for site, far in differences(case).items() if far is None] == []


@cases
def test_values_are_those_of_today_when_parameters_have_moved(case):
    if not look(case).sites:
        return
    seen = look_again(case)
    assert seen.same
    assert [site for site, far in differences(case, seen).items() if far is None] == []
    assert differences(case, seen).keys() == differences(case).keys()


@cases
def test_nothing_is_seen_twice(case):
    weights = [each for name, each in look(case).sites.items() if name.endswith(":weight")]
    for n, one in enumerate(weights):
        for other in weights[:n]:
            assert one.values.shape != other.values.shape or not torch.equal(
                one.values, other.values
            ), (one.site, other.site)


@cases
def test_what_is_not_seen_has_a_reason(case):
    seen = look(case)
    if seen.sites or case.verdict == NO_ATTENTION:
        return
    assert seen.found.refused or es.capture.coverage(seen.model).gaps()


@cases
def test_what_is_captured_is_no_gap(case):
    seen = look(case)
    captured = {site.rpartition(":")[0] for site in seen.sites}
    assert captured.isdisjoint(path for path, _ in seen.found.refused)


@cases
def test_lines_are_those_of_the_model(case):
    lines = {each.line.partition(":")[0] for each in look(case).found.tensors}
    assert lines <= {"", *(file.name for file in Path(table.__file__).parent.glob("*.py"))}


@cases
def test_no_state_of_nodes_is_listed_as_a_row_per_edge(case):
    batch, found = look(case).batch, look(case).found
    if not isinstance(batch, Data):
        pytest.skip("its nodes are padded")
    assert batch.num_nodes not in {batch.num_edges, 0}
    listed = [each for each in found.tensors if each.role == "per edge"]
    assert [each for each in listed if each.shape[:1] == (batch.num_nodes,)] == []
