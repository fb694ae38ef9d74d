"""Attention that was discovered in a model, as sites like those of the layers with an adapter."""

from collections.abc import Collection, Iterator, Mapping
from typing import ClassVar

from torch import nn

from edgescope.capturing.adapters.adapter import Adapter, Emit, Layer, Remove, Stage
from edgescope.capturing.discovery.scope import scope_of

KINDS = {
    "softmax": "exp(logit) over its sum over the edges of a node",
    "weighted softmax": "exp(logit) times a factor over its sum over the edges of a node",
    "normalised": "softplus(logit) over its sum over the edges of a node",
    "normalised gate": "sigmoid(logit) over its sum over the edges of a node",
    "gate": "sigmoid(logit), not normalised",
}


class DiscoveryAdapter(Adapter):
    """Observes one attention of a module by the operations that compute it.

    Args:
        number: which attention of the module it is, from 0.
        stages: what there is of it.
        tokens: how many tokens the model puts before and after the nodes, if that was seen.
    """

    layer = nn.Module
    stages: ClassVar[Mapping[str, Stage]] = {}
    discovers: ClassVar[bool] = True

    def __init__(
        self, number: int, stages: Mapping[str, Stage], tokens: tuple[int, int] | None = None
    ) -> None:
        self._number = number
        self._tokens = tokens
        self.stages = dict(stages)  # type: ignore[misc]  # of this one, not of its class

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Trace the module whenever it runs, and emit the stages at its end."""
        wanted = tuple(stage for stage in self.stages if stage in stages)
        yield from scope_of(layer).listen(layer, (self._number, wanted, emit, self._tokens))
