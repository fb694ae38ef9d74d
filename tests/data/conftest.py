"""Molecules for the tests of this room; none of them leaves anything in the user's cache."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgescope.data import MoleculeDataset
from edgescope.data.molecule_tables.molecule_table import Table
from edgescope.data.molecule_tables.table_molecules import ParsedTable, Reading, parse

# Rings, charges, explicit hydrogens, stereo bonds, a salt, an isotope, triple bonds.
TEXT = r"""
CC CCO C=C C#C C#N N#N CC#CC CC(=O)O CC(=O)Oc1ccccc1C(=O)O Cn1cnc2c1c(=O)n(C)c(=O)n2C c1ccccc1
c1ccc2ccccc2c1 c1cc[nH]c1 c1ccoc1 c1ccsc1 c1ccncc1 O=[N+]([O-])c1ccccc1 [O-][n+]1ccccc1
C[N+](C)(C)C.[Cl-] [NH3+]CC(=O)[O-] C[C@H](N)C(=O)O C[C@@H](O)F F/C=C/F F/C=C\F C1CC1 C1CCCCC1
C1CC2CCC1C2 CS(=O)(=O)N CP(=O)(O)O OB(O)c1ccccc1 [2H]C([2H])([2H])O BrCCBr ICI CC(C)(C)C
N#Cc1ccc(Br)cc1 c1ccc(-c2ccccc2)cc1 O=C1NC(=O)c2ccccc21 c1ccc2[nH]c3ccccc3c2c1 [Na+].CC[O-]
C[S-] C=[N+]=[N-] CC(C)NCC(O)COc1cccc2ccccc12 CN1C=NC2=C1C(=O)N(C(=O)N2C)C [C-]#[O+]
"""
SMILES = TEXT.split()


def table_of(smiles: list[str | None]) -> Table:
    """A table whose target is the number of the row."""
    y = np.arange(len(smiles), dtype=np.float32).reshape(-1, 1)
    return Table(smiles, y, {}, np.full(len(smiles), -1, dtype=np.int8), ("number",))


def parsed(smiles: list[str | None], **reading: Any) -> ParsedTable:
    return parse(table_of(smiles), "test", Reading(**reading), progress=False)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def read_smiles() -> Callable[..., ParsedTable]:
    """Reads a list of SMILES as the table of that list, in the way of a ``Reading``."""
    return parsed


@pytest.fixture(scope="session")
def diverse_smiles() -> list[str]:
    return SMILES


@pytest.fixture(scope="session")
def diverse() -> MoleculeDataset:
    """Every molecule of the list, in its order."""
    return parsed(list(SMILES)).molecules


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a text file and gives its path."""

    def write_text(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_text
