"""Splits by scaffold: molecules with the same ring systems and linkers stay together."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from edgescope._optional import require


def scaffold_parts(
    smiles: Sequence[str | None], fractions: tuple[float, float, float]
) -> np.ndarray:
    """Divide molecules by their Bemis-Murcko scaffolds.

    The scaffolds, stereo labels included, are sorted by how many molecules they have, the largest
    first, and among equals the one whose first molecule comes last; one after the other they go
    to the training part while they fit into its fraction, then to the validation part, and the
    rest to the test part. This is the procedure of MoleculeNet (Wu et al., Chemical Science 9
    (2018) 513) and OGB, and on Tox21 it gives OGB's split row for row.

    Args:
        smiles: of every row; rows that RDKit refuses only because of a valence have a scaffold all
            the same, and rows that it cannot read at all have an empty one, as chains have.
        fractions: sizes of train, val and test.

    Returns:
        ``[R]`` int8, 0 train, 1 val, 2 test.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    with require("rdkit.rdBase", "chem").BlockLogs():
        for row, text in enumerate(smiles):
            groups[_scaffold(text)].append(row)
    part = np.full(len(smiles), 2, dtype=np.int8)
    train_limit = fractions[0] * len(smiles)
    val_limit = (fractions[0] + fractions[1]) * len(smiles)
    train = val = 0
    for rows in sorted(groups.values(), key=lambda rows: (len(rows), rows[0]), reverse=True):
        if train + len(rows) <= train_limit:
            part[rows] = 0
            train += len(rows)
        elif train + val + len(rows) <= val_limit:
            part[rows] = 1
            val += len(rows)
    return part


def _scaffold(smiles: str | None) -> str:
    chem = require("rdkit.Chem", "chem")
    murcko = require("rdkit.Chem.Scaffolds.MurckoScaffold", "chem")
    molecule = None if smiles is None else chem.MolFromSmiles(smiles)
    if molecule is None:
        molecule = None if smiles is None else chem.MolFromSmiles(smiles, sanitize=False)
        if molecule is None:
            return ""
        molecule.UpdatePropertyCache(strict=False)
        chem.GetSymmSSSR(molecule)
    scaffold: str = murcko.MurckoScaffoldSmiles(mol=molecule, includeChirality=True)
    return scaffold
