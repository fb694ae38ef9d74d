"""`edgescope study dossier`: every claim of the paper and of the article, with a verdict."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli._tables import hint, note, show


def dossier(
    results: Annotated[
        Path, typer.Argument(help="Folder of a study, or of its result tables (NAME.parquet).")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for dossier.html, dossier.json and LaTeX tables."),
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option("--claim", metavar="C1|...|A11", help="Claim to show; may be repeated."),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="NAME|FILE",
            help="The study that was planned: its cells without results are listed as open.",
        ),
    ] = None,
) -> None:
    """Answer the claims of the paper and of the article from stored tables; nothing is run.

    A verdict is computed by the rule of each claim: holds, does not hold, holds only where ..., or
    undecided at this budget. The correction for many claims is that of all, whatever --claim shows.

    \b
    Examples:
      edgescope study dossier study --out dossier
      edgescope study dossier study --claim C6
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    planned = es.study.plan(es.study.read(study)) if study else ()
    found = es.study.dossier(results, out, claims=claim, planned=planned)
    table = found.table()
    show(table.drop("statement", "number"), "claims", spare=("reason", "p", "units", "group"))
    if claim:
        typer.echo("")
        show(found.numbers().drop("number"), "numbers", spare=("null", "within", "counts"))
    else:
        counts = table.group_by("verdict", maintain_order=True).len()
        note("; ".join(f"{number} {verdict}" for verdict, number in counts.iter_rows()))
    if found.unfinished:
        note(f"{len(found.unfinished)} cells are open and left out")
    if out is not None:
        typer.echo(f"open {out / 'dossier.html'}")
    else:
        hint(f"next: edgescope study dossier {results} --out dossier")
