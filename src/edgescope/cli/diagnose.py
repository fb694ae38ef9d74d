"""`edgescope diagnose`: what is wrong with the attention of a trained run."""

import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import edgescope as es
from edgescope.cli import _own_model as own
from edgescope.cli import _shared_options as options
from edgescope.cli._modes import Choice
from edgescope.cli._results import show, show_discovery
from edgescope.cli._steps import kept, other_part, own_part
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.plurals import plural

if TYPE_CHECKING:
    from torch import nn

STORED = "findings.json"
"""Where the findings of a run are kept in its folder, for its report."""

FOUND = 1
"""Exit code if there is a finding of at least the severity of --fail-on."""


class Format(StrEnum):
    """Format of the findings."""

    text = "text"
    json = "json"
    sarif = "sarif"
    html = "html"


class FailOn(StrEnum):
    """The lowest severity that ends the command with exit code 1."""

    error = "error"
    warning = "warning"
    note = "note"
    never = "never"


_LIST, _EXPLAIN = "with --list-rules", "with --explain"
_DIAGNOSIS = "in a diagnosis"


def _mode(given: Mapping[str, Any]) -> str:
    if given["list_rules"]:
        return _LIST
    return _DIAGNOSIS if given["explain"] is None else _EXPLAIN


def _other_data(given: Mapping[str, Any]) -> str | None:
    diagnosed = given["run"] is not None or given["data"] is not None
    return options.OTHER_DATA_CHOICE.chosen(given) if diagnosed else None


CHOICES = (
    Choice(
        {
            _LIST: ("list_rules",),
            _EXPLAIN: ("explain",),
            _DIAGNOSIS: (
                *("run", *own.OF_OWN, "weights", "data", "root", "smiles_column", "id_columns"),
                *("part", "batch_size"),
                *("every", "select", "ignore", "sites", "form", "out", "fail_on", "seed"),
                "discover",
            ),
        },
        _mode,
    ),
    Choice(options.OTHER_DATA_CHOICE.modes, _other_data),
    own.subject_choice(
        *("part", "data", "root", "smiles_column", "id_columns", "weights", "batch_size")
    ),
)
"""What has an effect in which mode."""


def command(
    run: own.OptionalSubject = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="Diagnose these weights (.safetensors); without RUN, on --data.",
        ),
    ] = None,
    data: Annotated[str | None, options.other_data("Diagnose on")] = None,
    root: options.Root = None,
    smiles_column: options.SmilesColumn = "smiles",
    id_columns: options.IdColumns = None,
    part: options.Part = "test",
    batch_size: options.BatchSize = 128,
    every: Annotated[
        int | None,
        typer.Option(
            "--every",
            min=1,
            help="Look at every N-th batch only; 1: at all. Without it: 6.",
            metavar="N",
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="RULE",
            help="Use this rule only, or the rules that match a pattern; may be repeated.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="RULE", help="Leave out this rule; may be repeated."),
    ] = None,
    sites: Annotated[
        list[str] | None,
        options.site_patterns("Look at the layers with a site", "all layers"),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Format of the findings.")] = (
        Format.text
    ),
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write to instead of printing.")
    ] = None,
    fail_on: Annotated[
        FailOn,
        typer.Option(
            "--fail-on", help="Exit with code 1 if there is a finding of at least this severity."
        ),
    ] = FailOn.error,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the rules.")] = 0,
    discover: options.Discover = False,
    list_rules: Annotated[
        bool, typer.Option("--list-rules", help="List all rules and their thresholds.")
    ] = False,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="RULE", help="Show the documentation of a rule."),
    ] = None,
    loader: own.Loader = None,
    checkpoint: own.Checkpoint = None,
    arguments: own.Arguments = None,
    folder: own.Folder = None,
) -> None:
    """Find what is wrong with a model's attention, why, and the remedy.

    A diagnosis of a run itself, by all rules, is also kept in RUN/findings.json, for edgescope
    report.

    Exit codes: 0; 1 if there is a finding of at least the severity of --fail-on; 2 for input that
    cannot be used.

    \b
    Examples:
      edgescope diagnose RUN
      edgescope diagnose RUN --fail-on warning --ignore 'attention-*'
      edgescope diagnose model.py:build --checkpoint best.ckpt
      edgescope diagnose RUN --format sarif --out findings.sarif
      edgescope diagnose --weights model.safetensors --data solubility
      edgescope diagnose --explain uniform-attention
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    if list_rules:
        show(es.diagnose.rules())
        return
    if explain is not None:
        typer.echo(es.diagnose.explain(explain), nl=False)
        return
    if out is not None:
        writable_folder(out.parent)
    opened = None
    if run is not None:
        opened = own.open_subject(run, "diagnose", loader, checkpoint, arguments, folder)
    model, batches = _subject(
        opened, weights, data, root, (smiles_column, id_columns), part, batch_size
    )
    caution = opened.caution if opened is not None and weights is None else ""
    if discover:
        show_discovery(model, batches, err=form is not Format.text and out is None)
    findings = es.diagnose(
        model,
        batches,
        select=select or (),
        ignore=ignore or (),
        sites=sites or None,
        every=es.diagnosis.EVERY if every is None else every,
        seed=seed,
    )
    findings.caution = caution
    if opened is not None and not (weights or data or select or ignore or sites):
        _keep(findings, opened)
    written = _written(findings, form, terminal=out is None and sys.stdout.isatty())
    if out is None:
        typer.echo(written, nl=False)
    else:
        with replacing(out) as file:
            file.write_text(written, encoding="utf-8")
        looked_at = "" if findings.coverage is None else f"; {findings.coverage.sentence()}"
        typer.echo(f"{plural(len(findings), 'finding')} written to {out}{looked_at}")
        if caution:
            typer.echo(f"caution: {caution}")
    if fail_on is not FailOn.never and findings.at_least(
        cast("es.diagnosis.Severity", fail_on.value)
    ):
        raise typer.Exit(FOUND)


def _keep(findings: "es.diagnosis.Findings", run: "es.train.RunFolder | es.train.ModelRun") -> None:
    """Keep the findings of a run in its folder, if it can be written in."""
    if isinstance(run, es.train.RunFolder) and not os.access(run.path, os.W_OK):
        typer.echo(
            f"cannot write in {run.path}, so its report will have no section on these findings",
            err=True,
        )
        return
    with replacing(kept(run) / STORED) as file:
        file.write_text(findings.json(), encoding="utf-8")


def _subject(
    folder: "es.train.RunFolder | es.train.ModelRun | None",
    weights: Path | None,
    data: str | None,
    root: Path | None,
    columns: tuple[str, list[str] | None],
    part: str,
    batch_size: int,
) -> "tuple[nn.Module, Iterable[Any]]":
    """Return the model and the data to diagnose it on.

    Raises:
        InputError: if neither is given, or a file cannot be used.
    """
    if isinstance(folder, es.train.ModelRun):
        return folder.model(), folder.loader
    if folder is None and (weights is None or data is None):
        raise InputError(
            "received neither a run nor both --weights and --data; give the folder of a trained "
            "run, or a weights file and data"
        )
    smiles_column, id_columns = columns
    if weights is not None:
        model = es.models.load(weights)
    else:
        assert folder is not None
        model = folder.model("trained")
    if data is not None:
        spec = options.data_spec(data, root, smiles_column=smiles_column, id_columns=id_columns)
        dataset = other_part(folder, spec, part)
        if folder is None:
            _check_meaning(model, dataset, data)
    else:
        assert folder is not None
        dataset = own_part(folder, part, root)
    return model, es.data.loader(dataset, batch_size=batch_size)


def _check_meaning(model: "nn.Module", dataset: "es.data.MoleculeDataset", data: str) -> None:
    """Refuse data with other numbers of types than the weights; warn if meanings are unknown."""
    sizes = dataset.model_sizes
    own = getattr(model, "config", {})
    for name, what in (("num_atom_types", "node"), ("num_bond_types", "edge")):
        if name in own and name in sizes and _listed(own[name]) != _listed(sizes[name]):
            raise InputError(
                f"the model has {_listed(own[name])} types of {what}s, {data} has "
                f"{_listed(sizes[name])}; give the folder of the run, which says what they mean, "
                "instead of --weights"
            )
    if options.is_table(data):
        warnings.warn(
            f"weights do not say which atom types their numbers mean; those of {data} are numbered "
            "by frequency, which is right for a model that was trained on all of it; for any other "
            "model give the folder of its run",
            EdgescopeWarning,
            stacklevel=2,
        )


def _listed(sizes: Any) -> list[int]:  # noqa: ANN401  (a number, or one for each column)
    return [sizes] if isinstance(sizes, int) else list(sizes)


def _written(findings: "es.diagnosis.Findings", form: Format, *, terminal: bool) -> str:
    """Return the findings in the format that was asked for."""
    if form is Format.text:
        return findings.text(colours=terminal)
    if form is Format.html:
        return findings.html(page=True)
    return findings.json() if form is Format.json else findings.sarif()
