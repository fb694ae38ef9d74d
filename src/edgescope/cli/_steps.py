"""Steps that several commands share: loading a run's data, scanning it, reporting on it."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import edgescope as es
from edgescope.cli import _shared_options as options
from edgescope.cli._results import show_discovery
from edgescope.cli._tables import note, show
from edgescope.lib.errors import InputError
from edgescope.lib.plurals import plural

if TYPE_CHECKING:
    from torch import nn

ALL_IN_TEST = (0.0, 0.0, 1.0)
"""Fractions of train, val and test if all molecules of a table are wanted."""

SCAN = "scan"
"""The word for the scan in the folder of a run."""


def load_data(spec: Mapping[str, Any]) -> "es.data.Splits":
    """Load the data that ``spec`` describes, as the ``data`` of a run folder does."""
    return _told(es.data.load(**spec))


def own_part(run: "es.train.RunFolder", part: str, root: Path | None) -> "es.data.MoleculeDataset":
    """Return a part of the data of a run; other data than those of its training are refused."""
    return choose_part(_told(run.splits(root, progress=True)), part)


def other_part(
    run: "es.train.RunFolder | None", spec: Mapping[str, Any], part: str
) -> "es.data.MoleculeDataset":
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


def _told(splits: "es.data.Splits") -> "es.data.Splits":
    """Print what cannot be used, and what was read otherwise than written."""
    say_what_was_read(splits, most=20, err=True)
    return splits


def say_what_was_read(
    splits: "es.data.Splits", most: int | None = None, *, err: bool = False
) -> None:
    """Print rows that cannot be used, labels that are lost, and what was read otherwise.

    Args:
        splits: the data.
        most: maximum number of rows and of labels shown; None for all.
        err: whether to print on standard error.
    """
    for table, what in ((splits.rejected, "row"), (splits.lost_labels, "label")):
        if not table.height:
            continue
        verb = "is" if table.height == 1 else "are"
        typer.echo(f"{plural(table.height, what)} cannot be used and {verb} left out:", err=err)
        show(table.head(table.height if most is None else most), f"{what}s left out", err=err)
        if most is not None and table.height > most:
            typer.echo("`edgescope data` lists all of them", err=err)
    for said in splits.notes:
        typer.echo(f"note: {said}", err=err)


def saved_scan(run: "es.train.RunFolder | es.train.ModelRun") -> "es.Scan":
    """Return the scan in the folder of a run.

    Raises:
        InputError: if there is none, or it is damaged.
    """
    if not es.has_scan(run.path / "scan"):
        scan = f"edgescope scan {run.path}"
        if isinstance(run, es.train.ModelRun):
            scan = run.command("scan")
        raise InputError(f"{run.path} has not been scanned; run: {scan}")
    return es.load_scan(run.path / "scan")


def untrained_of(run: "es.train.RunFolder | es.train.ModelRun") -> "nn.Module | es.Untrained":
    """Return the model before training; of one's own, if it is not known, one made anew."""
    if isinstance(run, es.train.ModelRun) and not run.has_untrained:
        return es.Untrained()
    return run.model("untrained")


def judged_by(folder: "es.train.RunFolder", part: "es.data.GraphDataset") -> str | None:
    """Return the metric that the run is judged by; None to measure changes of predictions alone.

    That is so without targets, and with several numbers, whose units may differ.
    """
    metric, columns = folder.metric, len(part.target_names)
    several = metric.in_unit and columns > 1
    return None if several or not columns or bool(part.y.isnan().all()) else metric.name


def judged_batches(
    run: "es.train.RunFolder | es.train.ModelRun",
    part: str,
    root: Path | None,
    batch_size: int,
    metric: str | None,
    graphs: int | None = None,
) -> tuple[Iterable[Any], str | None]:
    """Return the batches that a run is measured on, and by which metric.

    Args:
        run: a trained run, or a model of the user's own.
        part: of a trained run, the part of its data.
        root: of a trained run, the folder of its data.
        batch_size: of a trained run, graphs per batch.
        metric: of a model of the user's own, the metric that was asked for.
        graphs: of a trained run, how many graphs to take, the first; ``None`` for all.
    """
    if isinstance(run, es.train.ModelRun):
        return run.loader, metric or run.metric or "none"
    molecules = own_part(run, part, root)
    chosen = molecules if graphs is None else molecules[:graphs]
    return es.data.loader(chosen, batch_size=batch_size), judged_by(run, molecules)


def chosen_by(run: "es.train.RunFolder | es.train.ModelRun", where: str) -> "es.Scan | str | float":
    """Return the scan of a run, a ratio, or the name of a criterion."""
    if where == SCAN:
        return saved_scan(run)
    try:
        return float(where)
    except ValueError:
        return where


def kept(run: "es.train.RunFolder | es.train.ModelRun") -> Path:
    """Return the folder of a run, in which one of a model of one's own says so from now on."""
    return run.keep() if isinstance(run, es.train.ModelRun) else run.path


def own_batches(
    run: "es.train.RunFolder | es.train.ModelRun",
    part: str,
    root: Path | None,
    batch_size: int,
) -> "Iterable[Any]":
    """Return a loader of a part of a run's data, or of those of a model of one's own."""
    if isinstance(run, es.train.ModelRun):
        return run.loader
    return es.data.loader(own_part(run, part, root), batch_size=batch_size)


def own_graphs(
    run: "es.train.RunFolder | es.train.ModelRun", part: str, root: Path | None
) -> "es.data.GraphDataset":
    """Return the graphs of a part of a run's data, or of those of a model of one's own."""
    if isinstance(run, es.train.ModelRun):
        return run.dataset
    return own_part(run, part, root)


def choose_part(splits: "es.data.Splits", part: str) -> "es.data.MoleculeDataset":
    """Return the train, val or test part.

    Raises:
        InputError: if there is no such part, or it is empty.
    """
    parts = splits._asdict()
    if part not in parts:
        raise InputError(f"received --split {part}, expected one of {', '.join(parts)}")
    chosen: es.data.MoleculeDataset = parts[part]
    if not len(chosen):
        raise InputError(f"the {part} part of {chosen.name} is empty; choose another --split")
    return chosen


def scan_run(
    run: "es.train.RunFolder | es.train.ModelRun",
    loader: "Iterable[Any]",
    *,
    weights: str | None = None,
    baseline: "nn.Module | es.Scan | es.Untrained | None" = None,
    criterion: "str | es.Rule" = "paper2025",
    sites: Sequence[str] | None = None,
    shards: Path | None = None,
    discover: bool = False,
) -> "es.Scan":
    """Scan the trained model of a run beside a baseline, and save the scan.

    With ``discover``, what is discovered is printed; other options are those of
    :func:`edgescope.scan`.
    """
    from torch import nn

    model = run.model("trained") if weights is None else es.models.load(weights)
    if weights is not None:
        _check_alike(model, run.model("untrained"), f"{weights} holds", run)
    if isinstance(baseline, nn.Module):
        _check_alike(baseline, model, "the baseline is", run)
    if discover:
        show_discovery(model, loader)
    scan = es.scan(
        model, loader, baseline=baseline, criterion=criterion, sites=sites, shards=shards
    )
    broken = scan.nonfinite()
    if broken.height:
        typer.echo(
            f"activations that are not finite, by site and graph ({broken.height}):", err=True
        )
        show(broken.head(20), "not finite", err=True)
    scan.save(kept(run) / "scan")
    _keep_attention(scan, model, loader, kept(run) / "attention")
    return scan


def _keep_attention(
    scan: "es.Scan", model: "nn.Module", loader: "Iterable[Any]", folder: Path
) -> None:
    """Save what attends to what in the graphs that the report of a scan draws.

    If that cannot be had, the scan is none the worse; those of an earlier scan are removed.
    """
    try:
        es.report.attention_maps(scan, model, loader).save(folder)
    except InputError as error:
        note(f"the report shows no attention weights: {error}")
        shutil.rmtree(folder, ignore_errors=True)


def _check_alike(
    model: "nn.Module",
    other: "nn.Module",
    what: str,
    run: "es.train.RunFolder | es.train.ModelRun",
) -> None:
    """Refuse a model of another architecture than a run."""
    same = getattr(model, "config", None) == getattr(other, "config", None)
    if type(model) is not type(other) or not same:
        raise InputError(
            f"{what} a {type(model).__name__} with another configuration than the run {run.path}; "
            "choose weights of the same architecture and the same atom types"
        )


def repeat_caution(run: "es.train.RunFolder | es.train.ModelRun", *, err: bool = False) -> None:
    """Say again that the trained model of a run is untrained in effect, if it is."""
    if run.caution:
        typer.echo(f"caution: {run.caution}", err=err)
