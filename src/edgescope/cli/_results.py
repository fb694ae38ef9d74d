"""What the command line prints of a scan: one table and one sentence."""

from typing import TYPE_CHECKING

import polars as pl

from edgescope.cli._steps import show
from edgescope.lib.model_call import said_arguments
from edgescope.statistics.criteria import CalibratedCriterion, Criterion

if TYPE_CHECKING:
    import edgescope as es
    from edgescope.intervene.ablation_result import AblationInfo
    from edgescope.scanning.result import ScanInfo

_UNTRAINED = pl.col("max_ratio_untrained").alias("untrained")


def show_scan(scan: "es.Scan") -> None:
    """Print one row per site: the largest ratios, and how many edges are over the thresholds."""
    if isinstance(scan.info.criterion, CalibratedCriterion):
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
    if isinstance(rule, CalibratedCriterion):
        sites = scan.table().filter("massive")["site"].to_list()
        where = f": {', '.join(sites)}" if sites else ""
        rows = scan.calibration()
        beyond, members = rows["extrapolated"].sum(), rows["members"][0]
        alone = (
            f"; {beyond} of {rows.height} thresholds lie beyond all edges of these models, so that "
            f"their rate of {rule.rate:g} rests on a law"
            if beyond
            else ""
        )
        return (
            f"at {len(sites)} of {total} sites the largest edges lie further beyond those of "
            f"{members} untrained models than {rule.fdr:g} of untrained models do anywhere"
            f"{where}{alone}"
        )
    if isinstance(rule, Criterion) and rule.ratio and not rule.magnitude:
        over = scan.table()["edges_over"]
        return (
            f"{over.sum()} times an edge holds a ratio above {rule.ratio:g}, at "
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
    """Return one row per site and axis of a calibrated criterion."""
    return scan.calibration().select(
        "site",
        "axis",
        "threshold",
        "over",
        "expected",
        "members_over",
        "p",
        "q",
        pl.when("massive").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("massive"),
    )
