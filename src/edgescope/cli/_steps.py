"""Steps that several commands share: loading a run's data, scanning it, showing the result."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import edgescope as es
from edgescope.cli import _shared_options as options
from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import visible

if TYPE_CHECKING:
    import polars as pl
    from torch import nn

    from edgescope.data import MoleculeDataset, Splits
    from edgescope.statistics.criteria import Rule
    from edgescope.train import RunFolder

WIDE = 1000
"""Columns that a table may take where no terminal limits it."""

NARROW = 16
"""Columns that a cell is given at least before it is wrapped."""

GAP = 2
"""Columns between two cells of a table."""

ALL_IN_TEST = (0.0, 0.0, 1.0)
"""Fractions of train, val and test where all molecules of a table are wanted."""


def load_data(spec: Mapping[str, Any]) -> "Splits":
    """Load the data that ``spec`` describes, as the ``data`` of a run folder does."""
    return _told(es.data.load(**spec))


def own_part(run: "RunFolder", part: str, root: Path | None) -> "MoleculeDataset":
    """Return a part of the data of a run, which are those of its training or refused."""
    return choose_part(_told(run.splits(root, progress=True)), part)


def other_part(run: "RunFolder | None", spec: Mapping[str, Any], part: str) -> "MoleculeDataset":
    """Return a part of other data, or all molecules of a table, as the model of a run reads them.

    Without a run the data are read by themselves.
    """
    table = options.is_table(str(spec["source"]))
    spec = {**spec, "split": ALL_IN_TEST} if table else spec
    splits = _told(es.data.load(**spec) if run is None else run.read(**spec))
    if not table:
        return choose_part(splits, part)
    everything = splits.test.renamed(splits.test.name.removesuffix("/test"))
    return choose_part(splits._replace(test=everything), "test")


def _told(splits: "Splits") -> "Splits":
    """Print what cannot be used, and what was read in another way than it stands there."""
    say_what_was_read(splits, most=20, err=True)
    return splits


def say_what_was_read(splits: "Splits", most: int | None = None, *, err: bool = False) -> None:
    """Print rows that cannot be used, labels that are lost, and what was read in another way.

    Args:
        splits: the data.
        most: rows and labels shown at most; None for all.
        err: whether to print on standard error.
    """
    from edgescope.data.checks.table_findings import several

    for table, what in ((splits.rejected, "row"), (splits.lost_labels, "label")):
        if not table.height:
            continue
        verb = "is" if table.height == 1 else "are"
        typer.echo(f"{several(table.height, what)} cannot be used and {verb} left out:", err=err)
        show(table.head(table.height if most is None else most), err=err)
        if most is not None and table.height > most:
            typer.echo("`edgescope data` lists all of them", err=err)
    for note in splits.notes:
        typer.echo(f"note: {note}", err=err)


def choose_part(splits: "Splits", part: str) -> "MoleculeDataset":
    """Return the train, val or test part.

    Raises:
        InputError: if there is no such part, or it is empty.
    """
    parts = splits._asdict()
    if part not in parts:
        raise InputError(f"received the split {part!r}, expected one of {', '.join(parts)}")
    chosen: MoleculeDataset = parts[part]
    if not len(chosen):
        raise InputError(f"the {part} split of {chosen.name} is empty; choose another --split")
    return chosen


def scan_run(
    run: "RunFolder",
    molecules: "MoleculeDataset",
    *,
    weights: str | None = None,
    baseline: "nn.Module | es.Scan | es.Untrained | None" = None,
    criterion: "str | Rule" = "paper2025",
    sites: Sequence[str] | None = None,
    batch_size: int = 128,
    shards: Path | None = None,
) -> "es.Scan":
    """Scan the trained model of a run beside a baseline, and save the scan.

    The baseline is the untrained model of the run by default; other options are those of
    :func:`edgescope.scan`.
    """
    from torch import nn

    model = run.model("trained") if weights is None else es.models.load(weights)
    baseline = run.model("untrained") if baseline is None else baseline
    if weights is not None:
        _check_alike(model, run.model("untrained"), f"{weights} holds", run)
    if isinstance(baseline, nn.Module):
        _check_alike(baseline, model, "the baseline is", run)
    loader = es.data.loader(molecules, batch_size=batch_size)
    scan = es.scan(
        model, loader, baseline=baseline, criterion=criterion, sites=sites, shards=shards
    )
    broken = scan.nonfinite()
    if broken.height:
        typer.echo(
            f"activations that are not finite, by site and graph ({broken.height}):", err=True
        )
        show(broken.head(20), err=True)
    scan.save(run.path / "scan")
    return scan


def _check_alike(model: "nn.Module", other: "nn.Module", what: str, run: "RunFolder") -> None:
    """Refuse a model that has not the architecture of a run."""
    if type(model) is not type(other) or model.config != other.config:
        raise InputError(
            f"{what} a {type(model).__name__} of another configuration than the run {run.path}; "
            "choose weights of the same architecture and the same atom types"
        )


def show_sites(model: "nn.Module") -> None:
    """Print which sites a model has, and what cannot be captured and why."""
    import polars as pl

    table = es.capture.sites(model)
    capturable = table.filter(pl.col("reason").is_null()).select(
        "site", "layer", "shape", "formula"
    )
    refused = table.filter(pl.col("reason").is_not_null()).select("site", "layer", "reason")
    if capturable.height:
        show(capturable, wrap=True)
    if refused.height:
        typer.echo("\ncannot be captured:")
        show(refused.rename({"site": "part of the model"}), wrap=True)
    typer.echo(
        "\nA scan takes the :score of every layer, or its :message where it has no score; choose "
        "others with\n--sites. A site with one number per edge and head (D = 1) has no ratio and "
        "cannot be scanned."
    )


def test_result(run: "RunFolder") -> str:
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


def report_run(run: "RunFolder", scan: "es.Scan", out: Path | None = None, **sections: Any) -> Path:
    """Write the report of a run's scan, into its folder or to ``out``, and return its path.

    ``sections`` are the results that :func:`edgescope.report.write_report` takes beside a scan.
    """
    metrics, metric, verdict = run.metrics or {}, run.metric, run.verdict
    facts: dict[str, Any] = {"recipe": run.recipe.name, "seed": run.recipe.seed}
    facts |= {
        label: metrics[name]
        for name, label in {"epochs": "epochs", "stopped_by": "stopped by"}.items()
        if name in metrics
    }
    if (strange := run.said_of_scan(scan.info)) is not None:
        facts["scanned"] = strange
    if verdict is None or not verdict.several_numbers:
        names = {f"test_{metric.name}": f"test {metric.words}"}
        names[f"test_{metric.name}_trivial"] = "guessing gets"
        facts |= {
            words: found
            for name, words in names.items()
            if (found := metrics.get(name)) is not None
        }
    if verdict is not None:
        units = [row.unit for row in verdict.targets]
        if len(units) == 1 and units[0] and metric.in_unit:
            facts["unit"] = units[0]
        if len(units) > 1:
            facts[f"{verdict.part} {metric.words} (guessing)"] = verdict.by_target()
        if verdict.lost:
            facts["not better than guessing"] = verdict.lost
    return scan.report(
        out or run.path / "report.html", run=facts, caution=run.caution or None, **sections
    )


def repeat_caution(run: "RunFolder", *, err: bool = False) -> None:
    """Say again that the trained model of a run is untrained in effect, if it is."""
    if run.caution:
        typer.echo(f"caution: {run.caution}", err=err)


def show(table: "pl.DataFrame", *, err: bool = False, wrap: bool = False) -> None:
    """Print a table.

    Args:
        table: what to print.
        err: whether to print it on standard error.
        wrap: whether a terminal that is too narrow shows the last column on several lines rather
            than cutting it.
    """
    stream = sys.stderr if err else sys.stdout
    # A file or a pipe gets whole lines.
    console = Console(file=stream, width=None if stream.isatty() else WIDE)
    cells = [[_cell(value) for value in row] for row in table.iter_rows()]
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name, dtype in table.schema.items():
        shown.add_column(
            name,
            justify="right" if dtype.is_numeric() else "left",
            no_wrap=not wrap,
            overflow="fold" if wrap else "ellipsis",
        )
    if wrap:
        # Else the names of the rows would be broken to make room.
        others = [max(map(len, column)) + GAP for column in zip(*cells, strict=True)][:-1]
        shown.columns[-1].max_width = max(console.width - sum(others), NARROW)
    for row in cells:
        # Brackets in a cell, as in [x_j, e_ij], are text and no style.
        shown.add_row(*map(Text, row))
    console.print(shown)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else visible(str(value))
