"""Tables as CSV for programs and as LaTeX for papers."""

from pathlib import Path

import polars as pl

from edgescope.lib.files import replacing, writable_folder
from edgescope.plots.formats import NO_VALUE

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
