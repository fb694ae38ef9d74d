"""What the command line prints of a scan: one table and one sentence."""

from typing import TYPE_CHECKING

import polars as pl

from edgescope.cli._steps import show
from edgescope.lib.model_call import said_arguments

if TYPE_CHECKING:
    import edgescope as es
    from edgescope.intervene.ablation_result import AblationInfo
    from edgescope.scanning.result import ScanInfo

_HIDDEN = {
    *("edges", "exceedance", "members", "member_low", "member_median", "member_high"),
    *("spread", "freedom", "skewness", "extrapolated", "supported", "massive"),
}
"""Columns of the evidence that are not printed; ``massive`` is, in words."""

_UNTRAINED = pl.col("max_ratio_untrained").alias("untrained")


def show_scan(scan: "es.Scan") -> None:
    """Print one row per site: the largest ratios, and how many edges are over the thresholds."""
    if scan.info.criterion.members_tested:
        show(_evidence(scan))
        return
    compared = [] if scan.baseline is None else [_UNTRAINED, pl.col("growth")]
    table = scan.table().select(
        "site",
        "max_ratio",
        *compared,
        (100 * pl.col("share_over")).alias("% over"),
    )
    by_type = scan.by_edge_type().pivot(on="edge_type", index="site", values="rate")
    shares = by_type.select("site", (pl.exclude("site") * 100).name.prefix("% of "))
    show(table.join(shares, on="site", maintain_order="left"))


def conclusion(scan: "es.Scan") -> str:
    """Say in a sentence what the criterion calls massive, and where."""
    rule, total = scan.info.criterion, len(scan.sites)
    if rule.members_tested:
        rows = scan.calibration()
        sites = rows.filter("massive")["site"].unique(maintain_order=True).to_list()
        where = f": {', '.join(sites)}" if sites else ""
        rate = "" if rule.stated_rate is None else f" of {rule.stated_rate:g}"
        beyond = rows["extrapolated"].sum() if "extrapolated" in rows.columns else 0
        alone = (
            f"; {beyond} of {rows.height} thresholds lie beyond all edges of these models, so that "
            f"their rate{rate} rests on a law"
            if beyond
            else ""
        )
        members = min(map(len, scan.baseline.ensemble().values())) if scan.baseline else 0
        said = rule.test_in_words(members)
        return f"at {len(sites)} of {total} sites {said}{where}{alone}"
    if rule.everywhere and rule.everywhere.ratio and not rule.everywhere.magnitude:
        over = scan.table()["edges_over"]
        return (
            f"{over.sum()} times an edge holds a ratio above {rule.everywhere.ratio:g}, at "
            f"{(over > 0).sum()} of {total} sites"
        )
    found = scan.massive_edges()
    least = "" if found["complete"].all() else "at least "
    return (
        f"{least}{found['massive'].sum()} times the criterion {rule.name} calls an edge massive, "
        f"at {(found['massive'] > 0).sum()} of {total} sites"
    )


def called(info: "ScanInfo | AblationInfo") -> str:
    """Say in a line what the model was called with; empty if it is not known."""
    said = said_arguments(info.arguments)
    return f"the model was {said}\n" if said else ""


def looked_at(scan: "es.Scan") -> str:
    """Say in a sentence which attention of the model the scan is about."""
    if scan.coverage is None:
        return "which attention of the model was looked at is not known of this scan"
    return scan.coverage.sentence()


def _evidence(scan: "es.Scan") -> pl.DataFrame:
    """Return one row per site and axis of a criterion that tests sites."""
    rows = scan.calibration()
    word = pl.when("massive").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("massive")
    return rows.select(*(name for name in rows.columns if name not in _HIDDEN), word)
