"""The card of a data set: what is in it, where it comes from, what it may be used for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from edgescope.lib.task_metrics import METRICS, Task

TruthRule = Literal["both", "either"]
"""When a bond is true: if both of its atoms are in the same alternative, or at least one."""


TRUTH_RULES: tuple[str, ...] = get_args(TruthRule)
"""The rules by name."""


@dataclass(frozen=True)
class Card:
    """What is in a data set, as it is loaded by default; ``data check`` compares it with the files.

    Attributes:
        title: what it is.
        level: what has targets, graphs or the nodes of one graph.
        task: what the targets are.
        targets: how many targets there are.
        parts: graphs, or nodes, of the training, validation and test part.
        nodes: nodes in all; None where it is not stated.
        directed_edges: edges in all, both directions counted; None where it is not stated.
        edge_types: directed edges by the name of their type; None for a count that is not stated.
        split: how the parts are made.
        source: who made it, and where the files come from.
        licence: under which it is distributed.
        rejected: rows that cannot be used.
        leaks: molecules that are in two parts, as the split is published.

    Example:
        >>> import edgescope as es
        >>> card = es.data.card("benzene")
        >>> card.task, card.level
        ('labels', 'graph')
    """

    title: str
    level: Literal["graph", "node"]
    task: Task
    targets: int
    parts: tuple[int, int, int]
    nodes: int | None = None
    directed_edges: int | None = None
    edge_types: Mapping[str, int | None] = field(default_factory=dict)
    split: str = "not stated"
    source: str = "not stated"
    licence: str = "not stated"
    rejected: int = 0
    leaks: int = 0

    @property
    def metric(self) -> str:
        """What a model is judged by."""
        return METRICS[self.task]
