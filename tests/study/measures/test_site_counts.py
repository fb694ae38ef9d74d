"""Counts of massive edges, against captured edges and a bootstrap of counted graphs."""

import numpy as np
import polars as pl
import pytest
import torch

from edgescope.statistics import edge_ratios
from edgescope.statistics.bootstrap import bootstrap
from edgescope.study.measures.site_counts import RATIOS, share_intervals, sites, thresholds, types
from support.scan_cases import captured


@pytest.fixture(scope="module")
def tops(measured):
    """Site to the largest ratio, the graph and the type of every captured edge."""
    return {
        site: (edge_ratios(values).ratio.amax(1), graph, kind)
        for site, (values, graph, _, kind) in captured(measured.model, measured.part).items()
    }


def test_edges_over_a_ratio_are_those_that_were_captured(measured, tops):
    table, by_type = thresholds(measured)["thresholds"], types(measured)["types"]
    assert set(table.filter(rule="ratio")["threshold"]) == set(RATIOS)
    assert len(table) == 2 * (len(RATIOS) + 1)
    for row in table.iter_rows(named=True):
        ratio, _, kind = tops[row["site"]]
        # The nearest edge of the bins, half a bin away at most.
        least, most = ((ratio > row["threshold"] * way).sum() for way in (1.005, 0.995))
        assert least <= row["massive"] <= most
        assert row["share"] == pytest.approx(row["massive"] / len(ratio))
        same = pl.col("site") == row["site"], pl.col("threshold") == row["threshold"]
        of_types = by_type.filter(*same)
        assert of_types["massive"].sum() == row["massive"]
        numbers = [int((kind == number).sum()) for number in range(3)]
        assert of_types["edges"].to_list() == numbers
    assert table.filter(rule="ratio", threshold=1000.0)["massive"].min() > 0


def test_the_calibrated_threshold_is_the_scans_and_stands_beside_its_rate(measured):
    found = thresholds(measured)["thresholds"].filter(rule="calibrated")
    asked = measured.scan.calibration().filter(axis="ratio")
    assert found["threshold"].to_list() == asked["threshold"].to_list()
    assert found["massive"].to_list() == asked["over"].to_list()
    rate = measured.scan.info.criterion.stated_rate / 2
    assert found["untrained_share"].to_list() == pytest.approx([rate, rate])
    assert found["q"].to_list() == asked["q"].to_list()


def test_the_interval_at_a_bin_edge_is_that_of_groups_counted_one_by_one(measured, tops):
    (site, (ratio, graph, _)), *_ = tops.items()
    group = graph % 64
    counts = torch.stack(
        [torch.bincount(group[ratio > 1000], minlength=64), torch.bincount(group, minlength=64)], 1
    ).numpy()
    expected = bootstrap(
        counts, lambda drawn: drawn[:, 0] / drawn[:, 1], generator=np.random.default_rng(7)
    )
    ((low, high),) = share_intervals(measured.scan[site], [1000.0], np.random.default_rng(7))
    assert (low, high) == pytest.approx((float(expected.low), float(expected.high)))
    row = thresholds(measured)["thresholds"].row(
        by_predicate=(pl.col("site") == site) & (pl.col("threshold") == 1000), named=True
    )
    assert row["low"] < row["share"] < row["high"]


def test_edges_in_few_graphs_have_no_interval(measured):
    sketch = measured.scan[next(iter(measured.scan.sites))]
    beyond = float(sketch.maxima[0].max()) * 2
    assert np.isnan(share_intervals(sketch, [beyond], np.random.default_rng(0))).all()


def test_growth_is_the_largest_magnitude_over_that_of_any_member(measured, as_untrained):
    members = [member.sites for member in measured.scan.baseline.members]
    for row in sites(measured)["sites"].iter_rows(named=True):
        largest = max(float(of[row["site"]].sketch.maxima[1].max()) for of in members)
        assert row["untrained_max_magnitude"] == pytest.approx(largest)
        assert row["growth"] == pytest.approx(row["max_magnitude"] / largest)
        assert (row["layer"], row["graphs"]) == (int(row["site"].split(".")[1]), 100)
    alone = sites(as_untrained)["sites"]
    assert alone["growth"].is_null().all()
    assert thresholds(as_untrained)["thresholds"]["untrained_share"].is_null().all()
