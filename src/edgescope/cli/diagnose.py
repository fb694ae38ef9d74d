"""`edgescope diagnose`: what is wrong with the attention of a trained run."""

import sys
import warnings
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import edgescope as es
from edgescope.cli import _shared_options as options
from edgescope.cli._diagnose_study import Study, run_study
from edgescope.cli._modes import Choice
from edgescope.cli._steps import other_part, own_part, show
from edgescope.diagnosis.observation import EVERY
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.files import replacing, writable_folder

if TYPE_CHECKING:
    from torch import nn

    from edgescope.data import MoleculeDataset, MoleculeLoader, NeighborBatches
    from edgescope.diagnosis import Findings, Severity

FOUND = 1
"""Exit code if there is a finding as grave as --fail-on or graver."""


class Format(StrEnum):
    """How findings are written."""

    text = "text"
    json = "json"
    sarif = "sarif"
    html = "html"


class FailOn(StrEnum):
    """The least severity that ends the command with exit code 1."""

    error = "error"
    warning = "warning"
    note = "note"
    never = "never"


_LIST, _EXPLAIN, _STUDY = "with --list-rules", "with --explain", "with --study"
_DIAGNOSIS = "in a diagnosis"


def _mode(given: Mapping[str, Any]) -> str:
    if given["list_rules"]:
        return _LIST
    if given["explain"] is not None:
        return _EXPLAIN
    return _DIAGNOSIS if given["study"] is None else _STUDY


def _other_data(given: Mapping[str, Any]) -> str | None:
    diagnosed = given["run"] is not None or given["data"] is not None
    return options.OTHER_DATA_CHOICE.chosen(given) if diagnosed else None


CHOICES = (
    Choice(
        {
            _LIST: ("list_rules",),
            _EXPLAIN: ("explain",),
            _STUDY: ("study", "draws", "starts", "steps", "seed"),
            _DIAGNOSIS: (
                *("run", "weights", "data", "root", "smiles_column", "id_columns"),
                *("part", "batch_size"),
                *("every", "select", "ignore", "sites", "form", "out", "fail_on", "seed"),
            ),
        },
        _mode,
    ),
    Choice(
        {
            "with --study a": (),
            "with --study b": ("draws", "seed"),
            "with --study c": ("starts", "steps", "seed"),
            "with --study d": ("draws", "seed"),
            "with --study all": ("draws", "starts", "steps", "seed"),
        },
        lambda given: None if given["study"] is None else f"{_STUDY} {Study(given['study'])}",
    ),
    Choice(options.OTHER_DATA_CHOICE.modes, _other_data),
)
"""What has an effect in which mode."""


def command(
    run: Annotated[Path | None, typer.Argument(help="Folder of a trained run.")] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="Diagnose these weights (.safetensors); without a run, --data says on what.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="Diagnose on this data instead of the run's own."),
    ] = None,
    root: options.Root = None,
    smiles_column: options.SmilesColumn = "smiles",
    id_columns: options.IdColumns = None,
    part: options.Part = "test",
    batch_size: options.BatchSize = 128,
    every: Annotated[
        int,
        typer.Option("--every", min=1, help="Look at one batch in this many; 1 looks at all."),
    ] = EVERY,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="RULE",
            help="Use this rule only, or those that a pattern fits; may be repeated.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="RULE", help="Leave this rule out; may be repeated."),
    ] = None,
    sites: Annotated[
        list[str] | None,
        typer.Option(
            "--sites",
            metavar="PATTERN",
            help="Look at the layers with a site whose name matches, such as 'layers.3.*' (quoted, "
            "as * would mean files to the shell); may be repeated. Without it: all layers.",
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to write the findings.")] = (
        Format.text
    ),
    out: Annotated[
        Path | None, typer.Option("--out", help="Write to this file instead of printing.")
    ] = None,
    fail_on: Annotated[
        FailOn,
        typer.Option(
            "--fail-on", help="End with exit code 1 if there is a finding as grave as this."
        ),
    ] = FailOn.error,
    seed: Annotated[int, typer.Option("--seed", help="Decides what rules draw at random.")] = 0,
    list_rules: Annotated[
        bool, typer.Option("--list-rules", help="Print all rules and their thresholds.")
    ] = False,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="RULE", help="Print the page of a rule."),
    ] = None,
    study: Annotated[
        Study | None,
        typer.Option(
            "--study",
            help="Run an experiment on why GAT gives nodes with the same neighbours the same "
            "output: (a) an example, (b) how often, (c) what training does, (d) several heads.",
        ),
    ] = None,
    draws: Annotated[
        int, typer.Option("--draws", min=1, help="Random layers per setting, of --study.")
    ] = 20_000,
    starts: Annotated[
        int, typer.Option("--starts", min=1, help="Starts of each kind, of --study c.")
    ] = 40,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Steps of training, of --study c.")
    ] = 500,
) -> None:
    """Say what is wrong with the attention of a trained model, why, and what can be done.

    Exit codes: 0, 1 if there is a finding as grave as --fail-on, 2 for input that cannot be used.

    \b
    Examples:
      edgescope diagnose RUN
      edgescope diagnose RUN --fail-on warning --ignore 'attention-*'
      edgescope diagnose RUN --format sarif --out findings.sarif
      edgescope diagnose --weights model.safetensors --data solubility
      edgescope diagnose --explain uniform-attention
      edgescope diagnose --study all
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    if list_rules:
        show(es.diagnose.rules())
        return
    if explain is not None:
        typer.echo(es.diagnose.explain(explain), nl=False)
        return
    if study is not None:
        run_study(study, draws=draws, starts=starts, steps=steps, seed=seed)
        return
    if out is not None:
        writable_folder(out.parent)
    model, loader = _subject(
        run, weights, data, root, (smiles_column, id_columns), part, batch_size
    )
    caution = es.train.RunFolder(run).caution if run is not None and weights is None else ""
    findings = es.diagnose(
        model,
        loader,
        select=select or (),
        ignore=ignore or (),
        sites=sites or None,
        every=every,
        seed=seed,
    )
    findings.caution = caution
    written = _written(findings, form, terminal=out is None and sys.stdout.isatty())
    if out is None:
        typer.echo(written, nl=False)
    else:
        with replacing(out) as file:
            file.write_text(written, encoding="utf-8")
        typer.echo(f"{len(findings)} findings written to {out}; {_looked_at(findings)}")
        if caution:
            typer.echo(f"caution: {caution}")
    if fail_on is not FailOn.never and findings.at_least(cast("Severity", fail_on.value)):
        raise typer.Exit(FOUND)


def _looked_at(findings: "Findings") -> str:
    """Say what the findings are about."""
    assert findings.coverage is not None
    return findings.coverage.sentence()


def _subject(
    run: Path | None,
    weights: Path | None,
    data: str | None,
    root: Path | None,
    columns: tuple[str, list[str] | None],
    part: str,
    batch_size: int,
) -> "tuple[nn.Module, MoleculeLoader | NeighborBatches]":
    """Return the model and the data to diagnose it on.

    Raises:
        InputError: if it is not said which, or a file cannot be used.
    """
    if run is None and (weights is None or data is None):
        raise InputError(
            "received no run, and not both --weights and --data; name the folder of a trained "
            "run, or a weights file and data"
        )
    smiles_column, id_columns = columns
    folder = None if run is None else es.train.RunFolder(run)
    if weights is not None:
        model = es.models.load(weights)
    else:
        assert folder is not None
        model = folder.model("trained")
    if data is not None:
        spec = options.data_spec(data, root, smiles_column, None, None, id_columns)
        dataset = other_part(folder, spec, part)
        if folder is None:
            _check_meaning(model, dataset, data)
    else:
        assert folder is not None
        dataset = own_part(folder, part, root)
    return model, es.data.loader(dataset, batch_size=batch_size)


def _check_meaning(model: "nn.Module", dataset: "MoleculeDataset", data: str) -> None:
    """Refuse data of other numbers of types than weights have; warn where meanings are unknown."""
    sizes = dataset.model_sizes
    own = getattr(model, "config", {})
    for name, what in (("num_atom_types", "node"), ("num_bond_types", "edge")):
        if name in own and name in sizes and _listed(own[name]) != _listed(sizes[name]):
            raise InputError(
                f"the model has {_listed(own[name])} types of {what}s, {data} has "
                f"{_listed(sizes[name])}; give the folder of the run instead of --weights, which "
                "says what they mean"
            )
    if options.is_table(data):
        warnings.warn(
            f"weights do not say which atom types their numbers mean; those of {data} are numbered "
            "by how often they occur, which is right for a model that was trained on all of it; "
            "give the folder of the run for any other",
            EdgescopeWarning,
            stacklevel=2,
        )


def _listed(sizes: Any) -> list[int]:  # noqa: ANN401  (a number, or one for each column)
    return [sizes] if isinstance(sizes, int) else list(sizes)


def _written(findings: "Findings", form: Format, *, terminal: bool) -> str:
    """Return the findings in the format that was asked for."""
    from edgescope.diagnosis.findings_text import as_page, as_text

    if form is Format.text:
        return as_text(findings, colours=terminal)
    if form is Format.html:
        return as_page(findings)
    return findings.json() if form is Format.json else findings.sarif()
