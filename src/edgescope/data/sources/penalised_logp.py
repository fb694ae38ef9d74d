"""Penalised logP, the target of ZINC."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgescope.lib.optional import require
from edgescope.lib.progress import track

LARGEST_RING = 6
"""Atoms of the largest ring that costs nothing."""


def penalised_logp(
    parts: Sequence[Sequence[str]], *, progress: bool = True
) -> list[NDArray[np.float64]]:
    """Compute the penalised logP of molecules, in standard deviations.

    The z-scored logP (Crippen), minus the z-scored score of synthetic accessibility (Ertl and
    Schuffenhauer, 2009), minus the z-scored penalty of the largest ring, the atoms by which it
    exceeds six. Means and standard deviations are those of the first part. Definition and order
    of terms: Jin et al., "Junction Tree Variational Autoencoder" (2018).

    Args:
        parts: SMILES of the training molecules, and of other parts.
        progress: whether to show a bar.

    Returns:
        The values of every part.

    Raises:
        MissingExtraError: if RDKit is not installed.
    """
    terms = [_terms(smiles, progress=progress) for smiles in parts]
    mean, spread = terms[0].mean(axis=0), terms[0].std(axis=0)
    # A penalty that no training molecule pays tells nothing apart.
    spread[spread == 0] = 1
    return [((part - mean) / spread) @ np.array([1.0, -1.0, -1.0]) for part in terms]


def _terms(smiles: Sequence[str], *, progress: bool) -> NDArray[np.float64]:
    """Return logP, synthetic accessibility and ring penalty of every molecule ``[N, 3]``."""
    chem, crippen = require("rdkit.Chem", "chem"), require("rdkit.Chem.Crippen", "chem")
    scorer, networkx = _scorer(), require("networkx", "chem")
    values = np.empty((len(smiles), 3))
    for row, text in enumerate(track(smiles, "computing targets of ZINC", len(smiles), progress)):
        molecule = chem.MolFromSmiles(text)
        # Not RDKit's smallest rings: a cycle basis may hold larger ones, and the published
        # values come from networkx.
        rings = networkx.cycle_basis(networkx.Graph(chem.GetAdjacencyMatrix(molecule)))
        largest = max(map(len, rings), default=0)
        values[row] = (
            crippen.MolLogP(molecule),
            scorer.calculateScore(molecule),
            max(largest - LARGEST_RING, 0),
        )
    return values


def _scorer() -> Any:  # noqa: ANN401  (a script that RDKit ships)
    folder = str(Path(require("rdkit.RDConfig", "chem").RDContribDir) / "SA_Score")
    if folder not in sys.path:
        sys.path.append(folder)
    return require("sascorer", "chem")
