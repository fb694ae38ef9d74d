"""The published architectures on one attention core, and their weights on disk."""

from edgescope.models.architectures import ARCHITECTURES, build
from edgescope.models.attention import EdgeAttention, EdgeScore
from edgescope.models.checkpoint import load, save
from edgescope.models.full_graph import FullGraph, full_graph, random_walk_kernel
from edgescope.models.graph_transformer import GraphTransformer
from edgescope.models.graphit import GraphiT
from edgescope.models.reference import from_reference
from edgescope.models.san import SAN

__all__ = [
    "ARCHITECTURES",
    "SAN",
    "EdgeAttention",
    "EdgeScore",
    "FullGraph",
    "GraphTransformer",
    "GraphiT",
    "build",
    "from_reference",
    "full_graph",
    "load",
    "random_walk_kernel",
    "save",
]
