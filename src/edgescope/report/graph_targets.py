"""What is true of graphs and what a model returns for them, from the batches of any loader."""

from collections.abc import Collection
from math import isfinite
from typing import Any

from torch import Tensor

from edgescope.lib.model_arguments import attribute
from edgescope.lib.plurals import plural
from edgescope.scanning.batches import BatchOfGraphs


class Targets:
    """Collects one target and one prediction per graph, where the loader and the model have them.

    Args:
        graphs: those that are wanted.

    Attributes:
        reason: why there are none; empty if there are.
    """

    def __init__(self, graphs: Collection[int]) -> None:
        self.reason = ""
        self._wanted = set(graphs)
        self._found: dict[int, tuple[float, float]] = {}

    @property
    def values(self) -> dict[int, tuple[float, float]]:
        """Per graph its target and the model's number; none if a batch had none."""
        return {} if self.reason else self._found

    def take(self, of: BatchOfGraphs, batch: Any, output: Any) -> None:  # noqa: ANN401  (any)
        """Take in a batch and what the model returned for it."""
        true = attribute(batch, "y")
        for what, given in (("the loader has", true), ("the model returns", output)):
            if not isinstance(given, Tensor):
                self.reason = f"{what} no tensor of {'targets' if given is true else 'numbers'}"
                return
            if given.numel() != of.size:
                shape = " x ".join(map(str, given.shape)) or "1"
                self.reason = f"{what} {shape} numbers for {plural(of.size, 'graph')}, not one each"
                return
        pairs = zip(true.reshape(-1).tolist(), output.detach().reshape(-1).tolist(), strict=True)
        for graph, (target, own) in zip(of.positions, pairs, strict=True):
            if graph in self._wanted and isfinite(target) and isfinite(own):
                self._found[graph] = (float(target), float(own))
