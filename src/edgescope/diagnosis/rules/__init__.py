"""The rules of diagnosis, one per file, in the order in which their findings are listed."""

from edgescope.diagnosis.rules.attention_sinks import AttentionSinks
from edgescope.diagnosis.rules.bipartite_self_loops import BipartiteSelfLoops
from edgescope.diagnosis.rules.dead_head import DeadHead
from edgescope.diagnosis.rules.diagnosis_rule import Rule
from edgescope.diagnosis.rules.duplicate_heads import DuplicateHeads
from edgescope.diagnosis.rules.edge_features_ignored import EdgeFeaturesIgnored
from edgescope.diagnosis.rules.hgt_relation_order import HGTRelationOrder
from edgescope.diagnosis.rules.identical_outputs import IdenticalOutputs
from edgescope.diagnosis.rules.massive_activations import MassiveActivations
from edgescope.diagnosis.rules.non_finite import NonFinite
from edgescope.diagnosis.rules.over_smoothing import OverSmoothing
from edgescope.diagnosis.rules.rank_collapse import RankCollapse
from edgescope.diagnosis.rules.saturated_logits import SaturatedLogits
from edgescope.diagnosis.rules.self_loops import SelfLoops
from edgescope.diagnosis.rules.static_attention import StaticAttention
from edgescope.diagnosis.rules.uniform_attention import UniformAttention

RULES: tuple[type[Rule], ...] = (
    NonFinite,
    HGTRelationOrder,
    BipartiteSelfLoops,
    SelfLoops,
    EdgeFeaturesIgnored,
    IdenticalOutputs,
    StaticAttention,
    UniformAttention,
    SaturatedLogits,
    DeadHead,
    DuplicateHeads,
    OverSmoothing,
    RankCollapse,
    AttentionSinks,
    MassiveActivations,
)
"""Every rule, in the order of findings of the same severity."""

__all__ = [
    "RULES",
    "AttentionSinks",
    "BipartiteSelfLoops",
    "DeadHead",
    "DuplicateHeads",
    "EdgeFeaturesIgnored",
    "HGTRelationOrder",
    "IdenticalOutputs",
    "MassiveActivations",
    "NonFinite",
    "OverSmoothing",
    "RankCollapse",
    "Rule",
    "SaturatedLogits",
    "SelfLoops",
    "StaticAttention",
    "UniformAttention",
]
