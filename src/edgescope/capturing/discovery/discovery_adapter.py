"""Attention that was discovered in a model, as sites like those of the layers with an adapter."""

from collections.abc import Collection, Iterator, Mapping
from typing import ClassVar

from torch import nn
from typing_extensions import override

from edgescope.capturing.adapters.adapter import Adapter, Emit, Layer, Remove, Replace, Stage
from edgescope.capturing.discovery.edit_scope import edit_scope_of
from edgescope.capturing.discovery.scope import Forms, scope_of

KINDS = {
    "softmax": "exp(logit) over its sum over the edges of a node",
    "weighted softmax": "exp(logit) times a factor over its sum over the edges of a node",
    "grouped softmax": "exp(logit) over its sum over some edges of a node, as those of a relation",
    "normalised": "softplus(logit) over its sum over the edges of a node",
    "normalised gate": "sigmoid(logit) over its sum over the edges of a node",
    "gate": "what multiplies the message, such as sigmoid(logit); not normalised",
}


class DiscoveryAdapter(Adapter):
    """Observes one attention of a module by the operations that compute it.

    What a layer's options say is not known of it: that it is static, what it does with self-loops
    or which of its arguments are features of edges. So no rule that asks for these speaks of it.

    Args:
        number: which attention of the module it is, from 0.
        stages: what there is of it.
        forms: kind and stages of every attention of the module, in their order; a run in which
            these are others took another way, and is refused.
        editable: the stages that are the result of one operation, or enter one that is.
        tokens: how many tokens the model puts before and after the nodes, if that was seen.
    """

    layer = nn.Module
    stages: ClassVar[Mapping[str, Stage]] = {}
    discovers: ClassVar[bool] = True

    def __init__(
        self,
        number: int,
        stages: Mapping[str, Stage],
        forms: Forms,
        editable: tuple[str, ...] = (),
        tokens: tuple[int, int] | None = None,
    ) -> None:
        self.number = number
        self.forms = forms
        self.tokens = tokens
        self._editable = editable
        self.normalised = forms[number][0] not in {"gate", "grouped softmax"}
        self.stages = dict(stages)  # type: ignore[misc]  # of this one, not of its class

    @override
    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return none: what the module is given need not be what its attention is computed of."""
        return ()

    @override
    def ranks_by_edges(self, layer: Layer) -> bool:
        """Return True, as nothing says that features of edges cannot change a logit."""
        return True

    @override
    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Trace the module whenever it runs, and emit the stages at its end."""
        wanted = tuple(stage for stage in self.stages if stage in stages)
        listener = (self.number, wanted, emit, self.forms, self.tokens)
        yield from scope_of(layer).listen(layer, listener)

    @override
    def editable(self, layer: Layer) -> tuple[str, ...]:
        """Return the stages that are the result of one operation."""
        return self._editable

    @override
    def attach_edit(
        self, layer: Layer, stages: Collection[str], replace: Replace
    ) -> Iterator[Remove]:
        """Overwrite the result of that operation whenever the module runs."""
        wanted = tuple(stage for stage in self.stages if stage in stages)
        yield from edit_scope_of(layer).listen(
            (self.number, wanted, replace, self.forms, self.tokens)
        )
