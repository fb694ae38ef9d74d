"""What rules measure, against dense references."""

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.diagnosis.neighbour_sums import Groups
from edgescope.diagnosis.rules.attention_sinks import few_largest
from edgescope.diagnosis.rules.diagnosis_rule import StateSeen
from edgescope.diagnosis.rules.edge_features_ignored import relative_change
from edgescope.diagnosis.rules.over_smoothing import OverSmoothing
from edgescope.diagnosis.rules.rank_collapse import RankCollapse, effective_rank
from edgescope.diagnosis.rules.uniform_attention import relative_entropy

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS)
def test_entropy_over_log_degree_is_that_of_scipy(seed):
    random = np.random.default_rng(seed)
    softmax = random.integers(0, 6, 40)
    weight = random.random((40, 2)) * (random.random((40, 2)) > 0.2)
    weight[:, 1] = 1
    totals = np.stack([np.bincount(softmax, weight[:, head]) for head in (0, 1)])
    share = weight / np.maximum(totals.T[softmax], 1e-300)
    groups = Groups(torch.from_numpy(softmax), torch.arange(40))
    found = relative_entropy(groups, torch.from_numpy(share))
    for node in range(len(found)):
        for head in range(2):
            own = share[softmax == node, head]
            if len(own) > 1 and own.sum() > 0:
                expected = scipy.stats.entropy(own) / np.log(len(own))
                assert float(found[node, head]) == pytest.approx(expected, abs=1e-9)


@given(SEEDS)
def test_effective_rank_is_that_of_the_singular_values(seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(30, 4)) @ random.normal(size=(4, 7))
    singular = np.linalg.svd(x, compute_uv=False)[:4]
    expected = np.exp(scipy.stats.entropy(singular))
    assert effective_rank(torch.from_numpy(x.T @ x)) == pytest.approx(expected, rel=1e-5)


def test_the_effective_rank_of_zeros_is_zero():
    assert effective_rank(torch.zeros(3, 3, dtype=torch.float64)) == 0


def states(x, edge_index, path="input"):
    graph = torch.zeros(len(x), dtype=torch.long)
    return StateSeen(path, 0, x, edge_index, graph)


@given(SEEDS)
def test_dirichlet_energy_adds_up_over_batches_to_the_dense_one(seed):
    random = torch.Generator().manual_seed(seed)
    rule = OverSmoothing()
    rule.start([])
    apart, lengths, edges, nodes = 0.0, 0.0, 0, 0
    for _ in range(3):
        x = torch.randn(9, 4, generator=random, dtype=torch.float64)
        adjacency = torch.rand(9, 9, generator=random) < 0.3
        adjacency.fill_diagonal_(True)
        rule.observe_state(states(x, adjacency.nonzero().T))
        adjacency.fill_diagonal_(False)
        apart += float((torch.cdist(x, x).square() * adjacency).sum())
        lengths += float(x.square().sum())
        edges, nodes = edges + int(adjacency.sum()), nodes + 9
    if edges:
        expected = (apart / edges) / (2 * lengths / nodes)
        assert rule.energies()["input"] == pytest.approx(expected, rel=1e-9)


def test_states_without_edges_have_no_energy():
    rule = OverSmoothing()
    rule.start([])
    rule.observe_state(states(torch.randn(3, 2), torch.empty(2, 0, dtype=torch.long)))
    assert rule.energies() == {}


def test_wide_states_keep_their_effective_rank_about():
    rule = RankCollapse()
    rule.start([])
    random = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(2000, 3, generator=random)).Q
    x = torch.randn(500, 3, generator=random) @ basis.T
    rule.observe_state(states(x, torch.empty(2, 0, dtype=torch.long)))
    assert rule.ranks()["input"] == pytest.approx(3, abs=0.1)


@given(SEEDS)
def test_the_few_largest_of_each_graph_are_those_of_sorting(seed):
    random = np.random.default_rng(seed)
    graph = np.sort(random.integers(0, 3, 25))
    drawn, expected = random.random((25, 2)), random.random((25, 1))
    share, explained, sizes = few_largest(
        torch.from_numpy(drawn), torch.from_numpy(expected), torch.from_numpy(graph), few=0.2
    )
    for number in range(int(graph.max()) + 1):
        own = graph == number
        if not own.any():
            continue
        top = max(1, int(np.ceil(0.2 * own.sum())))
        assert sizes[number] == own.sum()
        for head in range(2):
            order = np.argsort(-drawn[own, head])[:top]
            total = drawn[own, head].sum()
            assert float(share[number, head]) == pytest.approx(
                drawn[own, head][order].sum() / total
            )
            by_degree = expected[own, 0][order].sum() / expected[own].sum()
            assert float(explained[number, head]) == pytest.approx(by_degree)


def test_a_change_is_relative_to_the_largest_output():
    one, other = torch.tensor([10.0, 1.0]), torch.tensor([10.0, 1.5])
    assert relative_change({"a": one}, {"a": other}) == pytest.approx(0.05)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_change_of_what_is_not_finite_is_not_judged(bad):
    one, other = torch.tensor([1.0, 2.0]), torch.tensor([1.0, bad])
    assert relative_change(one, other) is None
    assert relative_change(other, other) is None


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_no_size_of_numbers_is_too_large_or_small_for_what_is_measured(size):
    """Squares of these overflow, or vanish; what is measured has no scale."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(12, 4, generator=random, dtype=torch.float64)
    edges = torch.randint(0, 12, (2, 30), generator=random)
    measured = []
    for factor in (1.0, size):
        smooth, rank = OverSmoothing(), RankCollapse()
        for rule in (smooth, rank):
            rule.start([])
            rule.observe_state(states(x * factor, edges))
        change = relative_change(x * factor, x.flip(0) * factor)
        measured.append([smooth.energies()["input"], rank.ranks()["input"], change])
    assert measured[1] == pytest.approx(measured[0], rel=1e-9)


def test_integer_outputs_can_change():
    assert relative_change(torch.tensor([1, 2]), torch.tensor([1, 4])) == pytest.approx(0.5)


def test_two_outputs_of_zeros_are_the_same():
    assert relative_change((torch.zeros(2),), (torch.zeros(2),)) == 0
