"""A scan on disk: a folder of Parquet tables and one JSON file."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from edgescope.capturing.coverage import Coverage
from edgescope.capturing.pins import PINS, Pins
from edgescope.lib import graph_names
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import check_memory, table_of
from edgescope.lib.manifest import Kind, Stored, is_there, seal, stored, storing
from edgescope.lib.mistakes import said
from edgescope.lib.typed_fields import record
from edgescope.scanning.criteria import read_rule
from edgescope.scanning.result import Scan, ScanInfo, SiteScan
from edgescope.scanning.scan_folder import scan_folder
from edgescope.scanning.site_scan import SiteEdges
from edgescope.statistics.sketch import SiteSketch
from edgescope.statistics.sketch_layout import SketchLayout

FORMAT = 3
"""Raised when a change makes older folders unreadable. Folders of format 2 have no manifest; those
of format 1 lack the histograms by group of graphs, and zeros in their place would pass for
counts."""

SCAN = Kind("a scan", "scan.json", FORMAT, "scan again", 2, "a scan folder")

SEEDS = Kind("scans of seeds", "seeds.json", 2, "scan again")

_ROW: dict[str, Any] = {
    **dict.fromkeys(("graph", "edge", "source", "target", "head", "channel"), pl.Int64),
    **dict.fromkeys(("value", "ratio"), pl.Float32),
    "edge_type": pl.Int64,
}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "counts": {"counter": pl.String, "cell": pl.Int64, "value": pl.Float64},
    "rows": _ROW,
    "extremes": {"largest": pl.String, **_ROW},
    "nonfinite": {"graph": pl.Int64, "edges": pl.Int64},
}
_TABLES = ("rows", "extremes", "nonfinite")
_MOLECULES = {"graph": pl.Int64, "smiles": pl.String}
"""Columns of the names of graphs; those of identifiers come after them."""


def save_scan(scan: Scan, folder: Path) -> Path:
    """Write a scan and its baseline; an existing scan in ``folder`` is replaced at the end.

    Raises:
        InputError: if the folder cannot be written, or holds something other than a scan.
    """
    with storing(folder, SCAN, _counts(scan)) as new:
        _write(scan, new)
    return folder


def save_seeds(scans: Mapping[str, Scan], folder: Path) -> Path:
    """Write the scans of several seeds, and a baseline that all share only once.

    Raises:
        InputError: if the folder cannot be written, or holds something else.
    """
    baselines = [scan.baseline for scan in scans.values()]
    shared = baselines[0] if all(each is baselines[0] for each in baselines) else None
    with storing(folder, SEEDS, {"seeds": len(scans)}) as new:
        for number, scan in enumerate(scans.values()):
            alone = Scan(scan.sites, scan.info, scan.names, members=scan.members)
            write_scan(scan if shared is None else alone, new / f"{number:04d}")
        if shared is not None:
            write_scan(shared, new / "baseline")
        note = {"format": SEEDS.format, "names": list(scans)}
        (new / SEEDS.marker).write_text(json.dumps(note), encoding="utf-8")
    return folder


def load_seeds(folder: Path) -> dict[str, Scan]:
    """Read what :func:`save_seeds` wrote.

    Raises:
        InputError: if the folder holds no such scans, or damaged ones.
    """
    return stored(folder, SEEDS, _read_seeds)


def load_scan(folder: str | Path) -> Scan:
    """Read a scan that was saved with :meth:`Scan.save`, after a check of every file.

    The folder of a run stands for the scan in it.

    Raises:
        InputError: if the folder holds no scan, a damaged one, or one of another version.

    Warns:
        EdgescopeWarning: if it was saved by an earlier version, so that it cannot be checked.

    Example:
        >>> import tempfile
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> scan = es.scan(model, es.data.loader(graphs))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     same = es.load_scan(scan.save(folder))
        >>> same.table().equals(scan.table())
        True
    """
    if not isinstance(folder, str | Path):
        raise InputError(f"received {said(folder)}, expected the folder of a saved scan")
    return stored(scan_folder(Path(folder), SCAN), SCAN, read_scan)


def has_scan(folder: str | Path) -> bool:
    """Say whether a folder holds a saved scan, damaged or not.

    Example:
        >>> import edgescope as es
        >>> es.has_scan("no/such/folder")
        False
    """
    return is_there(Path(folder), SCAN)


def _counts(scan: Scan) -> dict[str, int]:
    """Count what a stored scan holds, to notice on loading what is missing."""
    return {
        "sites": len(scan.sites),
        "members": len(scan.members),
        "baseline": int(scan.baseline is not None),
        "molecules": len(scan.smiles),
        **{
            table: sum(getattr(found, table).height for found in scan.sites.values())
            for table in _TABLES
        },
    }


def write_scan(scan: Scan, folder: Path) -> None:
    """Write a scan into a new folder that is part of one which is being stored."""
    folder.mkdir(parents=True)
    _write(scan, folder)
    seal(folder, SCAN, _counts(scan))


def _write(scan: Scan, folder: Path) -> None:
    sites = {
        site: {
            **asdict(found.sketch.layout),
            "seen": found.seen,
            "of": found.of._asdict(),
        }
        for site, found in scan.sites.items()
    }
    info = asdict(scan.info) | {"criterion": scan.info.criterion.describe()}
    coverage, pins = scan.info.coverage, scan.info.pins
    info |= {"coverage": None if coverage is None else coverage.as_dict(), "pins": None}
    if pins is not None:
        pins.save(folder / PINS)
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
        write_scan(scan.baseline, folder / "baseline")
    for number, each in enumerate(scan.members):
        write_scan(each, folder / "members" / f"{number:04d}")


def _read_seeds(files: Stored) -> dict[str, Scan]:
    note = files.json(SEEDS.marker)
    names = note["names"] if files.format == SEEDS.format else note
    if not isinstance(names, list) or len(set(map(str, names))) < len(names):
        raise ValueError(f"{SEEDS.marker} does not hold a list of different names")
    files.check({"seeds": len(names)})
    scans = {
        str(name): read_scan(files.below(f"{number:04d}", SCAN))
        for number, name in enumerate(names)
    }
    if files.has("baseline"):
        shared = read_scan(files.below("baseline", SCAN))
        for scan in scans.values():
            scan.baseline = shared
    return scans


def read_scan(files: Stored) -> Scan:
    """Make a scan of files that were read.

    Raises:
        ValueError: if they do not fit together, among other errors of what is damaged.
    """
    description = files.json(SCAN.marker)
    if description["format"] != files.format:
        raise ValueError(f"format {description['format']}, expected {files.format}")
    info = dict(description["info"])
    info["criterion"] = read_rule(info["criterion"])
    if info.get("coverage") is not None:  # scans of earlier versions have none
        info["coverage"] = Coverage.from_dict(info["coverage"])
    info["pins"] = Pins.from_dict(files.json(PINS)) if PINS in files.files else None
    tables = {
        name: table_of(files.files[f"{name}.parquet"], {"site": pl.String, **schema})
        for name, schema in _SCHEMAS.items()
    }
    settings = description["sites"]
    if strangers := set(tables["counts"]["site"].unique()) - set(settings):
        raise ValueError(f"counts.parquet has the site {min(strangers)!r}, {SCAN.marker} has not")
    sites = {
        site: _site(of, description["counters"], _of_site(tables, site))
        for site, of in settings.items()
    }
    known = record(ScanInfo, info)
    if min(known.graphs, known.max_rows) < 0 or not known.seconds >= 0:
        raise ValueError(f"{known.graphs} graphs in {known.seconds} s, {known.max_rows} rows kept")
    numbers = sorted({name.split("/")[1] for name in files.files if name.startswith("members/")})
    scan = Scan(
        sites,
        known,
        graph_names.from_file(table_of(files.files["molecules.parquet"], _MOLECULES)),
        read_scan(files.below("baseline", SCAN)) if files.has("baseline") else None,
        [read_scan(files.below(f"members/{number}", SCAN)) for number in numbers],
    )
    files.check(_counts(scan))
    return scan


def _of_site(tables: Mapping[str, pl.DataFrame], site: str) -> dict[str, pl.DataFrame]:
    found = {name: table.filter(site=site).drop("site") for name, table in tables.items()}
    for name in ("rows", "extremes"):
        if "input" not in found[name].columns:  # of an earlier version
            found[name] = found[name].with_columns(pl.lit("", dtype=pl.String).alias("input"))
    return found


def _site(
    settings: Mapping[str, Any], counters: list[str], tables: dict[str, pl.DataFrame]
) -> SiteScan:
    sizes = {"joint_floor": 0.0, **settings}  # earlier versions counted all by channel
    seen, of = sizes.pop("seen"), record(SiteEdges, sizes.pop("of", {}))
    if type(seen) is not int or seen < 0:
        raise ValueError(f"seen is {seen!r}, expected a number of activations")
    layout = record(SketchLayout, sizes)
    if min(layout.heads, layout.edge_types) < 1:
        raise ValueError(f"{layout.heads} heads and {layout.edge_types} edge types")
    if counters != sorted(layout.shapes()):
        raise ValueError(f"counters {', '.join(counters)}")
    sketch = _dense(layout, tables.pop("counts"))
    return SiteScan(sketch, **tables, seen=seen, of=of)


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
    check_memory(8 * sum(int(np.prod(shape, dtype=object)) for shape in shapes.values()), "a site")
    filled = {}
    for name, shape in shapes.items():
        part = cells.filter(pl.col("counter") == name)
        dtype = torch.float32 if name == "maxima" else torch.int64
        counter = torch.zeros(shape, dtype=dtype)
        cell = part["cell"].to_numpy().copy()
        if cell.size and not 0 <= cell.min() <= cell.max() < counter.numel():
            raise ValueError(f"{name} has cells {cell.min()} to {cell.max()} of {counter.numel()}")
        value = torch.from_numpy(part["value"].to_numpy().copy()).to(dtype)
        counter.view(-1)[torch.from_numpy(cell)] = value
        filled[name] = counter
    maxima = filled.pop("maxima")
    return SiteSketch(layout, filled, maxima)
