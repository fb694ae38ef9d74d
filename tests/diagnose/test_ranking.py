"""Rankings of shared neighbours against a loop over all pairs."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgescope.diagnose import ranking
from edgescope.diagnose.ranking import compare_rankings

edge = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(-2, 2), st.integers(-2, 2))


def brute(rows, head):
    """Return comparable and reordered pairs, choosing and sharing targets."""
    votes, targets = {}, {}
    for (i, one), (k, other) in itertools.permutations(enumerate(rows), 2):
        if i == k or one[1] != other[1] or one[0] >= other[0] or one[1] in {one[0], other[0]}:
            continue
        pair = one[0], other[0]
        targets.setdefault(pair, set()).add(one[1])
        difference = other[2 + head] - one[2 + head]
        votes.setdefault(pair, []).append((difference > 0) - (difference < 0))
    shared = {pair for pair, seen in targets.items() if len(seen) > 1}
    decided = {pair: [vote for vote in votes[pair] if vote] for pair in shared}
    comparable = [pair for pair, given in decided.items() if len(given) > 1]
    reordered = [pair for pair in comparable if len(set(decided[pair])) > 1]
    choosing = set().union(*targets.values()) if targets else set()
    sharing = set().union(*(targets[pair] for pair in shared)) if shared else set()
    return len(comparable), len(reordered), len(choosing), len(sharing)


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(edge, max_size=20))
def test_rankings_are_those_of_a_loop_over_all_pairs(rows):
    table = torch.tensor(rows, dtype=torch.long).reshape(-1, 4)
    found = compare_rankings(table[:, :2].T, table[:, 2:].float())
    for head in range(2):
        comparable, reordered, choosing, sharing = brute(rows, head)
        assert found.comparable[head] == comparable
        assert found.reordered[head] == reordered
        assert (found.choosing, found.sharing) == (choosing, sharing)


def test_sources_are_left_out_where_there_are_too_many_pairs(monkeypatch):
    monkeypatch.setattr(ranking, "MOST_PAIRS", 2_000)
    nodes = torch.arange(100)
    edges = torch.cartesian_prod(nodes, nodes + 100).T
    logit = torch.randn(len(edges[0]), 1, generator=torch.Generator().manual_seed(0))
    found = compare_rankings(edges, logit)
    assert found.sharing == found.choosing == 100
    assert 5 <= int(found.comparable) <= 60
    assert found.reordered.equal(found.comparable)


@pytest.mark.parametrize("edges", [[[], []], [[1, 1], [1, 1]], [[0], [1]]])
def test_nothing_to_choose_is_nothing_to_rank(edges):
    edges = torch.tensor(edges, dtype=torch.long)
    found = compare_rankings(edges, torch.zeros(edges.size(1), 3))
    assert found.comparable.tolist() == [0, 0, 0]
    assert (found.choosing, found.sharing) == (0, 0)
