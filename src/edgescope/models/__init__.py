"""The published architectures on one attention core, and their weights on disk.

Models of PyG's layers are loaded when they are first used, as they import PyG.
"""

from typing import TYPE_CHECKING, Any

from edgescope.models.architectures import ARCHITECTURES, architecture, build
from edgescope.models.attention import EdgeAttention
from edgescope.models.attention_steps import EdgeScore
from edgescope.models.checkpoint import load, save
from edgescope.models.dense_gat import DenseGAT
from edgescope.models.graph_transformer import GraphTransformer
from edgescope.models.graphit import GraphiT
from edgescope.models.node_pairs import FullGraph, full_graph, random_walk_kernel
from edgescope.models.own_weights import LoadedWeights, UnfitWeightsError, load_weights
from edgescope.models.reference import from_reference, import_checkpoint
from edgescope.models.san import SAN

if TYPE_CHECKING:
    from edgescope.models.convolutions import GAT, GPS, GATv2, TransformerConv

__all__ = [
    "ARCHITECTURES",
    "GAT",
    "GPS",
    "SAN",
    "DenseGAT",
    "EdgeAttention",
    "EdgeScore",
    "FullGraph",
    "GATv2",
    "GraphTransformer",
    "GraphiT",
    "LoadedWeights",
    "TransformerConv",
    "UnfitWeightsError",
    "build",
    "from_reference",
    "full_graph",
    "import_checkpoint",
    "load",
    "load_weights",
    "random_walk_kernel",
    "save",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name in ARCHITECTURES:
        return architecture(name)
    raise AttributeError(f"module 'edgescope.models' has no attribute {name!r}")
