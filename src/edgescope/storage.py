"""A scan on disk: a folder of Parquet tables and one JSON file."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch import Tensor

from edgescope import graph_names
from edgescope._files import reading_folder, replacing_folder
from edgescope.capture.coverage import Coverage
from edgescope.errors import InputError
from edgescope.mistakes import said
from edgescope.records import SiteEdges
from edgescope.results import Scan, ScanInfo, SiteScan
from edgescope.statistics.criteria import read_rule
from edgescope.statistics.sketch import SiteSketch, SketchLayout

FORMAT = 2
"""Raised when a change makes older folders unreadable. Folders of format 1 lack the histograms by
group of graphs, and zeros in their place would pass for counts."""

_SEEDS = "seeds.json"
_TABLES = ("rows", "extremes", "nonfinite")


def save_scan(scan: Scan, folder: Path) -> Path:
    """Write a scan and its baseline; an existing scan in ``folder`` is replaced at the end.

    Raises:
        InputError: if the folder cannot be written, or holds something other than a scan.
    """
    with replacing_folder(folder, "scan.json", "not a scan") as temporary:
        _write(scan, temporary)
    return folder


def save_seeds(scans: Mapping[str, Scan], folder: Path) -> Path:
    """Write the scans of several seeds, and a baseline that all share only once.

    Raises:
        InputError: if the folder cannot be written, or holds something else.
    """
    baselines = [scan.baseline for scan in scans.values()]
    shared = baselines[0] if all(each is baselines[0] for each in baselines) else None
    with replacing_folder(folder, _SEEDS, "not scans of seeds") as temporary:
        for number, scan in enumerate(scans.values()):
            alone = Scan(scan.sites, scan.info, scan.names, members=scan.members)
            _write(scan if shared is None else alone, temporary / f"{number:04d}")
        if shared is not None:
            _write(shared, temporary / "baseline")
        (temporary / _SEEDS).write_text(json.dumps(list(scans)), encoding="utf-8")
    return folder


def load_seeds(folder: Path) -> dict[str, Scan]:
    """Read what :func:`save_seeds` wrote.

    Raises:
        InputError: if the folder holds no such scans, or damaged ones.
    """
    note = folder / _SEEDS
    if not note.is_file():
        raise InputError(f"expected scans of seeds with {_SEEDS} at {folder}, found none there")
    try:
        names = [str(name) for name in json.loads(note.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise InputError(f"{note} cannot be read ({error}); scan again") from error
    scans = {name: load_scan(folder / f"{number:04d}") for number, name in enumerate(names)}
    if (folder / "baseline").is_dir():
        shared = load_scan(folder / "baseline")
        for scan in scans.values():
            scan.baseline = shared
    return scans


def load_scan(folder: str | Path) -> Scan:
    """Read a scan that was saved with :meth:`Scan.save`.

    Raises:
        InputError: if the folder holds no scan, a damaged one, or one of another version.
    """
    if not isinstance(folder, str | Path):
        raise InputError(f"received {said(folder)}, expected the folder of a saved scan")
    folder = Path(folder)
    description = folder / "scan.json"
    if not description.is_file():
        raise InputError(f"expected a scan folder with scan.json at {folder}, found none there")
    with reading_folder(folder, "a scan", "scan again"):
        return _read(folder, json.loads(description.read_text(encoding="utf-8")))


def _write(scan: Scan, folder: Path) -> None:
    folder.mkdir(parents=True)
    sites = {
        site: {
            "heads": found.sketch.layout.heads,
            "channels": found.sketch.layout.channels,
            "edge_types": found.sketch.layout.edge_types,
            "joint_budget": found.sketch.layout.joint_budget,
            "seen": found.seen,
            "of": found.of._asdict(),
        }
        for site, found in scan.sites.items()
    }
    info = asdict(scan.info) | {"criterion": scan.info.criterion.describe()}
    coverage = scan.info.coverage
    info["coverage"] = None if coverage is None else coverage.as_dict()
    counters = sorted({name for found in scan.sites.values() for name in found.sketch.counts})
    description = {"format": FORMAT, "info": info, "counters": counters, "sites": sites}
    (folder / "scan.json").write_text(json.dumps(description, indent=2), encoding="utf-8")
    counts = [
        _sparse(site, name, counter)
        for site, found in scan.sites.items()
        for name, counter in {**found.sketch.counts, "maxima": found.sketch.maxima}.items()
    ]
    pl.concat(counts).write_parquet(folder / "counts.parquet")
    for table in _TABLES:
        frames = [
            getattr(found, table).with_columns(site=pl.lit(site, dtype=pl.String))
            for site, found in scan.sites.items()
        ]
        pl.concat(frames).write_parquet(folder / f"{table}.parquet")
    graph_names.to_file(scan.names).write_parquet(folder / "molecules.parquet")
    if scan.baseline is not None:
        _write(scan.baseline, folder / "baseline")
    for number, member in enumerate(scan.members):
        _write(member, folder / "members" / f"{number:04d}")


def _read(folder: Path, description: dict[str, Any]) -> Scan:
    if description["format"] != FORMAT:
        raise ValueError(f"format {description['format']}, this version reads {FORMAT}")
    info = dict(description["info"])
    info["criterion"] = read_rule(info["criterion"])
    info["edge_type_names"] = tuple(info["edge_type_names"])
    info["arguments"] = tuple(info.get("arguments", ()))
    if info.get("coverage") is not None:  # scans of earlier versions have none
        info["coverage"] = Coverage.from_dict(info["coverage"])
    tables = {name: pl.read_parquet(folder / f"{name}.parquet") for name in ("counts", *_TABLES)}
    sites = {}
    for site, settings in description["sites"].items():
        seen, of = settings.pop("seen"), dict(settings.pop("of", {}))
        of["inputs"] = tuple(of.get("inputs", ()))
        of_site = {name: table.filter(site=site).drop("site") for name, table in tables.items()}
        layout = SketchLayout(**settings)
        if description["counters"] != sorted(layout.shapes()):
            raise ValueError(f"counters {', '.join(description['counters'])}")
        sketch = _dense(layout, of_site.pop("counts"))
        for name in ("rows", "extremes"):
            if "input" not in of_site[name].columns:  # of an earlier version
                one = pl.lit("", dtype=pl.String).alias("input")
                of_site[name] = of_site[name].with_columns(one)
        sites[site] = SiteScan(sketch, **of_site, seen=seen, of=SiteEdges(**of))
    baseline = folder / "baseline"
    return Scan(
        sites,
        ScanInfo(**info),
        graph_names.from_file(pl.read_parquet(folder / "molecules.parquet")),
        load_scan(baseline) if baseline.is_dir() else None,
        [load_scan(member) for member in sorted((folder / "members").glob("*"))],
    )


def _sparse(site: str, name: str, counter: Tensor) -> pl.DataFrame:
    """Return the cells of a counter that are not zero; nearly all are."""
    flat = counter.flatten()
    cells = flat.nonzero().squeeze(1)
    # float64 holds the maxima, which are float32, and counts below 2^53 exactly.
    return pl.DataFrame({"cell": cells.numpy(), "value": flat[cells].double().numpy()}).select(
        pl.lit(site, dtype=pl.String).alias("site"),
        pl.lit(name, dtype=pl.String).alias("counter"),
        "cell",
        "value",
    )


def _dense(layout: SketchLayout, cells: pl.DataFrame) -> SiteSketch:
    shapes = layout.shapes() | {"maxima": (2, layout.edge_types)}
    filled = {}
    for name, shape in shapes.items():
        part = cells.filter(pl.col("counter") == name)
        dtype = torch.float32 if name == "maxima" else torch.int64
        counter = torch.zeros(shape, dtype=dtype)
        value = torch.from_numpy(part["value"].to_numpy().copy()).to(dtype)
        counter.view(-1)[torch.from_numpy(part["cell"].to_numpy().copy())] = value
        filled[name] = counter
    maxima = filled.pop("maxima")
    return SiteSketch(layout, filled, maxima)
