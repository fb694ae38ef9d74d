"""Merging scans of parts gives the scan of the whole."""

from dataclasses import replace
from functools import reduce
from operator import add

import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.scanning.criteria import Criterion
from edgescope.scanning.merge import merge_scans
from edgescope.scanning.result import Scan
from support.scan_equality import differences, numbered_graphs, small_model, small_scan

GRAPHS = numbered_graphs(12)
MODEL = small_model(factor=3000.0)
BEFORE = small_model(seed=1)

max_rows = pytest.mark.parametrize("max_rows", [7, 200_000])


@pytest.fixture(scope="module")
def parts():
    """Scans of every graph alone, by ``max_rows``."""
    return {
        limit: [small_scan(MODEL, [g], baseline=BEFORE, max_rows=limit) for g in GRAPHS]
        for limit in (7, 200_000)
    }


@pytest.fixture(scope="module")
def whole():
    return {
        limit: small_scan(MODEL, GRAPHS, baseline=BEFORE, max_rows=limit) for limit in (7, 200_000)
    }


def with_info(scan, **changes):
    return Scan(scan.sites, replace(scan.info, **changes), scan.smiles, scan.baseline)


@max_rows
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_parts_in_any_order_and_grouping_are_the_whole(parts, whole, max_rows, data):
    scans = data.draw(st.permutations(parts[max_rows]))
    while len(scans) > 1:
        size = data.draw(st.integers(2, len(scans)))
        scans = [*scans[size:], merge_scans(scans[:size])]
    assert not differences(scans[0], whole[max_rows])


@max_rows
def test_batches_in_another_order_give_the_same_scan(whole, max_rows):
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0)).tolist()
    shuffled = [GRAPHS[number] for number in order]
    found = small_scan(MODEL, shuffled, 3, baseline=BEFORE, max_rows=max_rows)
    assert not differences(found, whole[max_rows])


def test_the_limit_cuts_through_equal_ratios(parts, whole):
    """Otherwise the test above would not see which of them are kept."""
    every = merge_scans(parts[200_000]).sites["layers.0.attention:score"].rows
    assert every["ratio"][6] == every["ratio"][7]


def test_one_scan_merges_to_itself(parts):
    assert not differences(merge_scans(parts[7][:1]), parts[7][0])


def test_graphs_scanned_with_several_models_count_once(parts):
    models = [small_model(seed, factor=3000.0) for seed in range(3)]
    scans = [small_scan(model, GRAPHS) for model in models]
    merged = merge_scans(scans, same_graphs=True)
    assert merged.info.graphs == 12
    for site, found in merged.sites.items():
        singles = [scan.sites[site] for scan in scans]
        assert found.sketch.num_edges == sum(single.sketch.num_edges for single in singles)
        for name, counter in found.sketch.counts.items():
            assert counter.equal(reduce(add, (s.sketch.counts[name] for s in singles)))
        assert sorted(found.rows.rows()) == sorted(row for s in singles for row in s.rows.rows())
        assert found.rows["ratio"].is_sorted(descending=True)


def test_graphs_with_nan_are_named_once_with_all_their_edges():
    model = small_model()
    with torch.no_grad():
        model.layers[1].attention.edge.weight[0] = torch.nan
    scans = [small_scan(model, part) for part in (GRAPHS[6:], GRAPHS[:6])]
    assert not differences(merge_scans(scans), small_scan(model, GRAPHS))
    twice = merge_scans([scans[0], scans[0]], same_graphs=True).nonfinite()
    assert twice.equals(scans[0].nonfinite().with_columns(pl.col("edges") * 2))


def test_a_baseline_that_all_share_stays_as_it_is(tmp_path):
    shared = small_scan(BEFORE, GRAPHS)
    shared.save(tmp_path / "scan")
    halves = [
        small_scan(MODEL, GRAPHS[:5], baseline=shared),
        small_scan(MODEL, GRAPHS[5:], baseline=es.load_scan(tmp_path / "scan")),
    ]
    assert merge_scans(halves).baseline is shared


def test_members_of_baselines_are_merged_one_by_one():
    untrained = es.Untrained(members=3, calibrate_batch_norm=False)
    whole = small_scan(MODEL, GRAPHS, baseline=untrained)
    halves = [small_scan(MODEL, part, baseline=untrained) for part in (GRAPHS[7:], GRAPHS[:7])]
    merged = halves[0] + halves[1]
    assert not differences(merged, whole)
    for member, expected in zip(merged.baseline.members, whole.baseline.members, strict=True):
        assert not differences(member, expected)


def test_parts_judged_against_one_calibrated_baseline_are_the_whole():
    untrained = es.Untrained(members=6, calibrate_batch_norm=False)
    options = {"criterion": es.Calibrated(rate=0.02), "keep_ratio": None}
    whole = small_scan(MODEL, GRAPHS, baseline=untrained, **options)
    options["baseline"] = whole.baseline
    parts = [small_scan(MODEL, part, **options) for part in (GRAPHS[7:], GRAPHS[:7])]
    assert not differences(merge_scans(parts), whole)


def test_thresholds_calibrated_part_by_part_are_refused():
    untrained = es.Untrained(members=6, calibrate_batch_norm=False)
    options = {"criterion": es.Calibrated(rate=0.02), "keep_ratio": None, "baseline": untrained}
    parts = [small_scan(MODEL, part, **options) for part in (GRAPHS[7:], GRAPHS[:7])]
    with pytest.raises(InputError, match="different criterion") as caught:
        merge_scans(parts)
    assert "\n" not in str(caught.value)


def test_data_sets_are_named_together(parts):
    first, second, third = (
        with_info(scan, data=name)
        for scan, name in zip(parts[7], ("train", "test", "train"), strict=False)
    )
    assert merge_scans([first, merge_scans([second, third])]).info.data == "test + train"


def test_seconds_add(parts):
    scans = [with_info(scan, seconds=2.0) for scan in parts[7]]
    assert merge_scans(scans).info.seconds == 24.0


def refusals(parts):
    """Scans that do not merge, and a word of the objection."""
    one, other = parts[7][:2]
    short = small_scan(MODEL, GRAPHS[1:2], sites="layers.0.*:score", baseline=BEFORE, max_rows=7)
    swapped = Scan(dict(reversed(other.sites.items())), other.info)
    swapped.baseline = other.baseline
    alone = small_scan(MODEL, GRAPHS[1:2], max_rows=7)
    budget = small_scan(MODEL, GRAPHS[1:2], baseline=BEFORE, joint_budget=2**17)
    return {
        "no scan": [],
        r"only one has layers\.1\.attention:score": [one, short],
        "in another order": [one, swapped],
        "different model: received 'GraphTransformer' and 'SAN'": [
            one,
            with_info(other, model="SAN"),
        ],
        "different criterion": [one, with_info(other, criterion=Criterion("mine", 2000.0))],
        "different keep_ratio: received 50.0 and 60.0": [one, with_info(other, keep_ratio=60.0)],
        "different edge_type_names": [one, with_info(other, edge_type_names=("a", "b", "d"))],
        "different joint_budget at layers": [one, budget],
        "2 scans of which 1 have a baseline": [one, alone],
        "both hold edge .* batch.graph": [one, one],
        "graph 0 is CC": [one, Scan(other.sites, other.info, {0: "CC"}, other.baseline)],
    }


def test_what_does_not_belong_together_is_refused(parts):
    for message, scans in refusals(parts).items():
        with pytest.raises(InputError, match=message) as caught:
            merge_scans(scans)
        assert "\n" not in str(caught.value)


def test_models_on_different_numbers_of_graphs_are_refused(parts):
    with pytest.raises(InputError, match="of 1 to 12 graphs with same_graphs=True"):
        merge_scans([parts[7][0], merge_scans(parts[7])], same_graphs=True)


def test_parts_that_number_their_graphs_from_zero_are_refused():
    halves = [numbered_graphs(6), numbered_graphs(6)]
    scans = [small_scan(MODEL, half) for half in halves]
    with pytest.raises(InputError, match="number their graphs from 0"):
        merge_scans(scans)
