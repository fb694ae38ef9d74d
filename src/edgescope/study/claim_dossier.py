"""The dossier: every claim with its verdict, numbers and figures, from result tables alone."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.handovers import handed
from edgescope.lib.optional import require
from edgescope.lib.version import __version__
from edgescope.plots.svg import settings
from edgescope.study.claim_figures import published_drawn
from edgescope.study.claim_forests import DossierFigure, numbers_drawn
from edgescope.study.claims.cell_roles import data_words
from edgescope.study.claims.claim_list import CLAIMS, rulings
from edgescope.study.claims.published_defects import LIMITS
from edgescope.study.claims.result_set import ResultSet, read_results
from edgescope.study.claims.rulings import Ruling

if TYPE_CHECKING:
    from edgescope.study.cells import Cell

FILES = ("dossier.html", "dossier.json", "verdicts.tex", "numbers.tex")
"""What a dossier is written as."""

MEANINGS = (
    (
        "A number holds if its whole 95 % interval lies where the claim says, does not hold if it "
        "lies outside, and is undecided otherwise."
    ),
    (
        "The interval is that of the mean over seeds, by Student's t; with fewer than 3 seeds "
        "nothing is decided. Where layers are drawn at random and not trained, the draws are the "
        "units. The spread between the graphs of a scan is given apart."
    ),
    (
        "A claim holds if it holds in all its groups, does not hold if it holds in none and none "
        "is undecided, and holds only where groups do after Holm's correction over its groups."
    ),
    "All claims that have a p-value are corrected together after Holm, at 5 %.",
)
"""The rule in words."""


@dataclass(frozen=True)
class Dossier:
    """Every claim with its verdict.

    Attributes:
        results: the result tables.
        rulings: claim to verdict.
        unfinished: names of planned cells that are not in the tables.

    Example:
        >>> import edgescope as es
        >>> es.study.dossier({}).table()["verdict"].unique().to_list()
        ['undecided at this budget']
    """

    results: ResultSet
    rulings: Mapping[str, Ruling]
    unfinished: tuple[str, ...] = ()

    def table(self) -> pl.DataFrame:
        """Return a row per claim.

        Columns: claim, statement, verdict, group and number (those that decide, or come nearest),
        value, low, high (its 95 % interval), units (seeds or draws), p, p_adjusted (over claims),
        reason.
        """
        rows = []
        for key, ruling in self.rulings.items():
            first = ruling.decisive
            found = first and first.estimate
            rows.append(
                {
                    "claim": key,
                    "statement": CLAIMS[key].statement,
                    "verdict": ruling.verdict,
                    "group": first and first.group,
                    "number": first and first.number,
                    "value": found and found.value,
                    "low": found and found.low,
                    "high": found and found.high,
                    "units": found and found.units,
                    "p": ruling.p,
                    "p_adjusted": ruling.p_adjusted,
                    "reason": ruling.reason,
                }
            )
        texts = ("claim", "statement", "verdict", "group", "number", "reason")
        values = ("value", "low", "high", "p", "p_adjusted")
        schema = dict.fromkeys(rows[0]) if rows else {}
        types = dict.fromkeys(texts, pl.String) | dict.fromkeys(values, pl.Float64)
        table = pl.DataFrame(rows, {name: types.get(name, pl.Int64) for name in schema})
        return table.with_columns(pl.col(pl.Float64).fill_nan(None))

    def numbers(self) -> pl.DataFrame:
        """Return a row per number of a claim.

        Columns: claim, group, number, value, low, high, units, seeds_for (seeds whose own number
        lies where the claim says), null, within (half width over graphs), ruling, counts (whether
        it enters the verdict).
        """
        rows = [
            {
                "claim": key,
                "group": each.group,
                "number": each.number,
                "value": each.estimate.value,
                "low": each.estimate.low,
                "high": each.estimate.high,
                "units": each.estimate.units,
                "seeds_for": each.agreeing if each.estimate.values else None,
                "null": each.null,
                "within": each.within,
                "ruling": each.ruling,
                "counts": not each.aside,
            }
            for key, ruling in self.rulings.items()
            for each in ruling.questions
        ]
        schema = {
            **dict.fromkeys(("claim", "group", "number"), pl.String),
            **dict.fromkeys(("value", "low", "high"), pl.Float64),
            **dict.fromkeys(("units", "seeds_for"), pl.Int64),
            **dict.fromkeys(("null", "within"), pl.Float64),
            "ruling": pl.String,
            "counts": pl.Boolean,
        }
        return pl.DataFrame(rows, schema).with_columns(pl.col(pl.Float64).fill_nan(None))

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in values that JSON can hold; what is not known is null."""
        return {
            "edgescope": __version__,
            "rule": list(MEANINGS),
            "study": self._facts(),
            "claims": [
                {
                    "claim": key,
                    **{
                        name: getattr(CLAIMS[key], name)
                        for name in ("statement", "source", "design", "number", "rule", "change")
                    },
                    "command": CLAIMS[key].command,
                    **ruling.as_dict(),
                }
                for key, ruling in self.rulings.items()
            ],
            "limits": [{"what": what, "text": text} for what, text in LIMITS],
        }

    def figures(self) -> dict[str, list[DossierFigure]]:
        """Return the figures of every claim: the published ones, and its numbers.

        Raises:
            MissingExtraError: if matplotlib is not installed.
        """
        with settings():
            return {
                key: [
                    *(
                        figure
                        for name in CLAIMS[key].figures
                        for figure in published_drawn(key, name, self.results)
                    ),
                    *numbers_drawn(key, ruling.questions),
                ]
                for key, ruling in self.rulings.items()
            }

    def write(self, out: str | Path) -> list[Path]:
        """Write the page, its numbers as JSON, and the tables of verdicts and numbers as LaTeX.

        The page opens from disk and needs no network. The same tables give the same bytes.

        Args:
            out: the folder to write to; made if it does not exist.

        Returns:
            The files, the page first.

        Raises:
            InputError: if the folder cannot be written to.
            MissingExtraError: if jinja2, matplotlib or pydantic is not installed.
        """
        for package, extra in (("jinja2", "report"), ("pydantic", "train"), ("yaml", "train")):
            require(package, extra)
        from edgescope.study.export import write_latex

        folder, numbers = writable_folder(Path(out)), self.as_dict()
        page, data, verdicts, values = (folder / name for name in FILES)
        text = handed("dossier_page")(numbers, self.figures())
        with replacing(page) as html, replacing(data) as file:
            html.write_text(text, encoding="utf-8")
            file.write_text(json.dumps(numbers, indent=1, allow_nan=False), encoding="utf-8")
        shown = ("claim", "verdict", "group", "value", "low", "high", "units", "p_adjusted")
        write_latex(self.table().select(shown), verdicts)
        write_latex(self.numbers().drop("number"), values)
        return [page, data, verdicts, values]

    def _facts(self) -> dict[str, Any]:
        cells = self.results.listed
        every = {
            name: _values(cells, name) for name in ("hardware", "versions", "threads", "epochs")
        }
        seconds = [v for v in _values(cells, "seconds") if isinstance(v, int | float)]
        shown = cells.select("cell", "model", "variant", "data", "state", "seed", "design", "role")
        return {
            "cells": [
                {**row, "data": data_words(row["data"])} for row in shown.iter_rows(named=True)
            ],
            "seconds": sum(cells["seconds"].drop_nulls()) if seconds else None,
            **every,
            "idle": self.results.idle,
            "unfinished": list(self.unfinished),
        }


def _values(cells: pl.DataFrame, name: str) -> list[Any]:
    if name not in cells.columns:
        return []
    return sorted(cells[name].drop_nulls().unique().to_list())


def dossier(
    results: str | Path | Mapping[str, pl.DataFrame],
    out: str | Path | None = None,
    *,
    claims: Iterable[str] | None = None,
    planned: "Iterable[Cell]" = (),
) -> Dossier:
    """Answer the claims of the paper and of the article from stored result tables.

    Nothing is trained or scanned. What has not been measured is undecided, and says so.

    Args:
        results: the folder of a study, that of its result tables, or these by name.
        out: where to write ``dossier.html``, its numbers as JSON, and LaTeX tables; nowhere by
            default.
        claims: keys of claims to show; all by default. The correction for many claims is that of
            all of them in any case.
        planned: cells of the study, of which those without results are listed as open.

    Raises:
        InputError: if there is no such folder or claim, a table cannot be read or lacks a column,
            or two cells answer the same.

    Example:
        >>> import edgescope as es
        >>> found = es.study.dossier({})
        >>> found.rulings["C6"].reason
        'not measured: no table cells, added'
    """
    tables = results if isinstance(results, Mapping) else read_results(results)
    found = rulings(tables)
    chosen = list(found) if claims is None else list(claims)
    for key in chosen:
        if key not in found:
            hint = did_you_mean(key, list(found), f"expected some of {', '.join(found)}")
            raise InputError(f"there is no claim {key!r}, {hint}")
    of = ResultSet(tables)
    done = set(of.cells["cell"].to_list())
    unfinished = tuple(cell.name for cell in planned if cell.name not in done)
    made = Dossier(of, {key: found[key] for key in chosen}, unfinished)
    if out is not None:
        made.write(out)
    return made
