"""Scans of several seeds: their spread, and what holds in all of them."""

import numpy as np
import polars as pl
import pytest
import torch
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.scanning.criteria import Criterion
from edgescope.scanning.seeds import MEASURES, SeedScans, scan_seeds
from support.scan_equality import differences, numbered_graphs, small_model, small_scan

GRAPHS = numbered_graphs(10)
LOADER = DataLoader(GRAPHS, 4)
OPTIONS = {"edge_type_names": ["a", "b", "c"], "progress": False, "keep_ratio": 50.0}


def models():
    """Five seeds: all have a giant channel in layer 0, three in layer 1 too."""
    found = [small_model(seed, factor=3000.0) for seed in range(5)]
    with torch.no_grad():
        for model in found[:2]:
            model.layers[1].attention.edge.weight[7] /= 3000
    return found


@pytest.fixture(scope="module")
def seeds():
    return scan_seeds(models(), LOADER, baseline=small_model(9), **OPTIONS)


def test_every_scan_is_that_of_its_model(seeds):
    assert list(seeds.scans) == [f"seed {number}" for number in range(5)]
    for model, found in zip(models(), seeds.scans.values(), strict=True):
        assert not differences(found, small_scan(model, GRAPHS, baseline=small_model(9)))


def test_the_table_has_the_spread_of_the_tables_of_all_seeds(seeds):
    singles = [scan.table(500.0) for scan in seeds.scans.values()]
    table = seeds.table(500.0)
    assert table["site"].to_list() == singles[0]["site"].to_list()
    assert table["seeds"].to_list() == [5, 5]
    for name in MEASURES:
        values = np.stack([single[name].to_numpy() for single in singles])
        for what, expected in {
            "mean": values.mean(0),
            "sd": values.std(0, ddof=1),
            "min": values.min(0),
            "max": values.max(0),
        }.items():
            np.testing.assert_allclose(table[f"{name}_{what}"], expected, atol=1e-12)


def test_without_a_baseline_there_is_no_growth_and_one_seed_has_no_deviation():
    table = scan_seeds(models()[:1], LOADER, **OPTIONS).table()
    assert not [name for name in table.columns if name.startswith("growth")]
    assert table["max_ratio_sd"].to_list() == [None, None]
    assert table["max_ratio_mean"].equals(table["max_ratio_min"].alias("max_ratio_mean"))


def test_findings_say_in_how_many_seeds_they_hold(seeds):
    found = seeds.findings(by_edge_type=False)
    columns = ["site", "holds", "seeds", "which"]
    assert found.select(columns).rows() == [
        ("layers.0.attention:score", "all", "5/5", "seed 0, seed 1, seed 2, seed 3, seed 4"),
        ("layers.1.attention:score", "some", "3/5", "seed 2, seed 3, seed 4"),
    ]
    none = seeds.findings(Criterion("none", 1e30), by_edge_type=False)
    assert none.select("holds", "seeds", "which").unique().rows() == [("none", "0/5", "")]


@pytest.mark.parametrize("rule", [None, "sun2024", Criterion("low", 60.0)])
def test_findings_by_edge_type_are_those_of_the_massive_rows(seeds, rule):
    found = seeds.findings(rule)
    assert found.height == 6
    for row in found.iter_rows(named=True):
        rates = []
        for scan in seeds.scans.values():
            here = (pl.col("site") == row["site"]) & (pl.col("edge_type") == row["edge_type"])
            massive = scan.massive(rule).filter(here).select("graph", "edge").unique().height
            number = scan.info.edge_type_names.index(row["edge_type"])
            rates.append(massive / int(scan[row["site"]].counts["edges"][number]))
        assert row["seeds"] == f"{np.count_nonzero(rates)}/5"
        assert row["rate_mean"] == pytest.approx(np.mean(rates))
        assert (row["rate_min"], row["rate_max"]) == pytest.approx((min(rates), max(rates)))


def test_what_holds_in_most_seeds_comes_first(seeds):
    counts = [int(text[0]) for text in seeds.findings()["seeds"]]
    assert counts == sorted(counts, reverse=True)


def test_rows_that_were_not_kept_are_warned_of():
    few = scan_seeds(models()[:2], LOADER, **OPTIONS, max_rows=3)
    with pytest.warns(EdgescopeWarning, match="only the 3 largest ratios"):
        few.findings()


def test_under_the_calibrated_criterion_only_significant_sites_count():
    untrained = es.Untrained(members=6, calibrate_batch_norm=False)
    options = OPTIONS | {"criterion": es.Calibrated(rate=0.05), "keep_ratio": None}
    trained = [*models()[2:4], small_model(8)]
    found = scan_seeds(trained, LOADER, baseline=untrained, **options)
    for row in found.findings(by_edge_type=False).iter_rows(named=True):
        judged = [
            name
            for name, scan in found.scans.items()
            if scan.calibration().filter(site=row["site"])["massive"].any()
        ]
        assert row["which"] == ", ".join(judged)
        assert row["seeds"] == "2/3"
    assert found.scans["seed 2"].massive().height, "the untrained model has rows over a threshold"


def test_one_baseline_is_scanned_once_and_shared(seeds):
    assert len({id(scan.baseline) for scan in seeds.scans.values()}) == 1


@pytest.mark.parametrize("form", [list, dict])
def test_every_model_can_have_a_baseline_of_its_own(form):
    names = ["first", "second"]
    trained = dict(zip(names, models()[:2], strict=True))
    before = [small_model(7), small_model(8)]
    given = before if form is list else dict(zip(reversed(names), reversed(before), strict=True))
    found = scan_seeds(trained, LOADER, baseline=given, **OPTIONS)
    for name, model in zip(names, before, strict=True):
        assert not differences(found.scans[name].baseline, small_scan(model, GRAPHS))


def test_scans_are_saved_with_a_shared_baseline_once(seeds, tmp_path):
    folder = seeds.save(tmp_path / "seeds")
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == [
        *(f"{number:04d}" for number in range(5)),
        "baseline",
    ]
    loaded = SeedScans.load(seeds.save(tmp_path / "seeds"))
    assert list(loaded.scans) == list(seeds.scans)
    for name, scan in seeds.scans.items():
        assert not differences(loaded.scans[name], scan)
    assert loaded.findings().equals(seeds.findings())


def test_scans_with_their_own_baselines_and_odd_names_are_saved(tmp_path):
    trained = {"a/b": models()[0], "..": models()[1]}
    found = scan_seeds(trained, LOADER, baseline=[small_model(7), small_model(8)], **OPTIONS)
    loaded = SeedScans.load(found.save(tmp_path / "seeds"))
    for name, scan in found.scans.items():
        assert not differences(loaded.scans[name], scan)


def test_what_cannot_be_compared_is_refused(seeds):
    one = small_scan(models()[0], GRAPHS[:4])
    other = small_scan(models()[1], GRAPHS)
    bound = small_scan(models()[1], GRAPHS[:4], criterion="sun2024")
    cases = {
        "no scan": lambda: SeedScans({}),
        "of 4 to 10 graphs": lambda: SeedScans({"a": one, "b": other}),
        "different criterion": lambda: SeedScans({"a": one, "b": bound}),
        "one GraphTransformer, expected several": lambda: scan_seeds(models()[0], LOADER),
        "for 1 models, expected one for each of seed 0, seed 1": lambda: scan_seeds(
            models()[:2], LOADER, baseline=[small_model(7)]
        ),
        "for seed 0, other, expected": lambda: scan_seeds(
            models()[:2], LOADER, baseline={"seed 0": one, "other": one}
        ),
    }
    for message, ask in cases.items():
        with pytest.raises(InputError, match=message) as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_folders_that_hold_no_seeds_are_refused(seeds, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not scans of seeds"):
        seeds.save(tmp_path)
    with pytest.raises(InputError, match=r"seeds\.json at"):
        SeedScans.load(tmp_path)
    folder = seeds.save(tmp_path / "seeds")
    (folder / "seeds.json").write_text("[")
    with pytest.raises(InputError, match="cannot be read"):
        SeedScans.load(folder)


def test_it_says_what_it_is(seeds):
    assert repr(seeds) == "SeedScans(5 of GraphTransformer on 10 graphs, 2 sites)"
