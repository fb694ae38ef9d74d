"""Graphs: published data sets, the built-in demonstration set and the user's tables of molecules.

``load`` gives three data sets (training, validation, test), of which an item is a
``torch_geometric`` ``Data``, with molecules a :class:`Molecule`; ``loader`` goes through one of
them in batches. A data set keeps all its graphs in a few flat tensors, so that cutting a batch
out of it is a handful of tensor operations.
"""

from typing import TYPE_CHECKING, Any

from edgescope.data.access import load
from edgescope.data.batch_loaders import MoleculeLoader, NeighborBatches, loader
from edgescope.data.checks.card_check import check
from edgescope.data.checks.table_check import TableCheck, check_table
from edgescope.data.chemistry.molecule_dataset import (
    ZINC_VOCABULARY,
    AtomVocabulary,
    MoleculeDataset,
)
from edgescope.data.edges.edge_changes import remove_edges
from edgescope.data.edges.rewiring import rewire
from edgescope.data.explained_graphs import load_ogx
from edgescope.data.explained_molecules import load_bxaic
from edgescope.data.graph_list import from_graphs
from edgescope.data.graphs import GraphDataset
from edgescope.data.molecule_tables.molecule_table import looks_like_a_table
from edgescope.data.molecule_tables.split_choice import computed_split
from edgescope.data.node_dataset import NodeDataset
from edgescope.data.own_graphs import OwnGraphs
from edgescope.data.relation_graphs import RelationGraphs
from edgescope.data.sources.data_card import Card
from edgescope.data.sources.planted_graphs import planted
from edgescope.data.sources.source import (
    Request,
    Source,
    card,
    names,
    needs_files,
    published_splits,
    register,
)
from edgescope.data.splits import Splits, divide_at_random

if TYPE_CHECKING:
    from edgescope.data.chemistry.molecule import Molecule

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
    "OwnGraphs",
    "RelationGraphs",
    "Request",
    "Source",
    "Splits",
    "TableCheck",
    "card",
    "check",
    "check_table",
    "computed_split",
    "divide_at_random",
    "from_graphs",
    "load",
    "load_bxaic",
    "load_ogx",
    "loader",
    "looks_like_a_table",
    "names",
    "needs_files",
    "planted",
    "published_splits",
    "register",
    "remove_edges",
    "rewire",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name == "Molecule":  # with PyG
        from edgescope.data.chemistry.molecule import Molecule

        return Molecule
    raise AttributeError(f"module 'edgescope.data' has no attribute {name!r}")
