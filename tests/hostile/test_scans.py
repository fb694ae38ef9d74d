"""Scans and what else lies in folders with tables, changed where no digest tells."""

import json
from pathlib import Path

import polars as pl
import pytest

import edgescope as es
from edgescope.attribute import Leaderboard
from edgescope.interpret import Interpretation
from edgescope.lib.errors import EdgescopeWarning
from support.earlier_versions import without_manifest
from support.hostile_files import NO_JSON, refused, short, written
from support.stored_things import THINGS


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """Results as earlier versions stored them: without a digest that would betray a change."""
    root = tmp_path_factory.mktemp("older")
    for name in ("scan", "scans of seeds", "ablation", "interpretation", "leaderboard"):
        THINGS[name].write(root, 0)
    without_manifest(root / "scan")
    without_manifest(root / "seeds")
    names = json.loads((root / "seeds" / "seeds.json").read_text())["names"]
    (root / "seeds" / "seeds.json").write_text(json.dumps(names))
    without_manifest(root / "ablation", "ablation.json", 1)
    without_manifest(root / "interpret", "interpretation.json", None)
    without_manifest(root / "explain", "leaderboard.json", None)
    return root


@pytest.mark.parametrize("name", ["scan", "scans of seeds", "ablation", "leaderboard"])
def test_results_of_earlier_versions_can_be_read_with_a_warning(name, older):
    with pytest.warns(EdgescopeWarning, match=r"an earlier version, which has no manifest\.json"):
        THINGS[name].read(older)


def test_an_interpretation_of_an_earlier_version_can_be_read_with_a_warning(older):
    with pytest.warns(EdgescopeWarning, match="of an earlier version"):
        assert Interpretation.load(older / "interpret").info == {"seed": 0}


def changed(path: Path, keys: str, value: object) -> None:
    """Put a value at a place in a JSON file, as ``info.graphs``."""
    plain = json.loads(path.read_text())
    *above, last = keys.split(".")
    holder = plain
    for key in above:
        holder = holder[next(iter(holder))] if key == "*" else holder[key]
    holder[last] = value
    path.write_text(json.dumps(plain))


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("info", 3),
        ("info.graphs", "many"),
        ("info.graphs", -1),
        ("info.graphs", None),
        ("info.graphs", True),
        ("info.edge_type_names", "abc"),
        ("info.edge_type_names", [1, 2]),
        ("info.criterion", "paper2025"),
        ("info.criterion", {"kind": "both", "rules": [1]}),
        ("info.criterion", {"name": "x", "ratio": "y"}),
        ("info.coverage", [1]),
        ("info.max_rows", 1.5),
        ("info.stranger", 1),
        ("counters", None),
        ("counters", []),
        ("sites", [1]),
        ("sites.stranger", {}),
        ("sites.*.heads", 2**40),
        ("sites.*.heads", 0),
        ("sites.*.heads", -3),
        ("sites.*.heads", "3"),
        ("sites.*.channels", 2**62),
        ("sites.*.edge_types", 10**6),
        ("sites.*.joint_budget", -1),
        ("sites.*.seen", -1),
        ("sites.*.of", [1]),
        ("sites.*.of", {"inputs": 3}),
        ("format", [2]),
        ("format", 99),
    ],
)
def test_scans_with_wrong_types(keys, value, older, tmp_path):
    """In a folder without a manifest, as only types and sizes can tell there."""
    folder = tmp_path / "scan"
    for name in ("scan.json", "counts", "rows", "extremes", "nonfinite", "molecules"):
        file = name if "." in name else f"{name}.parquet"
        written(folder / file, (older / "scan" / "baseline" / file).read_bytes())
    with pytest.warns(EdgescopeWarning):
        es.load_scan(folder)
    changed(folder / "scan.json", keys, value)
    refused(lambda: es.load_scan(folder))


@pytest.mark.parametrize("name", ["scan", "seeds", "ablation", "interpret", "explain"])
@pytest.mark.parametrize("text", NO_JSON, ids=short)
def test_descriptions_that_are_none(name, text, older, tmp_path):
    loads = {
        "scan": ("scan.json", es.load_scan),
        "seeds": ("seeds.json", es.storage.load_seeds),
        "ablation": ("ablation.json", es.Ablation.load),
        "interpret": ("interpretation.json", Interpretation.load),
        "explain": ("leaderboard.json", Leaderboard.load),
    }
    marker, load = loads[name]
    for path in (older / name).glob("*.parquet"):
        written(tmp_path / path.name, path.read_bytes())
    written(tmp_path / marker, text)
    if (name, text) != ("seeds", "[]"):  # which are the scans of no seeds
        refused(lambda: load(tmp_path))


def test_tables_of_a_scan_with_other_columns_and_cells(older, tmp_path):
    source = older / "scan" / "baseline"
    names = ("counts", "rows", "extremes", "nonfinite", "molecules")
    for name in names:
        written(tmp_path / f"{name}.parquet", (source / f"{name}.parquet").read_bytes())
    written(tmp_path / "scan.json", (source / "scan.json").read_bytes())
    counts = pl.read_parquet(source / "counts.parquet")
    for wrong in (
        counts.drop("cell"),
        counts.with_columns(cell=pl.col("cell").cast(pl.String)),
        counts.with_columns(cell=pl.lit(2**40)),
        counts.with_columns(cell=pl.lit(-1, dtype=pl.Int64)),
        counts.with_columns(site=pl.lit("a stranger")),
    ):
        wrong.write_parquet(tmp_path / "counts.parquet")
        refused(lambda: es.load_scan(tmp_path))
