"""The rules of diagnosis, one per file, in the order in which their findings are listed."""

from edgescope.diagnosis.finding import SEVERITIES
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
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.lib.plugins import add_plugins

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
"""edgescope's own rules, in the order of findings of the same severity."""

_ADDED: list[type[Rule]] = []


def known_rules() -> tuple[type[Rule], ...]:
    """Return every rule: edgescope's own, and those of other packages.

    Another package adds a subclass of :class:`Rule` as an entry point of the group
    ``edgescope.rules``. Its identifier must be new.
    """
    add_plugins("edgescope.rules", _add)
    return (*RULES, *_ADDED)


def _add(plugin: object) -> None:
    """Make the rule of another package known."""
    if not (isinstance(plugin, type) and issubclass(plugin, Rule)):
        raise InputError(f"received {said(plugin)}, expected a subclass of Rule")
    if plugin.id in {rule.id for rule in (*RULES, *_ADDED)}:
        raise InputError(f"there is already a rule {plugin.id!r}; give it another identifier")
    if plugin.severity not in SEVERITIES:
        raise InputError(f"received severity {plugin.severity!r}, expected {', '.join(SEVERITIES)}")
    # A rule that cannot be made or has no page would break every diagnosis.
    plugin().thresholds, plugin.title, plugin.explanation
    _ADDED.append(plugin)


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
    "known_rules",
]
