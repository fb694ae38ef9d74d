"""The published architectures on one attention core, and their weights on disk."""

from edgescope.models.attention import EdgeAttention, EdgeScore
from edgescope.models.checkpoint import load, save
from edgescope.models.graph_transformer import GraphTransformer
from edgescope.models.reference import from_reference

__all__ = ["EdgeAttention", "EdgeScore", "GraphTransformer", "from_reference", "load", "save"]
