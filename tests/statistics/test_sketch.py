"""The sketch of a site: the same counts as a dense computation, however it was filled."""

import pickle
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgescope import MassiveActivations
from edgescope.lib.errors import InputError
from edgescope.statistics import SketchLayout
from edgescope.statistics.sketch_layout import GROUPS

TYPES = 3


@st.composite
def site_activations(draw):
    """Activations of a few graphs with types, zeros, NaNs, infinities and planted giants."""
    heads, channels = draw(st.integers(1, 3)), draw(st.integers(2, 5))
    size = draw(st.integers(0, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    values = np.prod(random.standard_normal((3, size, heads, channels)), axis=0)
    values = values.clip(-60, 60).astype(draw(st.sampled_from([np.float32, np.float16])))
    for row in range(size):
        fate = random.integers(8)
        if fate == 0:
            values[row] = 0
        elif fate == 1:
            values[row, 0, 0] = random.choice([np.nan, np.inf, -np.inf])
        elif fate == 2:
            values[row, -1, -1] = random.choice([-60_000, 60_000])
    graph = np.sort(random.integers(0, 5, size))
    return values, random.integers(0, TYPES, size), graph


def fill(values, edge_type, graph, parts=1):
    """Sketch the edges in ``parts`` groups of whole graphs."""
    metric = MassiveActivations(*values.shape[1:], edge_types=TYPES)
    for numbers in np.array_split(np.arange(5), parts):
        rows = np.isin(graph, numbers)
        metric.update(*(torch.from_numpy(part[rows]) for part in (values, edge_type, graph)))
    return metric.compute()


def dense_ratios(values):
    """Magnitudes and ratios ``[E, F]``, with NaN where the ratio is undefined."""
    magnitude = np.abs(values.astype(np.float32)).reshape(len(values), np.prod(values.shape[1:]))
    finite = np.isfinite(magnitude).all(1)
    with np.errstate(all="ignore"):
        median = np.sort(magnitude, axis=1)[:, (magnitude.shape[1] - 1) // 2]
        ratio = magnitude / median[:, None]
    ratio[~finite | (median == 0)] = np.nan
    return magnitude, ratio, finite, finite & (median > 0)


@settings(deadline=None)
@given(site_activations(), st.sampled_from([10.0, 500.0, 1000.0, 4000.0]))
def test_counts_over_a_threshold_are_those_of_dense_arrays(case, threshold):
    values, edge_type, _ = case
    sketch = fill(*case)
    magnitude, ratio, finite, defined = dense_ratios(values)
    for axis, sizes, counted in (("ratio", ratio, defined), ("magnitude", magnitude, finite)):
        over, exact = sketch.edges_over(threshold, axis)
        if axis == "ratio" and threshold != 10.0:
            assert exact == threshold
        hit = (sizes > exact).any(1) & counted
        for kind in range(TYPES):
            assert over[kind] == (hit & (edge_type == kind)).sum()
            assert sketch.counted_edges(axis)[kind] == (counted & (edge_type == kind)).sum()


@settings(deadline=None)
@given(site_activations(), st.sampled_from([7.8125, 15.625, 1000.0, 4000.0]))
def test_heat_maps_are_those_of_dense_arrays(case, threshold):
    values, edge_type, _ = case
    sketch = fill(*case)
    magnitude, ratio, finite, defined = dense_ratios(values)
    axes = {"ratio": (ratio, defined), "magnitude": (magnitude, finite)}
    for kind, (axis, (sizes, counted)) in product((None, *range(TYPES)), axes.items()):
        rows = counted & ((edge_type == kind) | (kind is None))
        share, exact = sketch.heat_map(threshold, kind, axis)
        assert axis == "magnitude" or exact == threshold
        assert share.shape == values.shape[1:]
        if rows.any():
            stands_out = (ratio > 7.8125) | (magnitude > 0) & ~defined[:, None]
            expected = (stands_out & (sizes > exact))[rows].mean(0).reshape(share.shape)
            np.testing.assert_allclose(share, expected, rtol=1e-12)
        else:
            assert np.isnan(share).all()


def test_ratios_that_are_not_counted_by_channel_are_refused():
    metric = MassiveActivations(1, 4)
    metric.update(torch.tensor([[[1.0, 1.0, 1.0, 10.0]]]))
    sketch = metric.compute()
    assert sketch.heat_map(7.8125)[0].tolist() == [[0, 0, 0, 1]]
    assert sketch.heat_map(0.1, axis="magnitude")[0].tolist() == [[0, 0, 0, 1]]
    for too_low in (7.7, 1.0):
        with pytest.raises(InputError, match=r"expected one from 7\.8125 on"):
            sketch.heat_map(too_low)


@settings(deadline=None)
@given(site_activations())
def test_maxima_and_failures_are_counted_exactly(case):
    values, edge_type, _ = case
    sketch = fill(*case)
    magnitude, ratio, finite, defined = dense_ratios(values)
    for kind in range(TYPES):
        of_kind = edge_type == kind
        assert sketch.counts["edges"][kind] == of_kind.sum()
        assert sketch.counts["nonfinite"][kind] == (of_kind & ~finite).sum()
        assert sketch.counts["undefined"][kind] == (of_kind & finite & ~defined).sum()
        assert sketch.maxima[0, kind] == np.max(ratio[of_kind & defined], initial=0)
        assert sketch.maxima[1, kind] == np.max(magnitude[of_kind & finite], initial=0)


@settings(deadline=None)
@given(site_activations())
def test_histograms_count_every_value_and_every_graph_once(case):
    values, _, graph = case
    counts = fill(*case).counts
    _, _, finite, defined = dense_ratios(values)
    width = values[0].size if len(values) else 0
    assert counts["ratio"].sum() == defined.sum() * width
    assert counts["magnitude"].sum() == finite.sum() * width
    assert counts["edge_ratio"].sum() == defined.sum()
    assert counts["graph_ratio"].sum() == len(np.unique(graph[defined]))
    assert counts["graph_magnitude"].sum() == len(np.unique(graph[finite]))


@settings(deadline=None)
@given(site_activations(), st.integers(0, 500))
def test_edges_are_counted_by_the_group_of_their_graph_too(case, first):
    values, edge_type, graph = case
    graph = graph * 17 + first
    metric = MassiveActivations(*values.shape[1:], edge_types=TYPES)
    metric.update(*(torch.from_numpy(part) for part in (values, edge_type, graph)))
    sketch = metric.compute()
    magnitude, ratio, finite, defined = dense_ratios(values)
    for name, dense, kept in (("ratio", ratio, defined), ("magnitude", magnitude, finite)):
        edges = getattr(sketch.layout, f"coarse_{name}").edges
        expected = np.zeros((GROUPS, len(edges) - 1), dtype=np.int64)
        number = np.searchsorted(edges[1:], dense[kept].max(axis=1))
        np.add.at(expected, (graph[kept] % GROUPS, number), 1)
        np.testing.assert_array_equal(sketch.counts[f"group_{name}"], expected)


@settings(deadline=None)
@given(site_activations(), st.integers(2, 5))
def test_batches_and_merging_give_the_sketch_of_everything_at_once(case, parts):
    whole = fill(*case)
    split = fill(*case, parts=parts)
    values, edge_type, graph = case
    first = graph < 2
    merged = fill(values[first], edge_type[first], graph[first]) + fill(
        values[~first], edge_type[~first], graph[~first]
    )
    for other in (split, merged):
        assert torch.equal(whole.maxima, other.maxima)
        assert all(torch.equal(whole.counts[name], other.counts[name]) for name in whole.counts)


@settings(deadline=None)
@given(site_activations(), st.floats(0.001, 1))
def test_quantiles_are_within_half_a_percent_of_the_ordered_values(case, q):
    values, _, _ = case
    _, ratio, _, defined = dense_ratios(values)
    found = fill(*case).quantile("ratio", q)
    if not defined.any():
        assert np.isnan(found)
        return
    exact = np.quantile(ratio[defined], q, method="inverted_cdf")
    assert found == pytest.approx(exact, rel=0.005, abs=1e-30)


def test_an_edge_type_that_was_not_announced_is_refused_and_nothing_is_counted():
    metric = MassiveActivations(1, 4, edge_types=2)
    with pytest.raises(InputError, match=r"received edge types from 0 to 2, expected 0 to 1"):
        metric.update(torch.ones(3, 1, 4), torch.tensor([0, 1, 2]))
    assert metric.count_edges.sum() == 0


def test_a_site_with_one_number_per_head_is_refused_with_the_reason():
    with pytest.raises(InputError, match="no within-edge ratio"):
        MassiveActivations(heads=8, channels=1)


def test_activations_of_another_width_are_refused():
    with pytest.raises(InputError, match="received 6 values per edge, expected 1 heads x 4"):
        MassiveActivations(1, 4).update(torch.ones(3, 2, 3))


def test_sketches_of_different_sites_do_not_merge():
    one, two = MassiveActivations(1, 4), MassiveActivations(2, 4)
    for metric in (one, two):
        metric.update(torch.ones(1, *(metric.layout.heads, 4)))
    with pytest.raises(InputError, match="cannot merge"):
        one.compute() + two.compute()


def test_wide_sites_keep_their_joint_histograms_within_the_budget():
    layout = SketchLayout(heads=12, channels=37, edge_types=5, joint_budget=2**20)
    cells = np.prod(layout.shapes()["joint_ratio"])
    assert cells * 8 <= 2**20
    assert layout.ratio.bits == 7


@pytest.mark.parametrize(
    "copy",
    [MassiveActivations.clone, lambda metric: pickle.loads(pickle.dumps(metric))],  # noqa: S301  (our own)
)
def test_a_copied_metric_goes_on_counting(copy):
    values = torch.randn(5, 1, 4, generator=torch.Generator().manual_seed(0))
    metric = MassiveActivations(1, 4)
    metric.update(values)
    copied = copy(metric)
    for each in (metric, copied):
        each.update(values)
    copied.merge_state(metric)
    for name, counter in metric.compute().counts.items():
        assert torch.equal(copied.compute().counts[name], 2 * counter)
    copied.update(values)
    assert copied.compute().num_edges == 25


def test_the_metric_survives_reset_and_copies():
    metric = MassiveActivations(1, 4)
    metric.update(torch.ones(3, 1, 4))
    copied = metric.clone()
    metric.reset()
    assert copied.compute().num_edges == 3
    assert metric.count_edges.sum() == 0
