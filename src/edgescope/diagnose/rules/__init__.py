"""The rules of diagnosis, one per file, in the order in which their findings are listed."""

from edgescope.diagnose.rules.attention_sinks import AttentionSinks
from edgescope.diagnose.rules.base import Rule
from edgescope.diagnose.rules.bipartite_self_loops import BipartiteSelfLoops
from edgescope.diagnose.rules.dead_head import DeadHead
from edgescope.diagnose.rules.duplicate_heads import DuplicateHeads
from edgescope.diagnose.rules.edge_features_ignored import EdgeFeaturesIgnored
from edgescope.diagnose.rules.hgt_relation_order import HGTRelationOrder
from edgescope.diagnose.rules.identical_outputs import IdenticalOutputs
from edgescope.diagnose.rules.massive_activations import MassiveActivations
from edgescope.diagnose.rules.non_finite import NonFinite
from edgescope.diagnose.rules.over_smoothing import OverSmoothing
from edgescope.diagnose.rules.rank_collapse import RankCollapse
from edgescope.diagnose.rules.saturated_logits import SaturatedLogits
from edgescope.diagnose.rules.self_loops import SelfLoops
from edgescope.diagnose.rules.static_attention import StaticAttention
from edgescope.diagnose.rules.uniform_attention import UniformAttention

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
