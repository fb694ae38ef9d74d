"""Ranks, correlations and areas of every group are those of scipy and scikit-learn on it alone."""

import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import roc_auc_score

from edgescope.statistics.ranks import midranks, roc_area, spearman

number = st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 2.5, np.inf])
rows = st.tuples(number, number, st.integers(0, 1), st.integers(0, 3))
grouped = st.lists(st.lists(rows), min_size=1)
"""Groups of two values, a label and a weight."""


def joined(groups):
    """The columns of all rows, and the group of each, in no order."""
    group = np.repeat(np.arange(len(groups)), [len(each) for each in groups])
    columns = np.array([row for each in groups for row in each], dtype=float).reshape(-1, 4)
    order = np.random.default_rng(0).permutation(len(group))
    return *columns[order].T, group[order]


def check(found, group, reference):
    """Compare what was found of every group with what a reference says of its rows."""
    for at, value in enumerate(found):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is not defined, which is NaN here as there
            np.testing.assert_allclose(value, reference(group == at), atol=1e-12)


def area(scores, labels, weights):
    """The area of scikit-learn, of finite scores in the same order."""
    if len(set(labels[weights > 0])) < 2:
        return np.nan
    return roc_auc_score(labels, rankdata(scores), sample_weight=weights)


@settings(max_examples=60, deadline=None)
@given(grouped)
def test_ranks_are_scipys(groups):
    values, *_, group = joined(groups)
    found = midranks(values, group)
    check([found[group == at] for at in range(len(groups))], group, lambda g: rankdata(values[g]))


@settings(max_examples=60, deadline=None)
@given(grouped)
def test_rank_correlations_are_scipys(groups):
    first, second, _, _, group = joined(groups)

    def reference(g):
        return (
            spearmanr(rankdata(first[g]), rankdata(second[g])).statistic if g.sum() > 1 else np.nan
        )

    check(spearman(first, second, group, len(groups)), group, reference)


@settings(max_examples=60, deadline=None)
@given(grouped)
def test_areas_are_scikit_learns_with_weights_and_without(groups):
    scores, _, labels, weights, group = joined(groups)
    rows = np.stack([np.ones(len(scores)), weights])
    found = roc_area(scores, labels, rows, group, len(groups))
    assert found.shape == (2, len(groups))
    for of_groups, row in zip(found, rows, strict=True):
        check(of_groups, group, lambda g, row=row: area(scores[g], labels[g], row[g]))


def test_a_value_that_is_nan_has_no_place_among_the_others():
    values, other = np.array([1.0, np.nan, 3.0, 4.0]), np.array([0.0, 1.0, 0.0, 1.0])
    group = np.array([0, 0, 1, 1])
    np.testing.assert_array_equal(spearman(values, other, group, 2), [np.nan, 1.0])
    np.testing.assert_array_equal(roc_area(values, other, None, group, 2), [[np.nan, 1.0]])


def test_nothing_has_no_correlation_and_no_area():
    nothing = np.array([])
    np.testing.assert_array_equal(spearman(nothing, nothing), [np.nan])
    np.testing.assert_array_equal(roc_area(nothing, nothing), [[np.nan]])
