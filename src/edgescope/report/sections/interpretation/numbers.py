"""What massive activations sit on: the numbers of that section."""

from typing import Any

import polars as pl

from edgescope.interpret import ANY, FDR, Interpretation
from edgescope.interpret.interpretation_pictures import largest_groups, overall_share
from edgescope.lib.errors import InputError
from edgescope.scanning.result import Scan


def collect_interpretation(found: Interpretation, scan: Scan) -> dict[str, Any]:
    """Gather the numbers of an interpretation.

    Returns:
        ``info``, ``conclusion`` and ``fdr``; the ``sites`` shown: the union of all if there are
        several, and the one with the most massive edges, which is also ``site``; the ``table`` of
        all sites and groups; ``overall``, ``importance`` and ``correlations``, None if there are
        none; and per kind the names of the groups ``shown`` and the number of all ``groups``.

    Raises:
        InputError: if the interpretation is of another scan.
    """
    table = found.enrichment
    unknown = [site for site in table["site"].unique() if site not in {*scan.sites, ANY}]
    graphs = found.info.get("graphs", scan.info.graphs)
    if unknown or graphs != scan.info.graphs:
        what = f"the site {min(unknown)}" if unknown else f"{graphs} graphs"
        raise InputError(
            f"received an interpretation of {what}, expected one of the scan of "
            f"{scan.info.graphs} graphs at {', '.join(scan.sites)}; interpret that scan again"
        )
    if scan.info.is_of_other_graphs(found.info.get("data_fingerprint", "")):
        raise InputError(
            f"received an interpretation of the graphs of {found.info['data']}, expected those of "
            f"the scan, {scan.info.data}, as they were then; interpret that scan again"
        )
    counts = _massive(found)
    alone = {site: count for site, count in counts.items() if site != ANY}
    busiest = max(alone, key=lambda site: alone[site], default=None)
    return {
        "info": dict(found.info),
        "conclusion": found.conclusion(),
        "fdr": FDR,
        "site": busiest,
        "sites": [site for site in (ANY, busiest) if counts.get(site or "")],
        "massive": counts,
        "table": _rows(table),
        "overall": _rows(found.overall),
        "importance": _rows(found.importance),
        "correlations": _rows(found.correlations),
        "kinds": [_kind(rows) for rows in table.partition_by("kind", maintain_order=True)],
    }


def rows_of(section: dict[str, Any], kind: dict[str, Any], site: str) -> list[dict[str, Any]]:
    """Return the rows of the groups that are shown of a kind, at one site."""
    wanted = set(kind["shown"])
    return [
        row
        for row in section["table"]
        if (row["kind"], row["site"]) == (kind["kind"], site) and row["group"] in wanted
    ]


def overall_of(section: dict[str, Any], kind: str, site: str) -> float | None:
    """Return the share of massive edges among all of which a kind can be told."""
    return overall_share(section["overall"] or (), kind, site)


def _massive(found: Interpretation) -> dict[str, int]:
    """Return how many massive edges every site has; without ``overall``, of some kind at least."""
    source = found.enrichment if found.overall is None else found.overall
    by_kind = source.group_by("site", "kind", maintain_order=True).agg(pl.col("massive").sum())
    most = by_kind.group_by("site", maintain_order=True).agg(pl.col("massive").max())
    return dict(most.rows())


def _kind(rows: pl.DataFrame) -> dict[str, Any]:
    groups = rows["group"].n_unique()
    return {"kind": rows["kind"][0], "groups": groups, "shown": largest_groups(rows)}


def _rows(table: pl.DataFrame | None) -> list[dict[str, Any]] | None:
    return None if table is None else table.to_dicts()
