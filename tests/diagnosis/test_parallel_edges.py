"""A neighbour is counted once, however many edges lead to it."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import edgescope as es
from edgescope.diagnosis.neighbour_ranks import compare_rankings
from edgescope.diagnosis.neighbour_sums import Groups
from edgescope.diagnosis.rules import UniformAttention
from support.diagnose_cases import CASES
from support.diagnose_models import Stack, build, check_alike, gatv2, graphs, transformer

OF_EDGES = {"edges", "of", "massive", "share_beyond", "energy"}
"""Numbers of findings that count edges, and so may differ."""

COMPARED = [
    case for case in CASES if case.rule not in {"hgt-relation-order", "edge-features-ignored"}
]


def several_times(batch, times):
    """Return a copy of a batch in which every edge is there several times."""
    batch = copy.copy(batch)
    batch.edge_index = batch.edge_index.repeat(1, times)
    batch.edge_attr = torch.cat([batch.edge_attr] * times)
    return batch


@pytest.mark.parametrize("which", ["bad", "good"])
@pytest.mark.parametrize("case", COMPARED, ids=[f"{each.rule}: {each.what}" for each in COMPARED])
def test_giving_every_edge_several_times_changes_no_finding(case, which):
    model = build(getattr(case, which)).eval()
    for module in model.modules():
        if hasattr(module, "add_self_loops"):
            module.add_self_loops = False  # one loop beside five edges is another model
    batch = case.batch() if which == "bad" else (case.good_batch or case.batch)()
    # Every loop is doubled, too, which is a finding.
    once, often = (
        es.diagnose(model, [each], progress=False, ignore=["self-loops", "massive-activations"])
        for each in (batch, several_times(batch, 5))
    )
    assert [(each.rule, each.where) for each in once] == [(each.rule, each.where) for each in often]
    for one, two in zip(once, often, strict=True):
        left, right = (
            {name: value for name, value in each.evidence.items() if name not in OF_EDGES}
            for each in (one, two)
        )
        check_alike(left, right, rel=1e-3, absolute=1e-5)


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20),
    seed=st.integers(0, 1000),
)
def test_neighbours_are_those_of_a_loop_over_rows(rows, seed):
    softmax, sender = torch.tensor(rows).T
    share = torch.rand(len(rows), 2, generator=torch.Generator().manual_seed(seed)).double()
    groups = Groups(softmax, sender)
    gets, equal = groups.shares(share)
    found = groups.neighbours
    expected = {}
    for row, pair in enumerate(rows):
        expected.setdefault(pair, []).append(row)
    pairs = list(zip(found.softmax.tolist(), found.sender.tolist(), strict=True))
    assert sorted(pairs) == sorted(expected)
    for number, pair in enumerate(pairs):
        own = expected[pair]
        torch.testing.assert_close(gets[number], share[own].sum(0))
        assert float(equal[number]) == pytest.approx(
            len(own) / sum(softmax_of == pair[0] for softmax_of, _ in rows)
        )
        assert all(int(found.of_row[row]) == number for row in own)
    for node, number in enumerate(found.number.tolist()):
        assert number == len({other for one, other in rows if one == node})


def test_nodes_with_several_edges_from_one_neighbour_have_no_choice():
    batch = graphs(1, nodes=6)
    batch.edge_index = torch.tensor([[0, 1, 2], [1, 2, 3]]).repeat(1, 4)
    batch.edge_attr = torch.randn(12, 3)
    model = build(lambda: Stack(transformer(edge_dim=3), edges=True))
    assert es.diagnose(model, [batch], rules=[UniformAttention(entropy=0.0)]) == []


def test_a_uniform_head_is_found_where_some_neighbours_have_more_edges():
    batch = graphs(1)
    batch.edge_index = torch.cat([batch.edge_index, batch.edge_index[:, :20].repeat(1, 3)], 1)
    batch.edge_attr = torch.randn(batch.edge_index.size(1), 3)
    model = build(lambda: Stack(gatv2()))
    with torch.no_grad():
        model.layers[0].att.zero_()
    (found,) = es.diagnose(model, [batch], select="uniform-attention", progress=False)
    assert min(found.evidence["entropy"]) == pytest.approx(1)


def test_one_target_ranks_a_pair_once():
    """Two edges from one source with different logits are no two opinions of a target."""
    rows = [(0, 5, 1.0), (0, 5, 3.0), (1, 5, 2.0), (0, 6, 0.0), (1, 6, 0.0)]
    source, target = (torch.tensor([row[end] for row in rows]) for end in (0, 1))
    logit = torch.tensor([[row[2]] for row in rows])
    found = compare_rankings(source, target, logit)
    assert (int(found.comparable), int(found.reordered)) == (0, 0)
    assert (found.choosing, found.sharing) == (2, 2)
