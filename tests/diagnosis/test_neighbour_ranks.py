"""Rankings of shared neighbours against a loop over all pairs."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.diagnosis import neighbour_ranks as ranking
from edgescope.diagnosis.neighbour_ranks import compare_rankings

edge = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(-2, 2), st.integers(-2, 2))


def brute(rows, head):
    """Return comparable and reordered pairs, choosing and sharing targets."""
    best = {}
    for row in rows:
        if row[0] != row[1]:
            key = row[0], row[1]
            best[key] = max(best.get(key, row[2 + head]), row[2 + head])
    votes, choosing = {}, set()
    for (one, target), (other, same) in itertools.product(best, repeat=2):
        if target == same and one < other:
            choosing.add(target)
            difference = best[other, target] - best[one, target]
            votes.setdefault((one, other), {})[target] = (difference > 0) - (difference < 0)
    shared = {pair: given for pair, given in votes.items() if len(given) > 1}
    decided = {pair: [vote for vote in given.values() if vote] for pair, given in shared.items()}
    comparable = [pair for pair, given in decided.items() if len(given) > 1]
    reordered = [pair for pair in comparable if len(set(decided[pair])) > 1]
    sharing = set().union(*shared.values()) if shared else set()
    return len(comparable), len(reordered), len(choosing), len(sharing)


def compared(edges, logit):
    """Compare rankings over all edges but self-loops."""
    others = edges[0] != edges[1]
    return compare_rankings(edges[0, others], edges[1, others], logit[others])


@given(rows=st.lists(edge, max_size=20))
def test_rankings_are_those_of_a_loop_over_all_pairs(rows):
    table = torch.tensor(rows, dtype=torch.long).reshape(-1, 4)
    found = compared(table[:, :2].T, table[:, 2:].float())
    for head in range(2):
        comparable, reordered, choosing, sharing = brute(rows, head)
        assert found.comparable[head] == comparable
        assert found.reordered[head] == reordered
        assert (found.choosing, found.sharing) == (choosing, sharing)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_what_differs_by_rounding_only_is_ranked_neither_way(dtype):
    base = torch.ones(4, 1, dtype=dtype)
    step = torch.finfo(dtype).eps
    logit = base + torch.tensor([[0.0], [step], [step], [0.0]], dtype=dtype)
    found = compare_rankings(torch.tensor([0, 1, 0, 1]), torch.tensor([2, 2, 3, 3]), logit)
    assert (int(found.comparable), found.sharing) == (0, 2)


def test_sources_are_left_out_where_there_are_too_many_pairs(monkeypatch):
    monkeypatch.setattr(ranking, "MOST_PAIRS", 2_000)
    nodes = torch.arange(100)
    edges = torch.cartesian_prod(nodes, nodes + 100).T
    logit = torch.randn(len(edges[0]), 1, generator=torch.Generator().manual_seed(0))
    found = compare_rankings(*edges, logit)
    assert found.sharing == found.choosing == 100
    assert 5 <= int(found.comparable) <= 60
    assert found.reordered.equal(found.comparable)


@pytest.mark.parametrize("edges", [[[], []], [[1, 1], [1, 1]], [[0], [1]]])
def test_nothing_to_choose_is_nothing_to_rank(edges):
    edges = torch.tensor(edges, dtype=torch.long)
    found = compared(edges, torch.zeros(edges.size(1), 3))
    assert found.comparable.tolist() == [0, 0, 0]
    assert (found.choosing, found.sharing) == (0, 0)
