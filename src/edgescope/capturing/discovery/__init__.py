"""Attention that no adapter knows: found in what a model computes."""

from edgescope.capturing.discovery.edge_tensors import Discovery, EdgeTensor

__all__ = ["Discovery", "EdgeTensor"]
