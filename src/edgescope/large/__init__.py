"""Graphs too large for memory: the exact scan, and predictions, of edgescope's GraphTransformer."""

from edgescope.large.forward import predict_large
from edgescope.large.large_graph import LargeGraph
from edgescope.scanning.large_scan import scan_large

__all__ = ["LargeGraph", "predict_large", "scan_large"]
