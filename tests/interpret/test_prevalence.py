"""Intervals of prevalence and odds ratio, from resampled graphs."""

import numpy as np
import pytest
import torch

from edgescope.interpret.kinds import Kind
from edgescope.interpret.prevalence import MAX_CLUSTERS, four_cells, prevalence
from support.graph_sets import dataset_of

EDGES = 12
RATES = (0.1, 0.3)


def graphs_of(number):
    """Return paths of one-way edges."""
    return dataset_of([(EDGES + 1, [(n, n + 1) for n in range(EDGES)])] * number)


def kind_of(codes, groups=2):
    return Kind.of_codes("kind", [str(n) for n in range(groups)], torch.as_tensor(codes))


def alike_within_graphs(random, codes, graphs):
    """Draw massive edges with the rates of their groups on average, alike within a graph.

    The rate of a graph's edges is twice the mean or nothing, each with probability one half.
    """
    rates = np.array(RATES)[codes] * 2 * random.integers(2, size=graphs).repeat(EDGES)
    return torch.from_numpy(random.random(len(codes)) < rates)


def test_intervals_cover_the_truth_where_massive_edges_cluster_by_graph():
    random = np.random.default_rng(0)
    graphs, trials = 150, 250
    dataset = graphs_of(graphs)
    odds = RATES[1] / (1 - RATES[1]) / (RATES[0] / (1 - RATES[0]))
    covered = np.zeros(3)
    for trial in range(trials):
        codes = random.integers(2, size=graphs * EDGES)
        massive = alike_within_graphs(random, codes, graphs)
        found = prevalence(dataset, [kind_of(codes)], massive, resamples=300, seed=trial)
        low, high = found.low, found.high
        covered += [
            low[0, 0] <= RATES[0] <= high[0, 0],
            low[1, 0] <= RATES[1] <= high[1, 0],
            low[1, 1] <= odds <= high[1, 1],
        ]
    # The standard error of a coverage of 95 % from 250 trials is 1.4 %.
    assert (covered / trials >= 0.905).all()
    assert (covered / trials <= 0.99).all()


def test_edges_as_if_independent_would_not_cover():
    from scipy.stats import binomtest

    random = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        codes = np.ones(150 * EDGES, dtype=np.int64)
        massive = alike_within_graphs(random, codes, 150)
        interval = binomtest(int(massive.sum()), len(codes)).proportion_ci(0.95, "wilson")
        covered += interval.low <= RATES[1] <= interval.high
    assert covered < 85


@pytest.mark.parametrize("seed", range(5))
def test_estimates_are_those_of_a_2_by_2_table(seed):
    random = np.random.default_rng(seed)
    dataset = graphs_of(10)
    codes = torch.from_numpy(random.integers(-1, 3, size=10 * EDGES))
    massive = torch.from_numpy(random.random(10 * EDGES) < 0.3)
    found = prevalence(dataset, [kind_of(codes, 3)], massive, resamples=10, seed=0)
    for group in range(3):
        inside, rest = massive[codes == group], massive[(codes >= 0) & (codes != group)]
        table = np.array([[m.sum().item(), (~m).sum().item()] for m in (inside, rest)], dtype=float)
        table += 0.5 * (table == 0).any()
        expected = table[0, 0] * table[1, 1] / (table[0, 1] * table[1, 0])
        np.testing.assert_allclose(found.estimate[group], [inside.double().mean(), expected])


def test_an_empty_cell_is_corrected_and_has_no_interval():
    codes = np.tile([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1], 10)
    massive = torch.from_numpy((codes == 1) & (np.arange(120) % 2 == 0))
    found = prevalence(graphs_of(10), [kind_of(codes)], massive, resamples=50, seed=0)
    over = int(massive.sum())
    assert found.estimate[0, 0] == 0
    assert found.estimate[0, 1] == pytest.approx(0.5 * (90 - over + 0.5) / (30.5 * (over + 0.5)))
    assert np.isnan(found.low[0]).all()
    assert np.isfinite(found.low[1, 0])


def test_a_group_of_all_edges_has_nothing_to_be_compared_with():
    massive = torch.arange(120) % 3 == 0
    found = prevalence(
        graphs_of(10), [kind_of(np.zeros(120, int), 1)], massive, resamples=20, seed=0
    )
    assert found.estimate[0, 0] == pytest.approx(1 / 3)
    assert np.isnan(found.estimate[0, 1])


def test_few_graphs_have_no_interval():
    massive = torch.arange(36) % 3 == 0
    found = prevalence(graphs_of(3), [kind_of(np.arange(36) % 2)], massive, resamples=20, seed=0)
    assert np.isnan(found.low).all()
    assert "graphs in 3 groups, expected 8 or more" in found.problem


def test_many_graphs_share_clusters_and_give_the_same_estimate(monkeypatch):
    assert MAX_CLUSTERS >= 1000
    random = np.random.default_rng(2)
    codes = random.integers(2, size=60 * EDGES)
    massive = alike_within_graphs(random, codes, 60)
    whole = prevalence(graphs_of(60), [kind_of(codes)], massive, resamples=400, seed=0)
    monkeypatch.setattr("edgescope.interpret.prevalence.MAX_CLUSTERS", 20)
    shared = prevalence(graphs_of(60), [kind_of(codes)], massive, resamples=400, seed=0)
    np.testing.assert_array_equal(shared.estimate, whole.estimate)
    assert shared.groups == 20
    width = [(f.high - f.low)[1, 0] for f in (whole, shared)]
    assert width[1] == pytest.approx(width[0], rel=0.6)


def test_four_cells_add_up():
    cells = four_cells(np.array([2.0, 5.0, 7.0, 20.0]))
    assert cells.tolist() == [2, 3, 5, 10]
