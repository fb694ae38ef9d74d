"""Criteria that take their thresholds from an untrained ensemble, in a scan."""

import copy
from dataclasses import replace

import polars as pl
import pytest
import torch
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.scanning.criteria import Bounds
from edgescope.statistics import edge_ratios
from edgescope.statistics.extremity import significance
from support.scan_cases import SITES, captured

ENSEMBLE = es.Untrained(members=6, seed=3)
RATE = 0.1 / 6
"""What six members support."""


@pytest.fixture(scope="module")
def grown(untrained):
    """A model in which one channel is large at one site, and all channels at the other."""
    model = copy.deepcopy(untrained)
    with torch.no_grad():
        model.layers[0].attention.edge.weight[7] *= 3000
        model.layers[1].attention.edge.weight *= 3000
    return model


@pytest.fixture(scope="module")
def calibrated(grown, graphs):
    return es.scan(grown, DataLoader(graphs, 16), baseline=ENSEMBLE, criterion="calibrated")


def test_both_axes_are_judged(calibrated):
    table = calibrated.table()
    assert table["massive"].to_list() == [True, True]
    assert table["exceedance_ratio"][0] > 0.3
    assert table["q_ratio"][0] < 0.05
    assert table["exceedance_ratio"][1] < 0.1
    assert table["exceedance_magnitude"][1] > 0.5
    assert table["q_magnitude"][1] < 0.05


def test_one_more_untrained_model_is_not_massive(graphs, untrained):
    loader = DataLoader(graphs, 16)
    (another,) = es.Untrained(1, seed=99).models(untrained, loader)
    scan = es.scan(another, loader, baseline=ENSEMBLE, criterion="calibrated")
    assert not scan.table()["massive"].any()
    assert scan.calibration()["q"].min() > 0.05


def test_the_massive_rows_exceed_a_threshold_of_their_site(calibrated, grown, graphs):
    expected = set()
    for site, (values, graph, edge, _) in captured(grown, graphs).items():
        ratios, limits = edge_ratios(values), calibrated.info.criterion.bounds(site)
        over = (ratios.ratio > limits.ratio) & ratios.defined[:, None]
        over |= (ratios.magnitude > limits.magnitude) & ratios.finite[:, None]
        for row, position in over.nonzero().tolist():
            head, channel = divmod(position, 4)
            expected.add((site, int(graph[row]), int(edge[row]), head, channel))
    columns = ["site", "graph", "edge", "head", "channel"]
    found = set(calibrated.massive().select(columns).iter_rows())
    assert len(expected) > 500
    # A value within rounding of a threshold may fall on either side of it.
    assert len(found ^ expected) <= 0.001 * len(expected)


def test_the_table_counts_the_edges_of_the_rows(calibrated):
    rows = calibrated.massive()
    for row in calibrated.calibration().iter_rows(named=True):
        value = pl.col("ratio") if row["axis"] == "ratio" else pl.col("value").abs()
        over = rows.filter(site=row["site"]).filter(value > row["threshold"], pl.col("ratio") > 0)
        assert over.select("graph", "edge").unique().height == row["over"]
        assert row["exceedance"] == row["over"] / row["edges"]


def test_sites_are_massive_that_untrained_models_seldom_have_anywhere(calibrated):
    table = calibrated.calibration()
    assert table.height == 2 * len(SITES)
    sketches = {site: calibrated[site] for site in calibrated.sites}
    rare = significance(sketches, calibrated.baseline.ensemble(), RATE / 2)
    for row in table.iter_rows(named=True):
        assert (row["p"], row["q"]) == rare[row["site"], row["axis"]]
        assert row["massive"] == (row["q"] <= 0.05 and row["over"] > 0)
    assert table["massive"].sum() == 3


def test_a_site_without_an_edge_over_its_threshold_is_not_massive(calibrated):
    rule = calibrated.info.criterion
    high = replace(rule, thresholds={site: Bounds(1e30, 1e30) for site in SITES})
    table = calibrated.calibration(high)
    assert (table["q"] <= 0.05).any()
    assert not table["massive"].any()


def test_thresholds_of_members_lie_below_that_of_a_random_member(calibrated):
    table = calibrated.calibration()
    assert (table["member_low"] < table["member_median"]).all()
    assert (table["member_median"] < table["member_high"]).all()
    assert (table["member_median"] < table["threshold"]).all()
    assert (table["members"] == 6).all()


def test_the_baseline_shows_the_rate_of_false_positives(calibrated):
    before = calibrated.table()["share_over_untrained"]
    assert (before <= 2 * RATE).all()
    assert calibrated.baseline.info.criterion == calibrated.info.criterion


def test_a_composed_criterion_gives_the_intersection_of_the_rows(grown, graphs, calibrated):
    loader = DataLoader(graphs, 16)
    rule = es.Calibrated() & es.Criterion("large", ratio=0, magnitude=1.0)
    scan = es.scan(grown, loader, baseline=calibrated.baseline, criterion=rule)
    expected = calibrated.massive().filter(pl.col("value").abs() > 1)
    order = ["site", "graph", "edge", "head", "channel"]
    assert scan.massive().sort(order).equals(expected.sort(order))
    assert scan.info.criterion.name == "(calibrated & large)"


def test_any_criterion_applies_afterwards_as_far_as_rows_were_kept(grown, graphs, calibrated):
    loader = DataLoader(graphs, 16)
    plain = es.scan(grown, loader, baseline=calibrated.baseline)
    with pytest.raises(InputError, match="scan again with"):
        plain.massive("calibrated")
    assert plain.calibration("calibrated").equals(calibrated.calibration())
    everything = es.Criterion("everything", ratio=1.0) | es.Criterion("any", 0, 1e-9)
    loose = es.scan(grown, loader, baseline=calibrated.baseline, criterion=everything)
    order = ["site", "graph", "edge", "head", "channel"]
    assert loose.massive("calibrated").sort(order).equals(calibrated.massive().sort(order))


def test_a_rate_that_is_larger_calls_more(grown, graphs, calibrated):
    rule = es.Calibrated(rate=0.1)
    loose = es.scan(grown, DataLoader(graphs, 16), baseline=calibrated.baseline, criterion=rule)
    assert loose.massive().height > calibrated.massive().height


def test_a_criterion_without_a_bound_on_the_ratio_counts_none(grown, graphs):
    rule = es.Criterion("large", ratio=0, magnitude=5.0)
    scan = es.scan(grown, DataLoader(graphs, 16), criterion=rule)
    assert scan.table()["edges_over"].to_list() == [None, None]
    assert (scan.massive()["value"].abs() > 5).all()
    with pytest.raises(InputError, match=r"does not bound the ratio at .*; pass threshold="):
        scan.by_edge_type()
    assert scan.by_edge_type(1000)["over"].sum() > 0


@pytest.mark.parametrize("what", ["nothing", "a model", "a scan", "four members"])
def test_a_baseline_that_is_no_ensemble_is_refused_before_the_scan(
    what, grown, untrained, graphs, scan
):
    baseline = {
        "nothing": None,
        "a model": untrained,
        "a scan": scan,
        "four members": es.Untrained(4),
    }[what]
    size = {"nothing": 0, "four members": 4}.get(what, 1)
    with pytest.raises(InputError, match=f"received {size}, expected at least 5; pass"):
        es.scan(grown, DataLoader(graphs, 16), baseline=baseline, criterion="calibrated")


def test_the_evidence_of_another_criterion_is_refused(scan):
    with pytest.raises(InputError, match="received the criterion 'paper2025', expected 'calib"):
        scan.calibration()


def test_expected_is_the_stated_rate_of_the_edges(calibrated):
    table = calibrated.calibration()
    assert table["expected"].to_list() == (RATE / 2 * table["edges"]).to_list()


def test_thresholds_that_come_without_an_ensemble_are_not_judged(grown, graphs, calibrated, scan):
    rule = calibrated.info.criterion
    again = es.scan(grown, DataLoader(graphs, 16), baseline=scan.baseline, criterion=rule)
    assert "massive" not in again.table().columns
    assert again.massive().equals(calibrated.massive())
    with pytest.raises(InputError, match="received an ensemble of 1"):
        again.calibration()


@pytest.mark.parametrize("rule", [es.Calibrated(rate=1e-4), es.Calibrated(1e-4) & es.Calibrated()])
def test_a_rate_beyond_what_the_members_support_is_warned_of(rule, grown, graphs, calibrated):
    loader = DataLoader(graphs, 16)
    with pytest.warns(EdgescopeWarning, match=r"takes 1,000 untrained members, received 6, which"):
        found = es.scan(grown, loader, baseline=calibrated.baseline, criterion=rule)
    assert found.massive().height < calibrated.massive().height
    with pytest.warns(EdgescopeWarning, match="support 0.017"):
        calibrated.massive(rule)
    es.scan(grown, loader, baseline=calibrated.baseline, criterion=es.Calibrated(rate=RATE))


def test_the_table_says_how_far_the_rate_of_a_threshold_is_supported(calibrated):
    table, rows = calibrated.table(), calibrated.calibration()
    for axis in ("ratio", "magnitude"):
        of_axis = rows.filter(axis=axis)
        for name in ("members_over", "supported"):
            assert table[f"{name}_{axis}"].equals(of_axis[name], null_equal=True)
    assert (rows["members_over"] <= rows["members"]).all()
    assert ((rows["supported"] > RATE / 2) == rows["extrapolated"]).all()
