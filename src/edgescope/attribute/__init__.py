"""Which edges matter for a prediction: massive activations beside the usual explainers."""

from edgescope.attribute.attention import AttentionRollout, AttentionWeight
from edgescope.attribute.base import Importance, Method, ModelMethod, costs, importances
from edgescope.attribute.copies import without_edges
from edgescope.attribute.gnn_explainer import GNNExplainerMask
from edgescope.attribute.gradients import GradientTimesInput, IntegratedGradients
from edgescope.attribute.massive import MassiveActivationExplainer
from edgescope.attribute.methods import METHODS, Settings, make
from edgescope.attribute.occlusion import Occlusion
from edgescope.attribute.structure import Degree, EdgeTypeFrequency, Random

__all__ = [
    "METHODS",
    "AttentionRollout",
    "AttentionWeight",
    "Degree",
    "EdgeTypeFrequency",
    "GNNExplainerMask",
    "GradientTimesInput",
    "Importance",
    "IntegratedGradients",
    "MassiveActivationExplainer",
    "Method",
    "ModelMethod",
    "Occlusion",
    "Random",
    "Settings",
    "costs",
    "importances",
    "make",
    "without_edges",
]
