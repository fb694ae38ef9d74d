"""Trained against untrained: what sees rare events, and what does not."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.scanning.compare import compare
from edgescope.statistics.model_pair import SHIFTS, TAILS

HEADS, CHANNELS = 2, 4
LARGEST_BIN = np.log10(1 + 1 / 128)
"""Width of the widest bin, in decades."""


def activations(seed, graphs=100, edges=30, spread=0.0):
    """Products of two Gaussians on the edges of graphs of equal size, some graphs larger."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((2, graphs, edges, HEADS, CHANNELS)).prod(0)
    values *= np.exp(spread * random.standard_normal((graphs, 1, 1, 1)))
    return values.reshape(-1, HEADS, CHANNELS).astype(np.float32)


def sketch_of(values, edges=30):
    metric = es.MassiveActivations(*values.shape[1:])
    graph = torch.arange(len(values)) // edges
    metric.update(torch.from_numpy(values), None, graph)
    return metric.compute()


def largest(values, measure):
    """Return the largest ratio or magnitude of every edge."""
    flat = np.abs(values).reshape(len(values), -1)
    median = np.sort(flat, axis=1)[:, (flat.shape[1] - 1) // 2]
    return flat.max(1) / (median if measure == "ratio" else 1)


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 2**31), st.floats(0.5, 3), st.sampled_from(["ratio", "magnitude"]))
def test_every_number_is_that_of_the_raw_activations_within_a_bin(seed, power, measure):
    before = activations(seed, graphs=400)
    after = np.sign(before) * np.abs(activations(seed + 1, graphs=400)) ** power
    found = getattr(compare(sketch_of(after), sketch_of(before), resamples=10), measure)
    top, base = largest(after, measure), largest(before, measure)
    assert found.ks.value == pytest.approx(ks_2samp(top, base, method="asymp").statistic, abs=0.02)
    for q in TAILS:
        over = found.exceedance[q]
        quantile = np.quantile(base, q, method="inverted_cdf")
        assert quantile <= over.threshold * (1 + 1e-6) <= quantile * (1 + 1 / 127) or np.isnan(
            over.threshold
        )
        if len(base) * (1 - q) >= 1:
            assert over.rate.value == pytest.approx((top > np.float32(over.threshold)).mean())
            assert over.rate_untrained == pytest.approx((base > np.float32(over.threshold)).mean())
    for q in SHIFTS:
        if len(base) * (1 - q) >= 1:
            expected = np.log10(
                np.quantile(top, q, method="inverted_cdf")
                / np.quantile(base, q, method="inverted_cdf")
            )
            assert found.shift[q].value == pytest.approx(expected, abs=2 * LARGEST_BIN)
    ordered = np.sort(top.astype(float))[::-1]
    k = found.tail.k
    hill = k / np.log(ordered[:k] / ordered[k]).sum()
    assert 1 / found.tail.alpha.value == pytest.approx(1 / hill, abs=0.008)


@pytest.fixture(scope="module")
def rare():
    """One edge in 10,000 of 200,000, on whose first channel training has put a giant."""
    before = activations(0, graphs=10_000, edges=20)
    after = before.copy()
    hit = np.random.default_rng(1).choice(len(before), len(before) // 10_000, replace=False)
    after[hit, 0, 0] = 1e5
    return compare(sketch_of(after, 20), sketch_of(before, 20))


def test_the_distance_cannot_see_one_edge_in_ten_thousand(rare):
    assert max(effects.ks.value for effects in rare) < 0.001
    assert max(effects.ks_values for effects in rare) < 0.001


@pytest.mark.parametrize("measure", ["ratio", "magnitude"])
def test_the_tail_statistics_see_one_edge_in_ten_thousand(rare, measure):
    effects = getattr(rare, measure)
    assert effects.exceedance[0.999].enrichment.low > 1
    assert effects.exceedance[0.9999].enrichment.low > 1.3
    assert effects.exceedance[0.9999].enrichment.value == pytest.approx(2, rel=0.1)
    assert effects.shift[0.9999].low > 0
    assert effects.tail.alpha.high < effects.tail_untrained.alpha.low
    assert effects.problems == ()


def test_a_model_against_itself_differs_in_nothing():
    sketch = sketch_of(activations(0, graphs=400))
    for effects in compare(sketch, sketch):
        assert effects.ks == (0, 0, 0)
        assert effects.shift[0.999] == (0, 0, 0)
        assert effects.exceedance[0.999].enrichment == (1, 1, 1)


def test_growth_of_whole_vectors_shows_in_magnitude_only():
    before = activations(0, graphs=400)
    found = compare(sketch_of(before * np.float32(1024)), sketch_of(before))
    assert found.ratio.ks.value == 0
    for q in (0.5, 0.999):
        assert found.magnitude.shift[q].value == pytest.approx(np.log10(1024), abs=LARGEST_BIN)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_intervals_hold_no_difference_where_there_is_none(spread):
    covered = {"ks": 0, "shift": 0}
    trials = 100
    for seed in range(trials):
        pair = [sketch_of(activations(2 * seed + i, 128, spread=spread)) for i in (0, 1)]
        found = compare(*pair, seed=seed, resamples=200).magnitude
        covered["ks"] += found.ks.low == 0
        covered["shift"] += found.shift[0.5].low <= 0 <= found.shift[0.5].high
    # 95 % less four standard errors.
    assert all(count / trials >= 0.86 for count in covered.values()), covered


def test_too_few_edges_give_no_high_quantiles_and_the_reason():
    effects = compare(sketch_of(activations(0, 10)), sketch_of(activations(1, 10))).ratio
    assert np.isnan([effects.shift[0.999].value, effects.exceedance[0.999].rate.value]).all()
    assert np.isnan(effects.tail.alpha.value)
    assert effects.tail.k == 0
    assert not np.isnan(effects.shift[0.5].low)
    assert "300 trained edges, some numbers need 1000" in effects.problems


def test_one_graph_gives_numbers_without_intervals():
    values = activations(0, graphs=1, edges=2000)
    effects = compare(sketch_of(values, 2000), sketch_of(values * 2, 2000)).magnitude
    assert effects.shift[0.5].value == pytest.approx(-np.log10(2), abs=1e-6)
    assert np.isnan([*effects.shift[0.5][1:], *effects.ks[1:]]).all()
    assert "graphs in 1 groups, expected 8 or more" in "".join(effects.problems)


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_edges_without_ratios_leave_nothing_to_compare(fill):
    values = activations(0)
    effects = compare(sketch_of(np.full_like(values, fill)), sketch_of(values)).ratio
    assert (effects.edges, effects.edges_untrained) == (0, 3000)
    assert np.isnan([effects.ks.value, effects.ks_values, effects.shift[0.5].value]).all()
    assert "0 trained edges, some numbers need 2" in effects.problems


@pytest.mark.parametrize("graphs", [0, 3])
def test_exceedances_in_few_graphs_have_no_interval_and_the_reason(graphs):
    values = activations(0, graphs=400)
    after = values / 1000
    after[: 30 * graphs] = values[: 30 * graphs] * 1000
    effects = compare(sketch_of(after), sketch_of(values)).magnitude
    rate = effects.exceedance[0.999].rate
    assert rate.value == graphs / 400
    assert np.isnan(rate[1:]).all()
    assert (
        f"no interval of the rate at 0.999: its edges lie in {graphs} of the groups of graphs"
        in "".join(effects.problems)
    )


def test_sites_of_other_shapes_are_refused():
    values = activations(0)
    one, other = sketch_of(values), sketch_of(values.reshape(-1, 4, 2))
    with pytest.raises(InputError, match="2 heads x 4 channels and of 4 x 2"):
        compare(one, other)


def test_a_table_has_a_row_per_site_and_measure():
    split = es.data.load("solubility").test
    sizes = {"num_atom_types": len(split.vocabulary), "num_bond_types": 4, "hidden_dim": 16}
    models = [es.models.GraphTransformer(num_heads=4, num_layers=2, **sizes) for _ in range(2)]
    loader = es.data.loader(split)
    scan = es.scan(models[0], loader, baseline=models[1], progress=False)
    table = scan.compare(resamples=100)
    assert table["site"].to_list() == [site for site in scan.sites for _ in range(2)]
    assert table["measure"].to_list() == ["ratio", "magnitude"] * 2
    found = compare(scan[table["site"][0]], scan.baseline[table["site"][0]], resamples=100)
    assert table.row(0, named=True)["shift_median_low"] == found.ratio.shift[0.5].low
    assert table.filter(pl.col("ks_low") > pl.col("ks")).is_empty()
    with pytest.raises(InputError, match="without a baseline"):
        scan.baseline.compare()
