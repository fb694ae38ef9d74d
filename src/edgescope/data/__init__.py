"""Graphs: published data sets, the built-in demonstration set and the user's tables of molecules.

``load`` gives three data sets (training, validation, test), of which an item is a
``torch_geometric`` ``Data``, with molecules a :class:`Molecule`; ``loader`` goes through one of
them in batches. A data set keeps all its graphs in a few flat tensors, so that cutting a batch
out of it is a handful of tensor operations.
"""

from edgescope.data.cards import Card, card
from edgescope.data.checking import check
from edgescope.data.checks.table import TableCheck, check_table
from edgescope.data.dataset import MoleculeDataset
from edgescope.data.graphs import GraphDataset
from edgescope.data.iteration import MoleculeLoader, loader
from edgescope.data.loading import load
from edgescope.data.molecule import Molecule
from edgescope.data.neighbours import NeighborBatches
from edgescope.data.nodes import NodeDataset
from edgescope.data.planted import planted
from edgescope.data.published import names, needs_files, published_splits
from edgescope.data.removing import remove_edges
from edgescope.data.rewiring import rewire
from edgescope.data.split import Splits
from edgescope.data.synthetic import proteins_like
from edgescope.data.table import looks_like_a_table
from edgescope.data.table_split import computed_split
from edgescope.data.vocabulary import ZINC_VOCABULARY, AtomVocabulary

__all__ = [
    "ZINC_VOCABULARY",
    "AtomVocabulary",
    "Card",
    "GraphDataset",
    "Molecule",
    "MoleculeDataset",
    "MoleculeLoader",
    "NeighborBatches",
    "NodeDataset",
    "Splits",
    "TableCheck",
    "card",
    "check",
    "check_table",
    "computed_split",
    "load",
    "loader",
    "looks_like_a_table",
    "names",
    "needs_files",
    "planted",
    "proteins_like",
    "published_splits",
    "remove_edges",
    "rewire",
]
