"""Twelve tables as chemists have them: bytes of a file, how to load it, and what is in it.

Each stands for a kind of trouble. Every table but the large one has forty rows or a few more, so
that it can be trained on.
"""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

_HEADS = ("C", "CC", "CCC", "N", "CN", "O", "CO", "Cl", "F", "CS", "N#C", "C=C", "C1CC1", "OC(=O)")
_LINKS = ("C", "CC", "C(C)", "C(=O)", "CO", "CN", "C(F)", "c1ccc(cc1)", "C(C)(C)", "CCCC", "C(N)")
_TAILS = ("C", "C=O", "C(N)=O", "c1ccccc1", "C1CCCC1", "CO", "CN", "CCl", "CF", "C#N", "C(=O)O")


def molecules(count: int) -> list[str]:
    """Return SMILES of molecules with bonds, in a fixed order; few of them are the same."""
    every = (
        head + "".join(links) + tail
        for size in range(1, 4)
        for links in product(_LINKS, repeat=size)
        for tail, head in product(_TAILS, _HEADS)
    )
    return list(islice(every, count))


@dataclass(frozen=True)
class Trouble:
    """A table as it lies on disk.

    Attributes:
        name: what the trouble is.
        file: name of the file.
        content: its bytes.
        options: arguments of ``es.data.load`` beside the path.
        rejected: how many rows cannot be used.
        lost: how many labels of usable rows are lost.
    """

    name: str
    file: str
    content: bytes
    options: dict[str, Any] = field(default_factory=dict)
    rejected: int = 0
    lost: int = 0

    @property
    def arguments(self) -> list[str]:
        """The options as the command line takes them."""
        flags = {
            "smiles_column": "--smiles-column",
            "target_columns": "--target-column",
            "split": "--split-column",
            "id_columns": "--id-column",
            "decimal": "--decimal",
        }
        found = []
        for option, value in self.options.items():
            for each in [value] if isinstance(value, str) else value:
                found += [flags[option], str(each)]
        return found


def text(header: Sequence[str], rows: Sequence[Sequence[object]], separator: str = ",") -> str:
    """Write a table as text, quoting cells that hold the separator, quotes or line breaks."""

    def cell(value: object) -> str:
        written = "" if value is None else str(value)
        if any(mark in written for mark in (separator, '"', "\n", "\r")):
            written = '"' + written.replace('"', '""') + '"'
        return written

    return "".join(separator.join(map(cell, row)) + "\n" for row in [header, *rows])


def _value(number: int) -> float:
    return round(-4 + 0.37 * (number * 7 % 23) + 0.01 * number, 3)


def encodings() -> Trouble:
    """UTF-16 as Excel's "Unicode text" is, with umlauts in names and in a column's name."""
    rows = [[f"Säure {i}", smiles, _value(i)] for i, smiles in enumerate(molecules(40))]
    content = text(["Name", "SMILES", "Löslichkeit"], rows, "\t").encode("utf-16")
    options = {"smiles_column": "SMILES", "target_columns": ["Löslichkeit"]}
    return Trouble("encodings", "solubility.tsv", content, options)


def separators() -> Trouble:
    """A German export: semicolons in a .csv, decimal commas, thousands points, CRLF, a BOM."""
    rows = []
    for i, smiles in enumerate(molecules(40)):
        number = f"{1000 + 37.5 * i:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")
        rows.append([smiles, number, f"{_value(i)}".replace(".", ",")])
    content = text(["smiles", "solubility [mg/L]", "logP"], rows, ";").replace("\n", "\r\n")
    options = {"target_columns": ["solubility [mg/L]", "logP"]}
    return Trouble("separators", "export.csv", b"\xef\xbb\xbf" + content.encode(), options)


def censored() -> Trouble:
    """IC50 values of which some are bounds, ranges or uncertain."""
    odd = {3: ">10000", 8: "<0.5", 13: "~5", 21: "1-5", 27: "10 ± 2", 33: "≥100"}
    rows = [
        [smiles, odd.get(i, round(12.5 * (i + 1), 1)), _value(i)]
        for i, smiles in enumerate(molecules(40))
    ]
    content = text(["smiles", "IC50 (nM)", "pIC50"], rows).encode()
    options = {"target_columns": ["IC50 (nM)", "pIC50"]}
    return Trouble("censored", "ic50.csv", content, options, lost=6)


def units() -> Trouble:
    """The unit stands in every cell, and two cells have another one."""
    rows = [[smiles, f"{2.5 * (i + 1)} mg/L"] for i, smiles in enumerate(molecules(40))]
    rows[5][1], rows[17][1] = "12 nM", "0.4 mol/L"
    content = text(["smiles", "solubility"], rows).encode()
    return Trouble("units", "units.csv", content, {"target_columns": ["solubility"]}, lost=2)


def missing_marks() -> Trouble:
    """Missing values as spreadsheets and people write them, a failed formula, a date."""
    marks = ["", "#N/A", "-", "?", "n.d.", "NaN", "not determined", "NULL"]
    rows = [[smiles, _value(i)] for i, smiles in enumerate(molecules(40))]
    for place, mark in enumerate(marks):
        rows[4 * place + 1][1] = mark
    rows[35][1], rows[37][1], rows[39][1] = "#DIV/0!", "04-Mar", "inf"
    content = text(["smiles", "logS"], rows).encode()
    return Trouble("missing marks", "marks.csv", content, {"target_columns": ["logS"]}, lost=3)


def duplicates() -> Trouble:
    """Molecules that stand twice in other writings, some with other values; blank lines."""
    listed = molecules(36)
    rows: list[list[object]] = [[smiles, _value(i)] for i, smiles in enumerate(listed)]
    rows += [["OCC", 1.0], ["CCO", 1.0], ["C(C)O", 9.0], ["C1=CC=CC=C1O", 2.0], ["c1ccccc1O", 2.0]]
    lines = text(["smiles", "y"], rows).splitlines(keepends=True)
    content = "".join([*lines[:10], "\n", *lines[10:], "\n\n"]).encode()
    return Trouble("duplicates", "twice.csv", content, {"target_columns": ["y"]}, rejected=1)


def salts() -> Trouble:
    """Salts, a hydrate, a mixture, ions without bonds, a SMILES with a name, two in one cell."""
    odd = {
        2: "CC(=O)[O-].[Na+]",
        5: "C[NH3+].[Cl-]",
        9: "CCO.CCN.CCC",
        12: "[Na+]",
        15: "CC O",
        20: "CC(=O)Oc1ccccc1C(=O)O aspirin",
        24: "InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3",
        30: "CCO.O.O",
    }
    rows = [[odd.get(i, smiles), _value(i)] for i, smiles in enumerate(molecules(40))]
    content = text(["smiles", "y"], rows).encode()
    return Trouble("salts", "salts.csv", content, {"target_columns": ["y"]}, rejected=3)


def one_class() -> Trouble:
    """An assay in which no molecule is active, beside one with both classes."""
    words = ["inactive", "active"]
    rows = [[smiles, "no", words[i % 3 == 0]] for i, smiles in enumerate(molecules(40))]
    rows[7][2] = "inconclusive"
    content = text(["smiles", "toxic", "kinase"], rows).encode()
    options = {"target_columns": ["toxic", "kinase"]}
    return Trouble("one class", "assays.csv", content, options, lost=1)


def constants() -> Trouble:
    """A target that is the same for all molecules, beside one that is not."""
    rows = [[smiles, "25.0", _value(i)] for i, smiles in enumerate(molecules(40))]
    content = text(["smiles", "temperature", "y"], rows).encode()
    return Trouble("constants", "constant.csv", content, {"target_columns": ["temperature", "y"]})


def several_tasks() -> Trouble:
    """Three labels, many missing, one unusable cell each, and a column of the parts."""
    rows: list[list[object]] = []
    for i, smiles in enumerate(molecules(45)):
        part = ("train", "Train", "train", "valid", "test")[i % 5]
        rows.append([smiles, i % 2, None if i % 3 == 0 else i % 5 % 2, (i // 2) % 2, part])
    rows[4][1], rows[10][2], rows[16][3] = "maybe", ">1", "1e39"
    content = gzip.compress(text(["smiles", "NR-1", "NR-2", "SR-1", "part"], rows).encode())
    options = {"target_columns": ["NR-1", "NR-2", "SR-1"], "split": "part"}
    return Trouble("several tasks", "tasks.csv.gz", content, options, lost=3)


def identifiers() -> Trouble:
    """Numbers with leading zeros, names with commas, quotes and line breaks, two columns alike."""
    rows: list[list[object]] = []
    for i, smiles in enumerate(molecules(40)):
        name = ('1,2-di"methyl"', "\u03b1-pinene\n(minus)", "water", None)[i % 4]
        rows.append([f"{i:05d}", name, f"{50 + i}-00-{i % 10}", smiles, _value(i), "a", "b"])
    header = ["mol_id", "Compound Name", "CAS", "smiles", "y", "remark", "remark"]
    return Trouble("identifiers", "ids.csv", text(header, rows).encode(), {"target_columns": ["y"]})


def large() -> Trouble:
    """Fifty thousand rows, one in a thousand with a bound, one in five thousand not a SMILES."""
    rows = [[f"M{i:06d}", smiles, _value(i)] for i, smiles in enumerate(molecules(50_000))]
    for i in range(500, 50_000, 1000):
        rows[i][2] = ">4.5"
    for i in range(2501, 50_000, 5000):
        rows[i][1] = "not a molecule"
    content = text(["id", "smiles", "y"], rows).encode()
    options = {"target_columns": ["y"]}
    return Trouble("50,000 rows", "large.csv", content, options, rejected=10, lost=50)


TROUBLES: tuple[Callable[[], Trouble], ...] = (
    encodings,
    separators,
    censored,
    units,
    missing_marks,
    duplicates,
    salts,
    one_class,
    constants,
    several_tasks,
    identifiers,
    large,
)
