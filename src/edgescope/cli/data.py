"""`edgescope data`: which data sets there are, what is in one, and whether it is right."""

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import polars.selectors as cs
import typer

import edgescope as es
from edgescope.cli import _shared_options as options
from edgescope.cli._modes import Choice
from edgescope.cli._steps import say_what_was_read
from edgescope.cli._tables import output, show, tell, terminal_width
from edgescope.lib.errors import InputError
from edgescope.lib.files import replacing, writable_folder

GRAVE = 1
"""Exit code if a check finds something grave in a table."""

LISTED, CHECKED = "when listing data sets", "with `data check` of a data set"
TABLE_CHECKED, COUNTED = "with `data check` of a table", "when counting what is in a data set"
_COUNTED = ("root", *options.OF_TABLE, "features")


def _mode(given: Mapping[str, Any]) -> str:
    if given["data"] in {None, "list"}:
        return LISTED
    if given["data"] != "check":
        return COUNTED
    return TABLE_CHECKED if options.is_table(str(given["name"])) else CHECKED


CHOICES = (
    Choice(
        {
            LISTED: (),
            CHECKED: ("root",),
            TABLE_CHECKED: (*_COUNTED, "form", "out"),
            COUNTED: _COUNTED,
        },
        _mode,
    ),
    Choice(
        options.DATA_CHOICE.modes,
        lambda given: options.kind_of_data(
            str(given["name"] if given["data"] == "check" else given["data"])
        ),
    ),
)
"""What has an effect on which action and which data."""


class Format(StrEnum):
    """Format of the findings."""

    text = "text"
    json = "json"


def command(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|TABLE|list|check]",
            help="A published data set or a table: count its content. `list`: list the data sets, "
            "or show the card of one. `check`: compare the files of a data set with its card, or "
            "find what is wrong with a table before a model is trained on it.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|TABLE]", help="What to list or check."),
    ] = None,
    root: options.Root = None,
    smiles_column: options.SmilesColumn = "smiles",
    target_columns: options.TargetColumns = None,
    split_column: options.SplitColumn = None,
    split: options.TableSplit = None,
    features: options.Features = None,
    id_columns: options.IdColumns = None,
    decimal: options.Decimal = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Format of the findings of `check`.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File that `check` writes to instead of printing."),
    ] = None,
) -> None:
    """List the data sets, count what is in one, or check it.

    `check` of a table reports what spoils training (rows that cannot be used, duplicates with
    different labels, molecules in two parts, constant targets, single classes) and what is worth a
    look.

    Exit codes: 0; 1 if `check` finds something grave in a table; 2 for input that cannot be used.

    \b
    Examples:
      edgescope data check molecules.csv --target-column logS
      edgescope data check molecules.csv --target-column logS --split scaffold --format json
      edgescope data check tox21 --root FOLDER
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    of_table = data == "check" and name is not None and options.is_table(name)
    if data in {None, "list", "check"} and not of_table:
        _published(str(data or "list"), name, root)
        return
    if data != "check" and name is not None:
        raise InputError(
            f"received `data {data} {name}`, expected `data list {name}` or `data check {name}`"
        )
    source = str(name if of_table else data)
    spec = options.data_spec(
        source,
        root,
        smiles_column=smiles_column,
        target_columns=target_columns,
        split_column=split_column,
        split=split,
        id_columns=id_columns,
        decimal=decimal,
        features=features,
    )
    if of_table:
        _check_table(spec, form or Format.text, out)
    else:
        _count(spec)


def _published(what: str, name: str | None, root: Path | None) -> None:
    """List the data sets, or list or check one."""
    if what == "list":
        _list() if name is None else _card(name)
        return
    if name is None:
        raise InputError(
            "received `data check` without a name, expected a table or one of "
            f"{', '.join(es.data.names())}; say what to check"
        )
    show(es.data.check(name, root), "check")
    typer.echo("OK: matches its card")


def _count(spec: dict[str, Any]) -> None:
    """Count what is in a data set, and list the rows that cannot be used."""
    splits = es.data.load(**spec)
    # Text, because counts and means share a column here and counts must not be rounded.
    counts = splits.summary().with_columns(cs.float().round(2)).cast(pl.String)
    show(counts.transpose(include_header=True, header_name="", column_names="split"), "counts")
    say_what_was_read(splits)


def _check_table(spec: dict[str, Any], form: Format, out: Path | None) -> None:
    if out is not None:
        writable_folder(out.parent)
    found = es.data.check_table(**spec)
    width = terminal_width(sys.stdout) if out is None else None
    written = found.text(width) if form is Format.text else found.json()
    if out is None:
        tell(written, json.loads(found.json()) if output().json else {})
    else:
        with replacing(out) as file:
            file.write_text(written, encoding="utf-8")
        typer.echo(f"{found.verdict}; written to {out}")
    if found.grave:
        raise typer.Exit(GRAVE)


def _list() -> None:
    rows = []
    for name in es.data.names():
        card = es.data.card(name)
        rows.append(
            {
                "name": name,
                "graphs": sum(card.parts) if card.level == "graph" else 1,
                "nodes": card.nodes,
                "directed edges": card.directed_edges,
                "task": f"{card.task} of {card.level}s",
                "targets": card.targets,
                "metric": card.metric,
                "title": card.title,
            }
        )
    show(pl.DataFrame(rows), "data sets", spare=("metric", "targets", "directed edges", "nodes"))


def _card(name: str) -> None:
    card = es.data.card(name)
    unit = f"{card.level}s"
    types = (f"{kind} {_number(count)}" for kind, count in card.edge_types.items())
    rows = {
        "title": card.title,
        "task": f"{card.task} of {unit}, {card.targets} targets",
        "metric": card.metric,
        "parts": f"{' / '.join(map(_number, card.parts))} {unit} (train / val / test)",
        "nodes": _number(card.nodes),
        "directed edges": _number(card.directed_edges),
        "edge types": ", ".join(types),
        "rejected rows": _number(card.rejected),
        "in two parts": _number(card.leaks),
        "split": card.split,
        "source": card.source,
        "licence": card.licence,
    }
    show(pl.DataFrame({name: list(rows), "": list(rows.values())}), "card")


def _number(count: int | None) -> str:
    return "not stated" if count is None else f"{count:,}"
