"""`edgescope data`: what data sets there are, what is in one, and whether its files are right."""

from typing import Annotated

import polars as pl
import polars.selectors as cs
import typer

import edgescope as es
from edgescope.cli import _options as options
from edgescope.cli._modes import Choice
from edgescope.cli._steps import say_what_was_read, show
from edgescope.errors import InputError

_COUNTED = ("root", *options.OF_TABLE)

CHOICES = (
    Choice(
        {
            "when data sets are listed": (),
            "with `data check`": _COUNTED,
            "when what is in one is counted": _COUNTED,
        },
        lambda given: {
            None: "when data sets are listed",
            "list": "when data sets are listed",
            "check": "with `data check`",
        }.get(given["data"], "when what is in one is counted"),
    ),
    Choice(
        options.DATA_CHOICE.modes,
        lambda given: options.kind_of_data(
            str(given["name"] if given["data"] == "check" else given["data"])
        ),
    ),
)
"""What has an effect on what is done with which data."""


def command(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|TABLE|list|check]",
            help="A published data set or a table, to count what is in it; `list` to list the data "
            "sets or show the card of one; `check` to compare the files of one with its card.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The data set to list or check.")
    ] = None,
    root: options.Root = None,
    smiles_column: options.SmilesColumn = "smiles",
    target_columns: options.TargetColumns = None,
    split_column: options.SplitColumn = None,
    id_columns: options.IdColumns = None,
    decimal: options.Decimal = None,
) -> None:
    """List the data sets, count what is in one, or check its files.

    Rows and labels of a table that cannot be used are listed with the reason, by the row numbers
    that a spreadsheet shows.
    """
    if data in {None, "list"}:
        _list() if name is None else _card(name)
    elif data == "check":
        if name is None:
            raise InputError(
                "received `data check` without a name, expected one of "
                f"{', '.join(es.data.names())}; name the data set to check"
            )
        show(es.data.check(name, root))
        typer.echo(f"{name} is the data set of its card")
    elif name is not None:
        raise InputError(
            f"received `data {data} {name}`, expected `data list {name}` or `data check {name}`"
        )
    else:
        spec = options.data_spec(
            str(data), root, smiles_column, target_columns, split_column, id_columns, decimal
        )
        splits = es.data.load(**spec)
        # Text, because counts and means share a column here and counts must not be rounded.
        counts = splits.summary().with_columns(cs.float().round(2)).cast(pl.String)
        show(counts.transpose(include_header=True, header_name="", column_names="split"))
        say_what_was_read(splits)


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
                "what": card.title,
            }
        )
    show(pl.DataFrame(rows))


def _card(name: str) -> None:
    card = es.data.card(name)
    unit = f"{card.level}s"
    types = (f"{kind} {_number(count)}" for kind, count in card.edge_types.items())
    rows = {
        "what": card.title,
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
    show(pl.DataFrame({name: list(rows), "": list(rows.values())}), wrap=True)


def _number(count: int | None) -> str:
    return "not stated" if count is None else f"{count:,}"
