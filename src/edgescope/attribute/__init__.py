"""Which edges matter for a prediction: massive activations beside the usual explainers."""

from edgescope.attribute.attention import AttentionRollout, AttentionWeight
from edgescope.attribute.base import Importance, Method, ModelMethod, costs, importances
from edgescope.attribute.massive import MassiveActivationExplainer
from edgescope.attribute.methods import METHODS, Settings, make
from edgescope.attribute.structure import Degree, EdgeTypeFrequency, Random

__all__ = [
    "METHODS",
    "AttentionRollout",
    "AttentionWeight",
    "Degree",
    "EdgeTypeFrequency",
    "Importance",
    "MassiveActivationExplainer",
    "Method",
    "ModelMethod",
    "Random",
    "Settings",
    "costs",
    "importances",
    "make",
]
