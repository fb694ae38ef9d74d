"""What a rule is, and what it gets to see of a model that runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from edgescope.capture.adapters.base import Adapter
from edgescope.diagnose.finding import Finding, Severity
from edgescope.diagnose.rules.counting import largest_by, sum_by

if TYPE_CHECKING:
    from edgescope.results import Scan

STAGE_NEEDS = ("score", "logit", "weight", "message")
"""What a rule may need of the edges; each is captured only if a rule needs it."""

NEEDS = (*STAGE_NEEDS, "rows", "state")
"""What a rule may need: a stage of attention, the rows alone, or node states between layers."""


class LayerInfo(NamedTuple):
    """An attention layer of the model, before it runs."""

    path: str
    """Path of the layer, such as ``layers.3.conv``; empty if the model is the layer."""
    layer: nn.Module
    """The layer."""
    adapter: Adapter
    """What observes it."""
    stages: tuple[str, ...]
    """The stages that it goes through."""


@dataclass(frozen=True)
class LayerSeen:
    """One call of an attention layer on one batch; ``E`` rows, ``H`` heads.

    Attributes:
        path: path of the layer; ``conv@2`` for its second call in a forward pass.
        layer: the layer.
        number: number of the batch.
        edge_index: source and target of every row ``[2, E]``, as the layer saw them; in a
            heterogeneous graph each end is numbered within its node type.
        softmax: which softmax a row belongs to ``[E]``: its target, or a number of its own per
            target and node type or relation in a heterogeneous graph.
        input_edge: the edge of its graph that a row is ``[E]``; -1 for self-loops that the layer
            added and for pairs of nodes without an edge.
        graph: graph of every row ``[E]``, by its place in the batch.
        num_nodes: number of nodes of the batch, if the graph is homogeneous.
        pairs: whether the layer attends to all pairs of nodes of a graph, not along edges.
        logit: ``[E, H]``, ``weight``: ``[E, H]`` before dropout, ``score`` and ``message``:
            ``[E, H, D]``; each ``None`` unless a rule needs it and the layer has it. A layer that
            attends by channel has one head per channel here.
        x: node states that the layer was given, of sources and of targets, each ``[V, F]``.
        output: node states that it returned ``[V, F']``.
        arguments: the arguments of the call by name.
        batch: the batch that the model was given.
        node_graph: graph of every node ``[V]``, if the graph is homogeneous.
    """

    path: str
    layer: nn.Module
    number: int
    edge_index: Tensor
    softmax: Tensor
    input_edge: Tensor
    graph: Tensor
    num_nodes: int | None
    pairs: bool
    logit: Tensor | None = None
    weight: Tensor | None = None
    score: Tensor | None = None
    message: Tensor | None = None
    x: tuple[Tensor | None, Tensor | None] = (None, None)
    output: Tensor | None = None
    arguments: Mapping[str, Any] | None = None
    batch: Any = None
    node_graph: Tensor | None = None

    @cached_property
    def degree(self) -> Tensor:
        """Number of rows of every softmax ``[N]``."""
        return self.softmax.bincount()

    @cached_property
    def share(self) -> Tensor:
        """Weights ``[E, H]`` scaled to a sum of 1 over each softmax, in float32 at least."""
        assert self.weight is not None
        weight = self.weight.to(torch.promote_types(self.weight.dtype, torch.float32))
        total = sum_by(weight, self.softmax, len(self.degree))
        return weight / total.clamp(min=torch.finfo(weight.dtype).tiny)[self.softmax]

    @cached_property
    def alike(self) -> Tensor:
        """Whether all sources of a softmax are in the same state ``[N]``, boolean.

        States are compared through one random projection, the same for every call: equal states
        give equal numbers, and different ones differ with probability one.
        """
        size, states = len(self.degree), self.x[0]
        if states is None or not size or int(self.edge_index[0].max()) >= len(states):
            return torch.zeros(size, dtype=torch.bool, device=self.softmax.device)
        along = torch.randn(states.size(1), generator=torch.Generator().manual_seed(0))
        at = (states * along.to(states)).sum(1)[self.edge_index[0]].unsqueeze(1)
        spread = largest_by(at, self.softmax, size) + largest_by(-at, self.softmax, size)
        return (spread <= 0).squeeze(1)


@dataclass(frozen=True)
class StateSeen:
    """Node states between two layers of the model, on one batch.

    Attributes:
        path: where they come from: path of the block of layers, such as ``layers.3``; the first
            states of a pass, which enter the first block, have the path ``"input"``.
        number: number of the batch.
        x: the states ``[V, F]``.
        edge_index: the batch's edges ``[2, E]``.
        graph: graph of every node ``[V]``.
    """

    path: str
    number: int
    x: Tensor
    edge_index: Tensor
    graph: Tensor


@dataclass(frozen=True)
class Sample:
    """Some batches, for rules that must run the model again.

    Attributes:
        model: the model, in eval mode; a rule runs it without gradients.
        call: runs it on a batch: ``sample.call(sample.model, batch)``.
        batches: the first batches of the loader, on the model's device.
        outputs: what the model returned on each of them.
        seed: decides what is drawn at random.
    """

    model: nn.Module
    call: Callable[[nn.Module, Any], Any]
    batches: Sequence[Any]
    outputs: Sequence[Any]
    seed: int


@dataclass
class Rule:
    """Looks for one thing that may be wrong with the attention of a model.

    A rule is a dataclass whose fields are its thresholds, so ``UniformAttention(entropy=0.98)`` is
    the same rule with another one. It keeps sums and counts, never activations; what it counts
    starts anew with :meth:`begin`.

    Attributes:
        id: identifier, by which it is selected and ignored.
        title: what it finds, in a few words.
        severity: how grave its findings are, as a rule.
        needs: what it needs to see, some of :data:`NEEDS`.
        sampled: whether it observes only the first batches, a sample, as what it needs is costly.
        samples: whether it runs the model again on a sample of batches, in :meth:`probe`.
        explanation: its page: what is meant, why it matters, where the thresholds come from, what
            to do, and when a finding is a false alarm. Plain Markdown.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    needs: ClassVar[frozenset[str]] = frozenset()
    sampled: ClassVar[bool] = False
    samples: ClassVar[bool] = False
    explanation: ClassVar[str]

    @property
    def thresholds(self) -> dict[str, Any]:
        """Names of the thresholds to their values."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

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

    def probe(self, sample: Sample) -> None:
        """Run the model again on some batches, after the last one."""

    def findings(self) -> list[Finding]:
        """Return what was found, after the last batch."""
        return []
