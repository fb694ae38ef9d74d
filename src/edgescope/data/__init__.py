"""Molecules as graphs: published data sets, the built-in demonstration set and the user's tables.

``load`` gives three data sets (training, validation, test) of :class:`Molecule`, each of which
is a ``torch_geometric`` ``Data``; ``loader`` goes through one of them in batches. A data set
keeps all its molecules in a few flat tensors, so that cutting a batch out of it is a handful of
tensor operations.
"""

from edgescope.data.dataset import MoleculeDataset
from edgescope.data.graphs import GraphDataset
from edgescope.data.iteration import MoleculeLoader, loader
from edgescope.data.loading import load
from edgescope.data.molecule import Molecule
from edgescope.data.published import names
from edgescope.data.split import Splits
from edgescope.data.table import looks_like_a_table
from edgescope.data.vocabulary import ZINC_VOCABULARY, AtomVocabulary

__all__ = [
    "ZINC_VOCABULARY",
    "AtomVocabulary",
    "GraphDataset",
    "Molecule",
    "MoleculeDataset",
    "MoleculeLoader",
    "Splits",
    "load",
    "loader",
    "looks_like_a_table",
    "names",
]
