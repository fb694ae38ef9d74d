"""What the command line prints: tables, and of a scan and of a run a table and a sentence."""

import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import polars as pl
import typer

import edgescope as es
from edgescope.cli._tables import output, show, terminal_width

if TYPE_CHECKING:
    from torch import nn

WIDE = 1000
"""Columns of a discovery where no terminal limits it."""

_HIDDEN = {
    *("edges", "nodes", "exceedance", "members", "member_low", "member_median", "member_high"),
    *("spread", "freedom", "skewness", "extrapolated", "supported", "massive"),
}
"""Columns of the evidence that are not printed; ``massive`` is, in words."""

_SPARE_EVIDENCE = ("members_over", "expected", "p", "threshold")
"""What a narrow terminal may do without, the first one first."""

_UNTRAINED = pl.col("max_ratio_untrained").alias("untrained")


def show_scan(scan: "es.Scan") -> None:
    """Print one row per site: the largest ratios, and how many edges are over the thresholds."""
    if scan.info.criterion.members_tested:
        show(_evidence(scan), "scan", spare=_SPARE_EVIDENCE)
        return
    compared = [] if scan.baseline is None else [_UNTRAINED, pl.col("growth")]
    table = scan.table().select(
        "site",
        "max_ratio",
        *compared,
        (100 * pl.col("share_over")).alias("% over"),
    )
    of_nodes = scan.info.rows == "node"
    found = scan.by_node_type() if of_nodes else scan.by_edge_type()
    by_type = found.pivot(on=f"{scan.info.rows}_type", index="site", values="rate")
    shares = by_type.select("site", (pl.exclude("site") * 100).name.prefix("% of "))
    show(table.join(shares, on="site", maintain_order="left"), "scan")


def conclusion(scan: "es.Scan") -> str:
    """Say in a sentence what the criterion calls massive, and where."""
    rule, total = scan.info.criterion, len(scan.sites)
    row = "an edge" if scan.info.rows == "edge" else "a node"
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
        over = scan.table()[f"{scan.info.rows}s_over"]
        return (
            f"{over.sum()} times {row} holds a ratio above {rule.everywhere.ratio:g}, at "
            f"{(over > 0).sum()} of {total} sites"
        )
    found = scan.massive_edges()
    least = "" if found["complete"].all() else "at least "
    return (
        f"{least}{found['massive'].sum()} times the criterion {rule.name} calls {row} massive, "
        f"at {(found['massive'] > 0).sum()} of {total} sites"
    )


def called(arguments: Sequence[str]) -> str:
    """Say in a line what the model was called with; empty if it is not known."""
    from edgescope.lib.model_call import said_arguments

    said = said_arguments(arguments)
    return f"the model was {said}\n" if said else ""


def looked_at(scan: "es.Scan") -> str:
    """Say in a sentence which attention of the model the scan is about."""
    if scan.coverage is None:
        return "this scan does not record which attention of the model was looked at"
    return scan.coverage.sentence()


def _evidence(scan: "es.Scan") -> pl.DataFrame:
    """Return one row per site and axis of a criterion that tests sites."""
    rows = scan.calibration()
    word = pl.when("massive").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("massive")
    return rows.select(*(name for name in rows.columns if name not in _HIDDEN), word)


def show_sites(model: "nn.Module") -> None:
    """Print which sites a model has, and what cannot be captured and why."""
    table = es.capture.sites(model)
    capturable = table.filter(pl.col("reason").is_null()).select(
        "site", "layer", "shape", "formula"
    )
    refused = table.filter(pl.col("reason").is_not_null()).select("site", "layer", "reason")
    if capturable.height:
        show(capturable, "sites", spare=("shape",))
    if refused.height:
        typer.echo("\ncannot be captured:")
        show(refused.rename({"site": "part of the model"}), "cannot be captured")
    typer.echo(
        "\nA scan takes the :score of every layer, or its :message if it has no score; choose "
        "others with\n--sites. A site with one number per edge and head (D = 1) has no ratio and "
        "cannot be scanned."
    )


def show_discovery(model: "nn.Module", loader: Iterable[Any], *, err: bool = False) -> None:
    """Print what a model computes for every edge of the first batch, beside what is known.

    Args:
        model: the model.
        loader: the batches.
        err: whether to print it on standard error.
    """
    err = err or output().json
    width = terminal_width(sys.stderr if err else sys.stdout) or WIDE
    for batch in islice(loader, 1):
        typer.echo(f"{es.capture.discover(model, batch).text(width)}\n", err=err)


def test_result(run: "es.train.RunFolder") -> str:
    """Say in a few words what a run's test metric is, beside what guessing gets."""
    metrics, metric, verdict = run.metrics or {}, run.metric, run.verdict
    value = metrics.get(f"test_{metric.name}")
    if value is None:
        return "no test targets"
    if verdict is not None and verdict.several_numbers:
        return f"{len(verdict.targets)} targets"  # their units may differ, so no mean is shown
    rows = () if verdict is None else verdict.targets
    unit = rows[0].unit if len(rows) == 1 else ""
    guess = metrics.get(f"test_{metric.name}_trivial")
    beside = "" if guess is None else f" (guessing gets {metric.show(guess, unit)})"
    return f"test {metric.words} {metric.show(value, unit)}{beside}"
