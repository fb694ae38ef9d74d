"""Graphs too large for memory: the exact scan, and predictions, of edgescope's GraphTransformer."""

from edgescope.large.graph import LargeGraph
from edgescope.large.predict import predict_large
from edgescope.large.scan import scan_large

__all__ = ["LargeGraph", "predict_large", "scan_large"]
