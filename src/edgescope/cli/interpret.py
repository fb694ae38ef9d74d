"""`edgescope interpret`: what the massive activations of a scanned run sit on."""

from typing import Annotated

import polars as pl
import typer

import edgescope as es
from edgescope.cli import _own_model as own
from edgescope.cli import _shared_options as options
from edgescope.cli._steps import kept, own_graphs, repeat_caution, saved_scan
from edgescope.cli._tables import hint, show

CHOICES = (own.subject_choice("part", "root"),)
"""What has an effect on which subject."""

SHOWN = 3
"""Groups of either end that are printed per kind."""


def command(
    run: own.Subject,
    part: Annotated[
        str, typer.Option("--split", help="Part of the data that was scanned: train, val or test.")
    ] = "test",
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="KIND",
            help="Kind of edge groups; may be repeated. Without it: all that the data allow. "
            "Of bonds: aromaticity, conjugation, ring, ring_size, element_pair, "
            "functional_group, element_direction. Of any edges: bond_type, degree_direction, "
            "degree_product, betweenness, curvature, articulation.",
        ),
    ] = None,
    criterion: Annotated[
        str | None,
        typer.Option(
            "--criterion",
            metavar="NAME",
            help="Which activations are massive: paper2025, sun2024 or calibrated. Without it: the "
            "criterion of the scan.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--importance",
            metavar="METHOD",
            help="Also measure how much the prediction depends on each group, by a method of "
            "`edgescope explain` such as occlusion, and whether that correlates with massive "
            "activations.",
        ),
    ] = None,
    permutations: Annotated[
        int,
        typer.Option("--permutations", min=1, help="Number of permutations of the massive edges."),
    ] = 1000,
    resamples: Annotated[
        int, typer.Option("--resamples", min=1, help="Number of bootstrap resamples of graphs.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Random seed.")] = 0,
    all_groups: Annotated[
        bool, typer.Option("--all", help="Print all groups of every kind.")
    ] = False,
    root: options.Root = None,
    loader: own.Loader = None,
    checkpoint: own.Checkpoint = None,
    arguments: own.Arguments = None,
    folder: own.Folder = None,
) -> None:
    """Show what massive activations sit on: bonds, rings, topology.

    Prints the most enriched and most depleted groups of each kind, and saves the whole table, site
    by site, in RUN/interpret. Run `edgescope scan RUN` first.

    \b
    Examples:
      edgescope interpret RUN
      edgescope interpret RUN --by bond_type --by functional_group --all
      edgescope interpret RUN --by bond_type --by ring --importance occlusion
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    opened = own.open_subject(run, "interpret", loader, checkpoint, arguments, folder)
    scan = saved_scan(opened)
    molecules = own_graphs(opened, part, root)
    importance = None
    if method is not None:
        importance = es.attribute.importances(opened.model(), molecules, method)[method].edge
    found = es.interpret.interpret(
        scan,
        molecules,
        by=by,
        importance=importance,
        criterion=criterion,
        permutations=permutations,
        resamples=resamples,
        seed=seed,
    )
    if not found.enrichment["massive"].sum():
        typer.echo(f"nothing is massive by the criterion {found.info['criterion']} at any site")
    notable = found.notable(None if all_groups else SHOWN)
    if found.importance is not None:
        measured = found.importance.select("kind", "group", "importance")
        notable = notable.join(measured, on=["kind", "group"], how="left", maintain_order="left")
    for _, rows in notable.group_by("kind", maintain_order=True):
        typer.echo("")
        show(_printed(rows), rows["kind"][0], spare=("depleted", "exchangeable", "from %", "to %"))
    if found.correlations is not None:
        typer.echo("\nrank correlations over the groups of a kind")
        show(_known(found.correlations), "rank correlations")
    added = sum(found.info["added"].values())
    if added:
        typer.echo(f"\n{added:,} massive activations are on rows that are not edges of the data")
    path = found.save(kept(opened) / "interpret")
    typer.echo(f"\n{found.conclusion()}")
    repeat_caution(opened)
    hint(f"saved in {path}")


def _known(correlations: pl.DataFrame) -> pl.DataFrame:
    """Return the rank correlations that are defined; none is where nothing is massive."""
    return correlations.filter(pl.col("spearman").is_not_nan()).select(
        "kind",
        pl.format("{} and {}", "first", "second").alias("of"),
        pl.col("site").fill_null(""),
        "groups",
        "spearman",
        pl.col("low").alias("from"),
        pl.col("high").alias("to"),
    )


def _printed(rows: pl.DataFrame) -> pl.DataFrame:
    """Choose what is shown of the groups of a kind."""
    kind = rows["kind"][0]
    importance = [pl.col("importance")] if "importance" in rows.columns else []
    return rows.select(
        pl.col("group").alias(kind),
        "edges",
        *importance,
        (100 * pl.col("prevalence")).alias("% massive"),
        (100 * pl.col("low")).alias("from %"),
        (100 * pl.col("high")).alias("to %"),
        pl.col("odds_ratio").alias("odds ratio"),
        pl.col("over_expected").alias("over expected"),
        "exchangeable",
        "q",
        pl.format("{} of {}", "enriched", "sites").alias("sites enriched"),
        pl.format("{} of {}", "depleted", "sites").alias("depleted"),
    )
