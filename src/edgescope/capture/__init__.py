"""Capture what attention does on every edge of a model, without touching its code."""

from edgescope.capture.activations import EdgeActivations, EdgeIdentity
from edgescope.capture.tape import Tape, capture

__all__ = ["EdgeActivations", "EdgeIdentity", "Tape", "capture"]
