"""Scans of parts of the data that hold different edge types, made to number the same ones."""

import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import torch
from torch import Tensor

from edgescope.lib.errors import InputError
from edgescope.scanning.edge_types import ADDED
from edgescope.scanning.result import Scan
from edgescope.scanning.site_scan import SiteScan
from edgescope.statistics.bins import LogBins
from edgescope.statistics.sketch import SiteSketch

_BY_TYPE = {"edges", "nonfinite", "undefined"}
"""Counters by type, beside those by type and bin."""

_VALUE = re.compile(r"type (-?\d+)")


def with_common_types(scans: Sequence[Scan]) -> list[Scan]:
    """Return scans with the edge types of all of them, matched by name.

    Scans whose types nobody has named number the values that occur, and a part of the data may
    lack some; and a part may have no row that a layer added. Types that were named stand for
    positions; scans that name them differently are left as they are.

    Args:
        scans: the scans.
    """
    every = [scan.info.edge_type_names for scan in scans]
    known = [own for own, scan in zip(every, scans, strict=True) if _has_edges(scan)] or every
    if len(set(every)) == 1 or not _matching(known):
        return list(scans)
    names = _united(known)
    return [_renumbered(scan, names) for scan in scans]


def _has_edges(scan: Scan) -> bool:
    """Return whether a scan has met an edge, so that its types are known."""
    return any(bool(found.sketch.counts["edges"].any()) for found in scan.sites.values())


def _matching(every: Sequence[tuple[str, ...]]) -> bool:
    """Return whether types of the same name are certain to be the same."""
    own = {tuple(name for name in names if name != ADDED) for names in every}
    by_value = all(_VALUE.fullmatch(name) for names in own for name in names)
    return len(own) == 1 or by_value


def _united(every: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return all names: in the order of values, and rows that were added last."""
    first = [name for name in every[0] if name != ADDED]
    every_name = dict.fromkeys(name for names in every for name in names)
    others = [name for name in every_name if name not in {*first, ADDED}]
    own = [*first, *others]
    if others:
        own.sort(key=lambda name: int(name.removeprefix("type ")))
    return (*own, ADDED) if ADDED in every_name else tuple(own)


def _renumbered(scan: Scan, names: tuple[str, ...]) -> Scan:
    """Return a scan that numbers its edge types after ``names``."""
    own = scan.info.edge_type_names
    if own == names:
        return scan
    # A name that is not among them is of a scan without edges, and counts nothing.
    places = [names.index(name) if name in names else 0 for name in own]
    baseline = None if scan.baseline is None else _renumbered(scan.baseline, names)
    return Scan(
        {site: _site(found, places, len(names)) for site, found in scan.sites.items()},
        replace(scan.info, edge_type_names=names),
        scan.names,
        baseline,
        [_renumbered(member, names) for member in scan.members],
    )


def _site(found: SiteScan, places: Sequence[int], size: int) -> SiteScan:
    new = pl.col("edge_type").replace_strict(
        dict(enumerate(places)), return_dtype=found.rows.schema["edge_type"]
    )
    return found._replace(
        sketch=_sketch(found.sketch, places, size),
        rows=found.rows.with_columns(new),
        extremes=found.extremes.with_columns(new),
    )


def _sketch(sketch: SiteSketch, places: Sequence[int], size: int) -> SiteSketch:
    """Return a sketch with its types at other places; the joint bins may become coarser."""
    old = sketch.layout
    layout = replace(old, edge_types=size)
    at = torch.tensor(places)
    counts: dict[str, Tensor] = {}
    for name, shape in layout.shapes().items():
        given = sketch.counts[name]
        if name.startswith("joint_"):
            given = _coarser(given, getattr(old, name), getattr(layout, name))
        by_type = name in _BY_TYPE or name.startswith(("edge_", "joint_"))
        counts[name] = given.new_zeros(shape).index_add_(0, at, given) if by_type else given
    maxima = sketch.maxima.new_zeros(2, size).index_add_(1, at, sketch.maxima)
    return SiteSketch(layout, counts, maxima)


def _coarser(counts: Tensor, fine: LogBins, coarse: LogBins) -> Tensor:
    """Return counts ``[T, F, C]`` in bins of which each is made of whole finer ones."""
    if fine == coarse:
        return counts
    if coarse.bits > fine.bits:
        raise InputError(
            "cannot merge scans whose joint histograms cannot be made coarser; scan again with "
            "edge_type_names= for all"
        )
    edges = torch.from_numpy(fine.edges[:-1].copy())
    place = torch.searchsorted(torch.from_numpy(coarse.edges.copy()), edges, right=True) - 1
    found = counts.new_zeros(*counts.shape[:2], coarse.size)
    return found.index_add_(2, place, counts)
