"""The sketch as a torchmetrics metric."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from edgescope.statistics.counting.counter import SketchCounter, counters
from edgescope.statistics.counting.edge_labels import EdgeLabels
from edgescope.statistics.ratio import EdgeTops
from edgescope.statistics.sketch import SiteSketch
from edgescope.statistics.sketch_layout import JOINT_BUDGET, SketchLayout


class MassiveActivations(Metric):
    """Histograms and maxima of the activations on the edges of one site.

    Counters merge by sum and maxima by maximum, so batches, processes and machines give the
    same sketch however the graphs were spread over them. The memory it takes does not depend on
    the number of edges.

    As input to ``forward`` and ``update`` the metric accepts activations ``[E, H, D]`` of whole
    graphs, the type of every edge ``[E]`` and its graph ``[E]``. As output of ``compute`` it
    gives a :class:`~edgescope.statistics.SiteSketch`.

    Edges with a NaN or an infinity are counted as ``nonfinite`` and edges whose median is zero
    as ``undefined``; neither enters a histogram of ratios. Where a layer adds a constant so that no
    value is zero, hand over ``EdgeActivations.above_floor`` in place of its values.

    Attributes:
        tops: medians and maxima of the edges in the last update.

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
    tops: EdgeTops | None

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
        # A metric copies the defaults of its states twice, and counters take memory once they are
        # touched. So the default is one zero, and _open makes it whole.
        for name in self.layout.shapes():
            zero = torch.zeros((), dtype=torch.int64)
            self.add_state(f"count_{name}", zero, dist_reduce_fx="sum")
        self.add_state("maxima", torch.zeros(2, edge_types), dist_reduce_fx="max")
        self._open()

    def reset(self) -> None:
        """Forget everything counted so far."""
        super().reset()
        self._open()

    def _open(self) -> None:
        self.tops = None
        for name, counter in counters(self.layout, self.maxima.device).items():
            setattr(self, f"count_{name}", counter)

    def update(
        self, values: Tensor, edge_type: Tensor | None = None, graph: Tensor | None = None
    ) -> None:
        """Count the activations of a batch of whole graphs.

        Args:
            values: activations ``[E, H, D]``.
            edge_type: type of every edge ``[E]``; without it all are type 0.
            graph: graph of every edge ``[E]``; without it all are of one graph.

        Raises:
            InputError: if the widths differ or an edge type is out of range; nothing is counted
                then.
        """
        labels = EdgeLabels(values.size(0), values.device, self.layout.edge_types, edge_type, graph)
        self.tops = self._counter().update(values, labels)

    def compute(self) -> SiteSketch:
        """Return the sketch of everything counted so far, on the CPU."""
        return self._counter().sketch()

    def _counter(self) -> SketchCounter:
        # Torchmetrics replaces states when it moves or merges them.
        counts = {name: getattr(self, f"count_{name}") for name in self.layout.shapes()}
        return SketchCounter(self.layout, counts, self.maxima)
