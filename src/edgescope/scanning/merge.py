"""Several scans made into one, as if one had gone over everything."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import polars as pl

from edgescope.capturing.coverage import merged
from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import GraphNames
from edgescope.scanning.massive_rows import by_graph, largest_first, most_extreme
from edgescope.scanning.merge_checks import check_alike, check_parts, check_same_graphs, equal_scans
from edgescope.scanning.result import Scan, ScanInfo, SiteScan
from edgescope.scanning.scan_check import check_scan
from edgescope.scanning.site_scan import SiteEdges, held_graphs, one_graph
from edgescope.scanning.type_union import with_common_types

_AND = " + "
"""Between the names of data sets that were scanned together."""


def merge_scans(scans: Iterable[Scan], *, same_graphs: bool = False) -> Scan:
    """Return the scan of everything that several scans went over.

    Scans of parts of the data give exactly the scan of the whole, in any order and grouping:
    counters add, maxima are the larger, kept activations are the largest of all, up to the
    smallest ``max_rows``. Each part must hold whole graphs, numbered by their position in the
    whole, as a loader over a part counts from 0: give every batch the positions in
    ``batch.graph`` ``[G]``, as :meth:`edgescope.data.MoleculeDataset.batch` does; and name the
    edge types with ``edge_type_names=``, as a part may not have all of them.

    Scans of parts of one large graph (``info.parts``) merge into a scan of one graph. Their parts
    must not share edges: an edge that several of them kept is refused, but one that was too small
    to be kept would be counted by each.

    Baselines are merged as the scans are; one that all share, such as a saved scan, stays as it
    is. Members of baselines are merged one by one with those of the other parts. Parts that are
    judged by thresholds calibrated on the baseline need one and the same baseline: scan it once,
    over everything, and pass it to the scan of every part.

    Args:
        scans: at least one scan; of one model on parts of the data, by default.
        same_graphs: whether these are scans of the same graphs with several models, such as
            initialisations from several seeds. Graphs are then counted once, and everything
            else once per model.

    Raises:
        InputError: if there is no scan, or if they differ in their model class, sites, widths,
            edge types, criterion, or the ratio from which activations are kept; if only some
            have a baseline; if two scans of parts hold the same activation, or scans of the
            same graphs hold different numbers of them.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> names = graphs.edge_type_names
        >>> halves = [graphs.batch([0]), graphs.batch([1])]
        >>> parts = [es.scan(model, [half], edge_type_names=names) for half in halves]
        >>> es.merge_scans(parts).info.graphs
        2
    """
    if isinstance(scans, Scan):
        raise InputError("received one scan to merge, expected several in a list")
    parts = list(scans)
    for part in parts:
        check_scan(part, "a scan to merge")
    if not parts:
        raise InputError("received no scan to merge, expected at least one")
    parts = with_common_types(parts)
    check_alike(parts)
    if same_graphs:
        check_same_graphs(parts)
    else:
        check_parts(parts)
    sites = {
        site: merge_sites([part.sites[site] for part in parts], _max_rows(parts))
        for site in parts[0].sites
    }
    members = _merged_members(parts, same_graphs)
    if parts[0].info.parts and not same_graphs:
        sites = {
            site: one_graph(found, [member.sites[site].sketch for member in members])
            for site, found in sites.items()
        }
    return Scan(
        sites,
        _merged_info(parts, same_graphs),
        _merged_names(parts).of(held_graphs(sites)),
        _merged_baseline(parts, same_graphs),
        members,
    )


def gather_scans(scan: Scan | None) -> Scan:
    """Return the scan of what all processes of a ``torch.distributed`` job went over.

    Each process scans its own part of the graphs, numbered by their position in the whole; all
    must call this, and all get the same scan.

    Args:
        scan: the scan of this process; None if it had no graph.

    Raises:
        InputError: if there is no such job, no process has a scan, or the scans do not belong
            together, as for :func:`merge_scans`.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> from edgescope.scanning.merge import gather_scans
        >>> def scan_my_part(model, dataset, rank, world_size):
        ...     positions = torch.arange(rank, len(dataset), world_size)
        ...     batches = [dataset.batch(part) for part in positions.split(128) if len(part)]
        ...     names = dataset.edge_type_names
        ...     mine = es.scan(model, batches, edge_type_names=names) if batches else None
        ...     return gather_scans(mine)
    """
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        raise InputError(
            "received one scan outside a torch.distributed job, expected to run in one; call "
            "torch.distributed.init_process_group first, or merge_scans for scans at hand"
        )
    scans: list[Scan | None] = [None] * distributed.get_world_size()
    distributed.all_gather_object(scans, scan)
    return merge_scans(scan for scan in scans if scan is not None)


def merge_sites(found: Sequence[SiteScan], max_rows: int) -> SiteScan:
    """Merge what was found at one site, keeping ``max_rows`` activations."""
    return SiteScan(
        reduce(add, (part.sketch for part in found)),
        largest_first(pl.concat(part.rows for part in found)).head(max_rows),
        most_extreme(pl.concat(part.extremes for part in found)),
        by_graph(pl.concat(part.nonfinite for part in found)).head(max_rows),
        sum(part.seen for part in found),
        reduce(SiteEdges.joined, (part.of for part in found)),
    )


def _max_rows(scans: Sequence[Scan]) -> int:
    # Fewer would still be right, more not: the rows beyond the smallest number are incomplete.
    return min(scan.info.max_rows for scan in scans)


def _merged_info(scans: Sequence[Scan], same_graphs: bool) -> ScanInfo:
    infos = [scan.info for scan in scans]
    names = {name for info in infos for name in info.data.split(_AND) if name}
    return replace(
        infos[0],
        data=_AND.join(sorted(names)),
        graphs=(
            infos[0].graphs if same_graphs or infos[0].parts else sum(info.graphs for info in infos)
        ),
        data_fingerprint=_common_fingerprint(infos) if same_graphs else "",
        max_rows=_max_rows(scans),
        seconds=sum(info.seconds for info in infos),
        arguments=next((info.arguments for info in infos if info.arguments), ()),
        types_from=next((info.types_from for info in infos if info.types_from), ""),
        coverage=merged([info.coverage for info in infos]),
        pins=next((info.pins for info in infos if info.pins is not None), None),
    )


def _common_fingerprint(infos: Sequence[ScanInfo]) -> str:
    """Return the fingerprint of the data that all scans are of; empty if it is not known."""
    known = {info.data_fingerprint for info in infos}
    return known.pop() if len(known) == 1 else ""


def _merged_names(scans: Sequence[Scan]) -> GraphNames:
    """Unite what scans call their graphs."""
    names = GraphNames()
    for scan in scans:
        names.take(scan.names, what="cannot merge scans")
    return names


def _merged_baseline(scans: Sequence[Scan], same_graphs: bool) -> Scan | None:
    baselines = [scan.baseline for scan in scans if scan.baseline is not None]
    if not baselines:
        return None
    if len(baselines) < len(scans):
        raise InputError(
            f"cannot merge {len(scans)} scans of which {len(baselines)} have a baseline; "
            "scan all of them against a baseline, or none"
        )
    if all(equal_scans(baselines[0], other) for other in baselines[1:]):
        return baselines[0]
    return merge_scans(baselines, same_graphs=same_graphs)


def _merged_members(scans: Sequence[Scan], same_graphs: bool) -> list[Scan]:
    """Merge the members of parts one by one, or put those of several models side by side."""
    if same_graphs:
        return [member for scan in scans for member in scan.members]
    sizes = {len(scan.members) for scan in scans}
    if len(sizes) > 1:
        raise InputError(
            f"cannot merge scans of {min(sizes)} to {max(sizes)} members; scan every part with "
            "the same number of untrained members"
        )
    return [merge_scans(alike) for alike in zip(*(scan.members for scan in scans), strict=True)]
