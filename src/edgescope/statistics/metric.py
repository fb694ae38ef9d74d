"""The sketch as a torchmetrics metric."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from edgescope.statistics.ratio import EdgeRatios, edge_ratios
from edgescope.statistics.sketch import JOINT_BUDGET, SiteSketch, SketchLayout, sketch_update


class MassiveActivations(Metric):
    """Histograms and maxima of the activations on the edges of one site.

    Counters merge by sum and maxima by maximum, so batches, processes and machines give the
    same sketch however the graphs were spread over them. The memory it takes does not depend on
    the number of edges.

    As input to ``forward`` and ``update`` the metric accepts activations ``[E, H, D]`` of whole
    graphs, the type of every edge ``[E]`` and its graph ``[E]``. As output of ``compute`` it
    gives a :class:`~edgescope.statistics.SiteSketch`.

    Edges with a NaN or an infinity are counted as ``nonfinite`` and edges whose median is zero
    as ``undefined``; neither enters a histogram of ratios.

    Args:
        heads: number of heads ``H``.
        channels: number of channels per head ``D``, at least 2.
        edge_types: number of edge types ``T``.
        joint_budget: bytes that each of the two joint histograms over edge type x channel may
            take; their bins become coarser to fit.
        **kwargs: options of :class:`torchmetrics.Metric`.

    Raises:
        InputError: if there is one channel per head, where a ratio means nothing.

    Example:
        >>> import torch
        >>> from edgescope import MassiveActivations
        >>> metric = MassiveActivations(heads=1, channels=4)
        >>> metric.update(torch.tensor([[[1.0, 1.0, 1.0, 5000.0]], [[1.0, 2.0, 3.0, 4.0]]]))
        >>> sketch = metric.compute()
        >>> sketch.edges_over(1000.0)
        (array([1]), 1000.0)
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False
    maxima: Tensor

    def __init__(
        self,
        heads: int,
        channels: int,
        edge_types: int = 1,
        joint_budget: int = JOINT_BUDGET,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.layout = SketchLayout(heads, channels, edge_types, joint_budget)
        for name, shape in self.layout.shapes().items():
            self.add_state(
                f"count_{name}", torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum"
            )
        self.add_state("maxima", torch.zeros(2, edge_types), dist_reduce_fx="max")

    def update(
        self,
        values: Tensor,
        edge_type: Tensor | None = None,
        graph: Tensor | None = None,
        ratios: EdgeRatios | None = None,
    ) -> None:
        """Count the activations of a batch of whole graphs.

        Args:
            values: activations ``[E, H, D]``.
            edge_type: type of every edge ``[E]``; without it all are type 0.
            graph: graph of every edge ``[E]``; without it all are of one graph.
            ratios: what :func:`~edgescope.statistics.edge_ratios` gives for ``values``, if the
                caller has it already.
        """
        ratios = edge_ratios(values) if ratios is None else ratios
        sketch_update(self.layout, self._counts(), self.maxima, ratios, edge_type, graph)

    def compute(self) -> SiteSketch:
        """Return the sketch of everything counted so far, on the CPU."""
        counts = {name: counter.cpu() for name, counter in self._counts().items()}
        return SiteSketch(self.layout, counts, self.maxima.cpu())

    def _counts(self) -> dict[str, Tensor]:
        return {name: getattr(self, f"count_{name}") for name in self.layout.shapes()}
