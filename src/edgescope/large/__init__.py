"""Graphs too large for memory: predictions of edgescope's GraphTransformer, chunk by chunk."""

from edgescope.large.forward import predict_large
from edgescope.large.large_graph import LargeGraph

__all__ = ["LargeGraph", "predict_large"]
