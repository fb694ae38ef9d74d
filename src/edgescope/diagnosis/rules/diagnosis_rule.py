"""What a rule is."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from edgescope.diagnosis.finding import Finding, Severity, place
from edgescope.diagnosis.layer_info import LayerInfo
from edgescope.diagnosis.layer_view import BatchSeen, LayerSeen, Sample, StateSeen
from edgescope.diagnosis.neighbour_sums import Sums

if TYPE_CHECKING:
    from edgescope.scanning.result import Scan

__all__ = [
    "NEEDS",
    "STAGE_NEEDS",
    "BatchSeen",
    "LayerInfo",
    "LayerSeen",
    "Rule",
    "Sample",
    "StateSeen",
]

STAGE_NEEDS = ("score", "logit", "weight", "message")
"""What a rule may need of the edges; each is captured only if a rule needs it."""

NEEDS = (*STAGE_NEEDS, "rows", "state", "finite")
"""What a rule may need: a stage of attention, the rows alone, node states between layers, or
whether what modules return is finite."""


@dataclass
class Rule:
    """Looks for one thing that may be wrong with the attention of a model.

    A rule is a dataclass whose fields are its thresholds, so ``UniformAttention(entropy=0.98)`` is
    the same rule with another one. It keeps sums and counts, never activations. When a diagnosis
    starts, ``self._sums`` is empty sums by path, ``self._layers`` the layers by theirs, and
    :meth:`begin` forgets what else was counted.

    Attributes:
        id: identifier, by which it is selected and ignored.
        title: what it finds, in a few words.
        severity: the usual severity of its findings.
        needs: what it needs to see, some of :data:`NEEDS`.
        finite: whether it judges numbers, and so is shown only what is finite, and does not judge
            layers in which, or before which, a number of a batch is not.
        sampled: whether it observes only the first batches, a sample, as what it needs is costly.
        samples: whether it runs the model again on a sample of batches, in :meth:`probe`.
        explanation: its page: what is meant, why it matters, where the thresholds come from, what
            to do, and when a finding is a false alarm. Plain Markdown.

    Example:
        >>> from dataclasses import dataclass
        >>> import edgescope as es
        >>> from edgescope.diagnosis import Finding
        >>> from edgescope.diagnosis import Rule
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> @dataclass
        ... class ManyRows(Rule):
        ...     id = "many-rows"
        ...     title = "a layer sees many rows"
        ...     severity = "note"
        ...     needs = frozenset({"rows"})
        ...     most: int = 20
        ...     def begin(self, layers):
        ...         self.rows = dict.fromkeys((info.path for info in layers), 0)
        ...     def observe(self, seen):
        ...         self.rows[seen.path] += len(seen.graph)
        ...     def findings(self):
        ...         return [
        ...             Finding(self.id, "note", path, f"{rows} rows", {"rows": rows}, "", "")
        ...             for path, rows in self.rows.items()
        ...             if rows > self.most
        ...         ]
        >>> [found.where for found in es.diagnose(model, loader, rules=[ManyRows()])]
        ['layers.0.conv']
    """

    id: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    needs: ClassVar[frozenset[str]] = frozenset()
    finite: ClassVar[bool] = True
    sampled: ClassVar[bool] = False
    samples: ClassVar[bool] = False
    explanation: ClassVar[str]

    @property
    def thresholds(self) -> dict[str, Any]:
        """Names of the thresholds to their values."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Paths of the layers that it does not judge, as numbers there are not finite."""
        return tuple(getattr(self, "_left_out", {}))

    def start(self, layers: Sequence[LayerInfo]) -> None:
        """Begin anew, with nothing left out."""
        self._left_out: dict[str, None] = {}
        self._channels: set[str] = set()
        self._layers = {info.path: info for info in layers}
        self._sums: dict[str, Sums] = defaultdict(Sums)
        self.begin(layers)

    def layer(self, path: str) -> LayerInfo:
        """Return the layer at a path, also one of a further call such as ``conv@2``."""
        return self._layers[path.partition("@")[0]]

    def leave_out(self, path: str) -> None:
        """Do not judge what is at ``path``: numbers that it would be judged by are not finite."""
        self._left_out[path] = None

    def show(self, seen: LayerSeen, finite: bool) -> None:
        """Take in one call of a layer, if it is finite or the rule does not mind."""
        if seen.by_channel:
            self._channels.add(seen.path)
        if finite or not self.finite:
            self.observe(seen)
        elif self.needs - {"state"}:
            self.leave_out(seen.path)

    def show_state(self, seen: StateSeen, finite: bool) -> None:
        """Take in node states, if they are finite or the rule does not mind."""
        if finite or not self.finite:
            self.observe_state(seen)
        elif "state" in self.needs:
            self.leave_out(seen.path)

    def place(self, path: str, heads: Sequence[int], of: int) -> str | None:
        """Return ``where`` of a finding about some heads of a layer; ``None`` if there is none.

        The channels of a layer that attends by channel are no heads, and few of them no finding:
        it is found as a whole, if all of them are.
        """
        if not heads or (path in self._channels and len(heads) < of):
            return None
        return place(path) if path in self._channels else place(path, heads, of)

    def judged(self) -> list[Finding]:
        """Return what was found, but for what is not judged."""
        left = set(self.unjudged)
        return [each for each in self.findings() if each.layer.partition(":")[0] not in left]

    def take_scan(self, scan: "Scan | None") -> None:
        """Take a scan of the model, for rules that can use one."""

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was seen before, and get ready for these layers."""

    def check(self, model: nn.Module, layers: Sequence[LayerInfo]) -> list[Finding]:
        """Return what the parameters and options tell by themselves."""
        del model, layers
        return []

    def observe(self, seen: LayerSeen) -> None:
        """Take in one call of a layer on one batch."""

    def observe_state(self, seen: StateSeen) -> None:
        """Take in the node states between two layers on one batch."""

    def observe_batch(self, seen: BatchSeen) -> None:
        """Take in how the model ran on one batch, after all its layers."""

    def probe(self, sample: Sample) -> None:
        """Run the model again on some batches, after the last one."""

    def findings(self) -> list[Finding]:
        """Return what was found, after the last batch."""
        return []
