"""Which pairs of a dense batch are pairs of nodes: told from the weights, or refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.capturing.graph_input import GraphInput, InputEdges, NodeSet
from edgescope.capturing.pair_grid import PairGrid
from edgescope.lib.errors import InputError

sizes_of_graphs = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def graph_of(sizes):
    batch = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    nodes = NodeSet(batch, len(batch))
    return GraphInput([InputEdges(torch.empty(2, 0).long(), nodes=(nodes, nodes))], None, "Net")


def weights(sizes, length, first, heads=2, tokens=()):
    """Return random weights of nodes, from ``first`` of each graph on, and of tokens."""
    logit = torch.full((len(sizes), heads, length, length), -torch.inf)
    for graph, size in enumerate(sizes):
        keys = [*range(first[graph], first[graph] + size), *tokens]
        for key in keys:
            logit[graph][:, keys, key] = torch.randn(heads, len(keys))
    return logit.softmax(-1), logit


def pairs_of(sizes):
    return {(g, q, k) for g, size in enumerate(sizes) for q in range(size) for k in range(size)}


def found(grid, sizes):
    rows, places = grid.pairs(graph_of(sizes))
    return set(zip(*(each.tolist() for each in rows[:3]), strict=True)), rows, places


@given(sizes_of_graphs, st.booleans(), st.integers(0, 1))
def test_nodes_stand_first_or_last(sizes, left, more):
    length = max(sizes) + more
    first = [length - size if left else 0 for size in sizes]
    weight, logit = weights(sizes, length, first)
    pairs, rows, places = found(PairGrid(weight, logit, same=True), sizes)
    assert pairs == pairs_of(sizes)
    assert torch.equal(places.query - rows.query, torch.tensor(first)[rows.graph])
    assert torch.equal(places.key - rows.key, torch.tensor(first)[rows.graph])


@given(sizes_of_graphs, st.integers(1, 2))
def test_tokens_that_are_known_come_after_the_nodes(sizes, tokens):
    length = max(sizes) + tokens
    weight, logit = weights(sizes, length, [tokens] * len(sizes), tokens=range(tokens))
    pairs, rows, _ = found(PairGrid(weight, logit, same=True, tokens=(tokens, 0)), sizes)
    assert rows.tokens == tokens
    assert pairs_of(sizes) <= pairs
    assert len(pairs) == sum((size + tokens) ** 2 for size in sizes)


def test_one_token_before_or_behind_cannot_be_told_by_numbers():
    weight, logit = weights([2, 3], 4, [1, 1], tokens=[0])
    with pytest.raises(InputError, match="cannot be told"):
        PairGrid(weight, logit, same=True).pairs(graph_of([2, 3]))


def test_a_node_that_attends_to_padding_is_refused():
    weight = torch.full((2, 1, 3, 3), 1 / 3)
    with pytest.raises(InputError, match="attend to places that hold none"):
        PairGrid(weight, None, same=True).pairs(graph_of([2, 3]))


def test_what_is_masked_whatever_its_weight_is_no_pair():
    logit = torch.full((1, 1, 2, 2), torch.finfo(torch.float32).min)
    logit[..., 0, :] = 0.0
    grid = PairGrid(logit.softmax(-1), logit, same=True)
    assert found(grid, [2])[0] == {(0, 0, 0), (0, 0, 1)}


def test_a_weight_that_vanishes_is_a_pair_still():
    logit = torch.tensor([[0.0, -200.0], [0.0, 0.0]])[None, None]
    assert found(PairGrid(logit.softmax(-1), logit, same=True), [2])[0] == pairs_of([2])


def test_one_matrix_may_hold_all_graphs():
    sizes = [2, 3]
    own = torch.block_diag(*(torch.ones(size, size) for size in sizes)) > 0
    logit = torch.zeros(1, 1, 5, 5).masked_fill(~own, -9e15)
    assert found(PairGrid(logit.softmax(-1), logit, same=True), sizes)[0] == pairs_of(sizes)


def test_nodes_that_attend_across_graphs_are_refused():
    logit = torch.zeros(1, 1, 5, 5)
    with pytest.raises(InputError, match="other graphs"):
        PairGrid(logit.softmax(-1), logit, same=True).pairs(graph_of([2, 3]))


def test_queries_of_other_nodes_are_refused():
    with pytest.raises(InputError, match="cross-attention"):
        PairGrid(torch.ones(1, 1, 2, 3) / 3, None, same=False).pairs(graph_of([2]))


def test_a_logit_that_is_not_a_number_is_a_pair():
    logit = torch.zeros(1, 1, 2, 2)
    logit[..., 0, 1] = torch.nan
    assert found(PairGrid(logit.softmax(-1), logit, same=True), [2])[0] == pairs_of([2])


def test_a_mask_that_multiplies_exponentials_is_a_mask():
    logit = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    there = torch.arange(4) < torch.tensor([[3], [4]])
    power = logit.exp() * there[:, None, None, :]
    weight = power / power.sum(-1, keepdim=True)
    assert found(PairGrid(weight, logit, same=True), [3, 4])[0] == pairs_of([3, 4])
