"""`edgescope diagnose`: what is wrong with the attention of a trained run."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import edgescope as es
from edgescope.cli import _own_model as own
from edgescope.cli import _shared_options as options
from edgescope.cli._findings import (
    FailOn,
    Format,
    accept,
    compare,
    is_grave,
    keep,
    settings_with,
    write,
)
from edgescope.cli._modes import Choice
from edgescope.cli._results import show_discovery
from edgescope.cli._steps import other_part, own_part
from edgescope.cli._tables import show, tell
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.files import writable_folder

if TYPE_CHECKING:
    from torch import nn

FOUND = 1
"""Exit code if there is a finding of at least the severity of --fail-on."""


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
                *("discover", "config", "baseline", "write_baseline"),
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
        FailOn | None,
        typer.Option(
            "--fail-on",
            help="Exit with code 1 if there is a finding of at least this severity that is not "
            "accepted. Without it: that of pyproject.toml, or error.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Take the settings of [tool.edgescope.diagnose] in this file. Without it: in the "
            "nearest pyproject.toml that has them.",
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            metavar="FILE",
            help="Findings in this file are accepted: only others are shown and count. Without it: "
            "the file that pyproject.toml names, if any.",
        ),
    ] = None,
    write_baseline: Annotated[
        bool,
        typer.Option("--write-baseline", help="Accept what is found: write that file, and exit."),
    ] = False,
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

    Rules, thresholds, --fail-on and a file of accepted findings can stand in pyproject.toml, in the
    table [tool.edgescope.diagnose].

    Exit codes: 0; 1 if there is a finding of at least the severity of --fail-on; 2 for input that
    cannot be used.

    \b
    Examples:
      edgescope diagnose RUN
      edgescope diagnose RUN --fail-on warning --ignore 'attention-*'
      edgescope diagnose model.py:build --checkpoint best.ckpt
      edgescope diagnose RUN --format sarif --out findings.sarif
      edgescope diagnose RUN --write-baseline
      edgescope diagnose --weights model.safetensors --data solubility
      edgescope diagnose --explain uniform-attention
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    if list_rules:
        show(es.diagnose.rules(), "rules")
        return
    if explain is not None:
        page = es.diagnose.explain(explain)
        tell(page, {"explanation": page})
        return
    settings = settings_with(config, select, ignore, fail_on, baseline)
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
    rules = settings.rules()
    findings = es.diagnose(
        model,
        batches,
        rules=rules or None,
        select=settings.select or ("*" if rules else ()),
        ignore=settings.ignore,
        sites=sites or None,
        every=es.diagnosis.EVERY if every is None else every,
        seed=seed,
    )
    findings.caution = caution
    if opened is not None and not (weights or data or sites or settings.select or settings.ignore):
        keep(findings, opened)
    if write_baseline:
        accept(findings, settings.baseline)
        return
    compare(findings, settings.baseline)
    write(findings, form, out, _written_about(opened, weights))
    if is_grave(findings, settings.fail_on):
        raise typer.Exit(FOUND)


def _written_about(
    opened: "es.train.RunFolder | es.train.ModelRun | None", weights: Path | None
) -> Path | None:
    """Return the file that stands for the model where its lines of source are not known."""
    if opened is None or weights or isinstance(opened, es.train.ModelRun):
        return weights
    return opened.path / "config.yaml"


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
