"""Tox21: twelve toxicity assays of about 7,800 molecules, with missing labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from edgescope.data.request import Request
from edgescope.data.scaffolds import scaffold_parts
from edgescope.data.split import DEFAULT_FRACTIONS, PARTS, Splits, divide, random_parts
from edgescope.data.table import table_source
from edgescope.errors import InputError

TASKS = (
    *("NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD", "NR-PPAR-gamma"),
    *("SR-ARE", "SR-ATAD5", "SR-HSE", "SR-MMP", "SR-p53"),
)
"""The assays: nuclear receptor signalling (NR) and stress response (SR)."""

TABLE = "tox21.csv.gz"
SPLIT_FOLDER = "scaffold_split"
_FILES = {"train": "train.csv.gz", "val": "valid.csv.gz", "test": "test.csv.gz"}


def tox21(request: Request) -> Splits:
    """Load Tox21 as in MoleculeNet: labels 0 and 1 of twelve assays, a missing one is NaN.

    ``root`` holds ``tox21.csv.gz`` (or a folder ``tox21`` with it), a column per assay and
    ``smiles``: Wu et al., "MoleculeNet", Chemical Science 9 (2018) 513; Mayr et al., "DeepTox",
    Frontiers in Environmental Science 3 (2016) 80. Molecules without bonds, such as single ions,
    are graphs without edges, as in OGB; 8 rows with ``[AlH3]`` do not parse.

    ``split="scaffold"`` takes the row numbers in ``scaffold_split/{train,valid,test}.csv.gz``
    where that folder exists, as OGB publishes them, and computes the same split otherwise;
    ``split="random"`` divides the rows 8 : 1 : 1 with ``seed``.

    Raises:
        InputError: if ``root`` is not given, a file is missing or damaged, or the row numbers are
            not those of the table's rows, each once.
    """
    folder = request.folder("tox21", f"the folder that holds {TABLE} of MoleculeNet", [TABLE])
    parsed = request.read(table_source(folder / TABLE, "smiles", TASKS, None))
    molecules = parsed.molecules
    rows = len(parsed.part)
    if request.split == "random":
        usable = np.zeros(rows, dtype=bool)
        usable[molecules.row.numpy()] = True
        part = random_parts(usable, DEFAULT_FRACTIONS, request.seed)
        told = f"random, seed {request.seed}"
    elif (folder / SPLIT_FOLDER).is_dir():
        part = _given(folder / SPLIT_FOLDER, rows)
        told = "scaffold, as given"
    else:
        texts: list[str | None] = [None] * rows
        for row, smiles in zip(molecules.row.tolist(), molecules.smiles, strict=True):
            texts[row] = smiles
        for row, smiles in molecules.rejected.select("row", "smiles").iter_rows():
            texts[row] = smiles
        part = scaffold_parts(texts, DEFAULT_FRACTIONS)
        told = "scaffold, computed"
    return divide(replace(molecules, task="labels", split=told), part, "tox21")


def _given(folder: Path, rows: int) -> np.ndarray:
    """Read which part each row belongs to, ``[R]`` int8."""
    part = np.full(rows, -1, dtype=np.int8)
    for number, name in enumerate(PARTS):
        path = folder / _FILES[name]
        chosen = read_numbers(path, rows)
        if (part[chosen] >= 0).any():
            row = int(chosen[part[chosen] >= 0][0])
            raise InputError(
                f"{path} holds row {row}, which is also in the {PARTS[part[row]]} part; a split "
                "must not leak, so each row belongs in one file"
            )
        part[chosen] = number
    if (part < 0).any():
        raise InputError(
            f"the files in {folder} hold {int((part >= 0).sum())} of {rows} rows, expected each "
            f"row in one of them; row {int((part < 0).argmax())} is missing, get the split again"
        )
    return part


def read_numbers(path: Path, limit: int) -> np.ndarray:
    """Read a file of row or node numbers, one per line, ``[N]`` int64.

    Raises:
        InputError: if there is no such file, it is damaged, or a number is outside 0 to
            ``limit - 1`` or occurs twice.
    """
    try:
        frame = pl.read_csv(path, has_header=False, schema={"number": pl.Int64})
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"cannot read {path} ({str(error).strip().partition(chr(10))[0]}), expected one whole "
            "number per line; get the file again"
        ) from error
    numbers = frame["number"].to_numpy()
    if not numbers.size or numbers.min() < 0 or numbers.max() >= limit:
        found = f"{numbers.min()} to {numbers.max()}" if numbers.size else "nothing"
        raise InputError(f"{path} holds {found}, expected numbers from 0 to {limit - 1}")
    if len(np.unique(numbers)) < len(numbers):
        raise InputError(f"{path} holds a number twice, expected each once; get the file again")
    return numbers
