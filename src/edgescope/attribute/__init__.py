"""Which edges matter for a prediction: massive activations beside the usual explainers."""

from edgescope.attribute.attention_weights import AttentionRollout, AttentionWeight
from edgescope.attribute.board import Leaderboard
from edgescope.attribute.copies import without_edges
from edgescope.attribute.curves import FidelityCurves, Removal
from edgescope.attribute.fidelity import characterisation
from edgescope.attribute.gnn_explainer import GNNExplainerMask
from edgescope.attribute.gradients import GradientTimesInput, IntegratedGradients
from edgescope.attribute.judgement import leaderboard
from edgescope.attribute.levels import node_importance
from edgescope.attribute.massive_explainer import MassiveActivationExplainer
from edgescope.attribute.method import Importance, Method, ModelMethod, costs
from edgescope.attribute.methods import METHODS, Settings, importances, make
from edgescope.attribute.null_explanations import NullScores, on_null_explanations
from edgescope.attribute.occlusion import Occlusion
from edgescope.attribute.single_outputs import LinkOutput, NodeOutput
from edgescope.attribute.stability import (
    Agreement,
    agreement,
    between_methods,
    rank_correlation,
    top_overlap,
)
from edgescope.attribute.structure import Degree, EdgeTypeFrequency, Random
from edgescope.attribute.subjects import Subject, subjects_of
from edgescope.attribute.truth import TruthScores, against_truth
from edgescope.statistics.bootstrap import mean_over_graphs, paired_difference

__all__ = [
    "METHODS",
    "Agreement",
    "AttentionRollout",
    "AttentionWeight",
    "Degree",
    "EdgeTypeFrequency",
    "FidelityCurves",
    "GNNExplainerMask",
    "GradientTimesInput",
    "Importance",
    "IntegratedGradients",
    "Leaderboard",
    "LinkOutput",
    "MassiveActivationExplainer",
    "Method",
    "ModelMethod",
    "NodeOutput",
    "NullScores",
    "Occlusion",
    "Random",
    "Removal",
    "Settings",
    "Subject",
    "TruthScores",
    "against_truth",
    "agreement",
    "between_methods",
    "characterisation",
    "costs",
    "importances",
    "leaderboard",
    "make",
    "mean_over_graphs",
    "node_importance",
    "on_null_explanations",
    "paired_difference",
    "rank_correlation",
    "subjects_of",
    "top_overlap",
    "without_edges",
]
