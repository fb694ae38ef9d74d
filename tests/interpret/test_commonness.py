"""Frequency and importance of groups, and their rank correlations."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import edgescope as es
from edgescope.interpret import edge_groups, importance, massive_edges
from edgescope.lib.errors import InputError
from support.graph_sets import dataset_of

SITE = "layers.1.attention:score"


@pytest.fixture(scope="module")
def groups(molecules):
    return edge_groups(molecules, ["element_pair", "ring_size"], progress=False)


@pytest.fixture(scope="module")
def values(molecules):
    values = torch.randn(molecules.edge_index.size(1), generator=torch.Generator().manual_seed(0))
    return torch.where(torch.arange(len(values)) % 5 == 0, torch.nan, values)


def test_importance_is_the_mean_magnitude_of_measured_edges(groups, values):
    found = importance(groups, values, resamples=20).table()
    for row in found.iter_rows(named=True):
        kind = groups[row["kind"]]
        member = kind.member[:, kind.names.index(row["group"])]
        held = values[member]
        held = held[~held.isnan()].abs()
        assert (row["edges"], row["measured"]) == (int(member.sum()), len(held))
        assert row["frequency"] == pytest.approx(float(member.sum() / kind.applicable.sum()))
        if len(held):
            assert row["importance"] == pytest.approx(float(held.mean()), rel=1e-5)


def test_correlations_are_spearmans_over_groups(groups, values, scan, molecules):
    found = importance(groups, values, scan, resamples=20)
    masks = massive_edges(scan, molecules)
    for row in found.correlations.iter_rows(named=True):
        kind = groups[row["kind"]]
        table = found.groups.filter(kind=row["kind"]).filter(
            found.groups.filter(kind=row["kind"])["measured"] > 0
        )
        measures = {name: table[name].to_list() for name in ("frequency", "importance")}
        if row["site"] is not None:
            mask = masks[row["site"]]
            measures["prevalence"] = [
                float(mask[kind.member[:, kind.names.index(name)]].double().mean())
                for name in table["group"]
            ]
        assert row["groups"] == table.height
        expected = spearmanr(measures[row["first"]], measures[row["second"]]).statistic
        np.testing.assert_allclose(row["spearman"], expected, atol=1e-12)
    assert found.correlations["site"].unique().len() == 3


def test_two_groups_have_no_correlation(molecules, values):
    groups = edge_groups(molecules, ["ring"], progress=False)
    assert importance(groups, values, resamples=20).correlations["spearman"].is_nan().all()


def test_intervals_cover_the_mean_where_importances_cluster_by_graph():
    random = np.random.default_rng(0)
    graphs, edges, covered = 100, 8, 0
    dataset = dataset_of([(edges + 1, [(n, n + 1) for n in range(edges)])] * graphs)
    labels = {"mine": [0, 1, 2, 3] * (graphs * edges // 4)}
    groups = edge_groups(dataset, [], labels=labels, progress=False)
    for trial in range(150):
        values = random.exponential(1, graphs).repeat(edges) * random.choice(
            [-1, 1], graphs * edges
        )
        rows = importance(groups, torch.from_numpy(values), resamples=200, seed=trial).table()
        covered += rows["low"][0] <= 1 <= rows["high"][0]
    assert 0.89 <= covered / 150 <= 0.99  # the standard error is 1.8 %


def test_importances_that_do_not_fit_are_refused(groups):
    with pytest.raises(InputError, match=r"importances of shape \[2\], expected"):
        importance(groups, torch.ones(2))
    edges = groups.dataset.edge_index.size(1)
    with pytest.raises(InputError, match="none infinite"):
        importance(groups, torch.full((edges,), torch.inf))


def test_a_scan_may_be_judged_by_another_criterion(groups, values, scan):
    stricter = es.Criterion("larger", ratio=1e6)
    found = importance(groups, values, scan, criterion=stricter, resamples=20).correlations
    # Nothing is massive then, and a prevalence of 0 everywhere has no ranks.
    assert found.filter(second="prevalence")["spearman"].is_nan().all()
