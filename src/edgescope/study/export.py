"""The tables of a study: to read, as CSV for programs and as LaTeX for papers."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.files import replacing, writable_folder
from edgescope.plots.formats import NO_VALUE
from edgescope.study import study_tables
from edgescope.study.association import association
from edgescope.study.mitigation import mitigation, mitigation_as_text
from edgescope.study.study_store import Study

_ESCAPED = str.maketrans(
    {
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "±": r"$\pm$",
        "<": r"$<$",
        ">": r"$>$",
    }
)


class StudyTable(NamedTuple):
    """One table of a study.

    Attributes:
        title: what it shows, in a line.
        values: every number, one fact per column.
        published: the same laid out as in the paper, as text.

    Example:
        >>> import edgescope as es
        >>> values = pl.DataFrame({"model": ["GAT"], "mae": [0.5]})
        >>> table = es.study.StudyTable("Test metric", values, values.cast(pl.String))
        >>> table.values["mae"].item(), table.published["mae"].item()
        (0.5, '0.5')
    """

    title: str
    values: pl.DataFrame
    published: pl.DataFrame


def tables(study: Study) -> dict[str, StudyTable]:
    """Return the tables of a study from what is stored; nothing is run.

    Args:
        study: see :func:`edgescope.study.load`.

    Returns:
        ``cells`` (one row per cell), ``metrics`` (test metric over seeds), ``association``
        (prevalence against the test metric); and where all scans are there, ``layers`` (which
        exceed which thresholds) and, if the study has variants, ``mitigation`` (what they change).

    Example:
        >>> import edgescope as es
        >>> study = es.study.load("STUDY")  # doctest: +SKIP
        >>> es.study.tables(study)["metrics"].values  # doctest: +SKIP
    """
    every = study_tables.cells(study)
    metrics = study_tables.metrics(every)
    spearman = association(every)
    found = {
        "cells": StudyTable("Cells", every, every),
        "metrics": StudyTable(
            "Test metric: mean ± standard deviation over seeds",
            metrics,
            study_tables.metrics_as_published(metrics),
        ),
        "association": StudyTable(
            "Prevalence of ratios above 1000 against the test metric (Spearman)", spearman, spearman
        ),
    }
    if not all(done.has_scan for done in study.finished):
        return found
    layers = study_tables.layers(study)
    found["layers"] = StudyTable(
        "Layers with an edge above the threshold (in brackets: in some seeds only)",
        layers,
        study_tables.layers_as_published(layers),
    )
    if any(cell.variant for cell in study.cells):
        variants = mitigation(study)
        found["mitigation"] = StudyTable(
            "Variants: test metric, edges with a ratio above 1000, largest magnitude over the "
            "untrained median, attention logits at or beyond their limit, and how much worse the "
            "metric is in fewer bits",
            variants,
            mitigation_as_text(variants),
        )
    return found


def table(study: Study, name: str) -> StudyTable:
    """Return one table of a study, one of :func:`tables` or a result table; nothing is run.

    Args:
        study: see :func:`edgescope.study.load`.
        name: its name, such as ``"metrics"`` or ``"sites"``.

    Raises:
        InputError: if there is none of that name.

    Example:
        >>> import edgescope as es
        >>> es.study.table(es.study.load("STUDY"), "sites").values  # doctest: +SKIP
    """
    found = tables(study)
    if name in found:
        return found[name]
    stored = study.tables.table(name)
    if stored is None:
        known = list(dict.fromkeys((*found, *study.tables.names())))
        hint = did_you_mean(name, known, f"expected one of {', '.join(known)}")
        raise InputError(f"the study in {study.out} has no table {name!r}, {hint}")
    return StudyTable(f"Result table {name}", stored, stored)


def write_tables(found: Mapping[str, StudyTable], out: str | Path) -> list[Path]:
    """Write tables as ``NAME.csv`` (values) and ``NAME.tex`` (as published), but no empty ones.

    Args:
        found: from :func:`tables`.
        out: the folder to write to; made if it does not exist.

    Returns:
        The files.

    Raises:
        InputError: if the folder cannot be written to.

    Example:
        >>> import tempfile
        >>> import edgescope as es
        >>> values = pl.DataFrame({"model": ["GAT"], "mae": [0.5]})
        >>> found = {"metrics": es.study.StudyTable("Test metric", values, values.cast(pl.String))}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in es.study.write_tables(found, folder)]
        ['metrics.csv', 'metrics.tex']
    """
    folder, files = Path(out), []
    for name, table in found.items():
        if table.values.height:
            files.append(write_csv(table.values, folder / f"{name}.csv"))
            files.append(write_latex(table.published, folder / f"{name}.tex"))
    return files


def write_csv(table: pl.DataFrame, path: Path) -> Path:
    """Write a table as CSV; the file is whole or absent.

    Raises:
        InputError: if the folder cannot be written to.
    """
    writable_folder(path.parent)
    with replacing(path) as temporary:
        table.write_csv(temporary)
    return path


def write_latex(table: pl.DataFrame, path: Path) -> Path:
    """Write a table as LaTeX, for a document with the package ``booktabs``.

    Raises:
        InputError: if the folder cannot be written to.
    """
    writable_folder(path.parent)
    with replacing(path) as temporary:
        temporary.write_text(latex(table), encoding="utf-8")
    return path


def latex(table: pl.DataFrame) -> str:
    """Return a table as a LaTeX ``tabular``: numbers to the right, four significant digits."""
    columns = "".join("r" if dtype.is_numeric() else "l" for dtype in table.dtypes)
    lines = [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _line(table.columns),
        r"\midrule",
        *(_line(map(_text, row)) for row in table.iter_rows()),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _line(cells: "list[str] | map[str]") -> str:
    return " & ".join(cell.translate(_ESCAPED) for cell in cells) + r" \\"


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124  (NaN)
        return NO_VALUE
    return f"{value:.4g}" if isinstance(value, float) else str(value)
