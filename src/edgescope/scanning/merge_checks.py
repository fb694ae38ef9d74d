"""What scans must have in common to be merged."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from textwrap import shorten

import polars as pl

from edgescope.lib.errors import InputError
from edgescope.scanning.massive_rows import PLACE
from edgescope.scanning.result import Scan, ScanInfo, SiteScan

_MERGED = {"coverage", "data", "data_fingerprint", "graphs", "max_rows", "pins", "seconds"}
"""What may differ in :class:`~edgescope.scanning.result.ScanInfo` between scans that are merged."""


_SAID = {"arguments", "types_from"}
"""What a scan of an older version does not say; where both say it, it must be the same."""


def check_alike(scans: Sequence[Scan]) -> None:
    """Refuse scans that did not ask the same question of the same sites.

    Raises:
        InputError: naming the first difference.
    """
    first = scans[0]
    for other in scans[1:]:
        if list(other.sites) != list(first.sites):
            missing = set(first.sites).symmetric_difference(other.sites)
            what = f"only one has {', '.join(sorted(missing))}" if missing else "in another order"
            raise InputError(
                f"cannot merge scans of different sites ({what}); scan the same sites of the "
                "same architecture"
            )
        for field in fields(ScanInfo):
            values = getattr(first.info, field.name), getattr(other.info, field.name)
            unknown = field.name in _SAID and not all(values)
            if field.name not in _MERGED and not unknown and values[0] != values[1]:
                received = " and ".join(shorten(repr(value), 100) for value in values)
                raise InputError(
                    f"cannot merge scans with different {field.name}: received {received}; "
                    f"scan again with the same {field.name}"
                )
        for site, found in first.sites.items():
            if found.of.target_row != other.sites[site].of.target_row:
                raise InputError(
                    f"cannot merge scans of which one calls row 0 of edge_index the target at "
                    f"{site} and another row 1: their layers differ in flow, or one scan is of an "
                    "earlier version; scan again with layers of the same flow"
                )
            layouts = asdict(found.sketch.layout), asdict(other.sites[site].sketch.layout)
            if layouts[0] != layouts[1]:
                name = next(key for key in layouts[0] if layouts[0][key] != layouts[1][key])
                raise InputError(
                    f"cannot merge scans with different {name} at {site}: received "
                    f"{layouts[0][name]} and {layouts[1][name]}; scan again with the same {name}"
                )


def check_same_graphs(scans: Sequence[Scan]) -> None:
    """Refuse scans of different numbers of graphs, which are not the same graphs."""
    sizes = {scan.info.graphs for scan in scans}
    if len(sizes) > 1:
        raise InputError(
            f"received scans of {min(sizes)} to {max(sizes)} graphs with same_graphs=True, "
            "expected equal numbers; scan the same graphs with every model"
        )
    if len({scan.info.data_fingerprint for scan in scans} - {""}) > 1:
        names = " and ".join(dict.fromkeys(scan.info.data for scan in scans))
        raise InputError(
            f"received scans of different graphs ({names}) with same_graphs=True; scan the same "
            "graphs with every model"
        )


def check_parts(scans: Sequence[Scan]) -> None:
    """Refuse parts that hold the same activation: it would be counted twice."""
    for site in scans[0].sites:
        found = (
            pl.concat([scan.sites[site].rows, scan.sites[site].extremes.drop("largest")])
            .select(PLACE)
            .unique()
            for scan in scans
        )
        held = pl.concat(found)
        twice = held.filter(held.is_duplicated()).sort(PLACE)
        if twice.height:
            row = twice.row(0, named=True)
            remedy = (
                f"merge scans of parts that share no {scans[0].info.rows}, such as clusters, or "
                "scan all batches "
                "at once"
                if scans[0].info.parts
                else "give batches the graphs' positions as batch.graph"
            )
            cause = "" if scans[0].info.parts else ", or both number their graphs from 0"
            raise InputError(
                f"cannot merge scans that both hold {scans[0].info.rows} {row['edge']} of "
                f"{scans[0].names.called(row['graph'])} at {site}: they overlap{cause}; {remedy}, "
                "or pass same_graphs=True for several models"
            )


def equal_scans(one: Scan, other: Scan) -> bool:
    """Whether two scans are the same one, perhaps read from disk twice."""
    return one is other or (
        one.info == other.info
        and list(one.sites) == list(other.sites)
        and all(equal_sites(one.sites[site], other.sites[site]) for site in one.sites)
    )


def equal_sites(one: SiteScan, other: SiteScan) -> bool:
    """Whether two sites hold the same counts and rows."""
    return (
        one.sketch.layout == other.sketch.layout
        and one.seen == other.seen
        and one.of == other.of
        and one.sketch.maxima.equal(other.sketch.maxima)
        and all(one.sketch.counts[k].equal(v) for k, v in other.sketch.counts.items())
        and one.rows.equals(other.rows)
        and one.extremes.equals(other.extremes)
        and one.nonfinite.equals(other.nonfinite)
    )
