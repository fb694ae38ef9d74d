"""The mergeable summary of one site: histograms and maxima of its activations."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.lib.errors import InputError
from edgescope.statistics.sketch_layout import SketchLayout

if TYPE_CHECKING:
    from edgescope.statistics.bins import LogBins


class SparseCounts(Mapping[str, Tensor]):
    """The counters of a sketch without their zeros; each is made whole when it is asked for.

    A site's counters take about 12 MB for 64 channels and 4 edge types, nearly all of it zeros;
    a model of ten layers and an ensemble of ten would hold 1.2 GB of them.

    Args:
        counts: the counters, of any shape.
    """

    def __init__(self, counts: Mapping[str, Tensor]) -> None:
        self._flat = {name: counter.flatten().to_sparse() for name, counter in counts.items()}
        self._shapes = {name: counter.shape for name, counter in counts.items()}

    def __getitem__(self, name: str) -> Tensor:
        """Return a counter as it was, int64; a new tensor every time."""
        return self._flat[name].to_dense().view(self._shapes[name])

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the counters."""
        return iter(self._flat)

    def __len__(self) -> int:
        """Return how many counters there are."""
        return len(self._flat)


class SiteSketch:
    """The summary of a site: what any threshold, histogram or fit is read from.

    It is not a dataclass, because torchmetrics would take one apart when a metric returns it.

    Attributes:
        layout: what was counted, and in which bins.
        counts: the counters, shaped as :meth:`SketchLayout.shapes` says, int64.
        maxima: exact largest ratio and magnitude of each edge type ``[2, T]``.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> metric = es.MassiveActivations(heads=1, channels=3)
        >>> metric.update(torch.tensor([[[1.0, 2.0, 8000.0]]]))
        >>> sketch = metric.compute()
        >>> sketch.maxima.tolist()
        [[4000.0], [8000.0]]
    """

    def __init__(self, layout: SketchLayout, counts: Mapping[str, Tensor], maxima: Tensor) -> None:
        self.layout = layout
        self.counts = counts
        self.maxima = maxima

    def __add__(self, other: "SiteSketch") -> "SiteSketch":
        """Return the sketch of both sets of graphs together.

        Raises:
            InputError: if the two were counted in different layouts.
        """
        if self.layout != other.layout:
            raise InputError(
                f"cannot merge sketches of {self.layout} and {other.layout}; scan both with the "
                "same version, number of edge types and joint budget"
            )
        counts = {name: value + other.counts[name] for name, value in self.counts.items()}
        return SiteSketch(self.layout, counts, torch.maximum(self.maxima, other.maxima))

    def sparse(self) -> "SiteSketch":
        """Return the same sketch, held without the cells of its counters that are zero."""
        return SiteSketch(self.layout, SparseCounts(self.counts), self.maxima)

    @property
    def num_edges(self) -> int:
        """Edges seen, including those without a defined ratio."""
        return int(self.counts["edges"].sum())

    def defined_edges(self) -> NDArray[np.int64]:
        """Return the number of edges of each type with a defined ratio ``[T]``."""
        counts = self.counts
        left: NDArray[np.int64] = (
            counts["edges"] - counts["nonfinite"] - counts["undefined"]
        ).numpy()
        return left

    def counted_edges(self, axis: str = "ratio") -> NDArray[np.int64]:
        """Return how many edges of each type enter ``[T]``.

        Those with a defined ratio, or with finite activations for the axis ``"magnitude"``.
        """
        if axis == "ratio":
            return self.defined_edges()
        finite: NDArray[np.int64] = (self.counts["edges"] - self.counts["nonfinite"]).numpy()
        return finite

    def edges_over(self, threshold: float, axis: str = "ratio") -> tuple[NDArray[np.int64], float]:
        """Count the edges of each type with an activation whose ratio exceeds ``threshold``.

        Args:
            threshold: the ratio, or the magnitude, to exceed.
            axis: ``"ratio"`` or ``"magnitude"``.

        Returns:
            The counts ``[T]`` and the threshold at which they are exact: the bin edge nearest
            to the one asked for, at most 0.4 % away (ratios of 1000 and 4000 are bin edges).
        """
        bins: LogBins = getattr(self.layout, axis)
        number, exact = bins.edge_near(threshold)
        over: NDArray[np.int64] = self.counts[f"edge_{axis}"][:, number:].sum(1).numpy()
        return over, exact

    def heat_map(
        self,
        threshold: float,
        edge_type: int | Sequence[int] | None = None,
        axis: str = "ratio",
    ) -> tuple[NDArray[np.float64], float]:
        """Return the share of edges whose ratio exceeds ``threshold``, per head and channel.

        A magnitude is counted if it stands out from its edge as well, by more than
        :attr:`SketchLayout.joint_floor` medians: where all channels of an edge are large alike,
        none of them is told from the others. How many edges have a larger magnitude at all is
        what :meth:`edges_over` says.

        Args:
            threshold: the ratio, or the magnitude, asked for.
            edge_type: edges of this type only, or of these types; without it, all edges.
            axis: ``"ratio"`` or ``"magnitude"``.

        Returns:
            The shares ``[H, D]``, NaN if there are no such edges, and the threshold at which
            they are exact: the nearest edge of the joint histogram's bins.

        Raises:
            InputError: if a ratio is below :meth:`SketchLayout.lowest_joint`.
        """
        over, exact = self.channels_over(threshold, axis)
        edges = self.counted_edges(axis)
        if edge_type is None:
            edge_type = range(self.layout.edge_types)
        types = [edge_type] if isinstance(edge_type, int) else list(edge_type)
        over, total = over[types].sum(0), edges[types].sum()
        share = over / total if total else np.full(over.shape, np.nan)
        return share.reshape(self.layout.heads, self.layout.channels), exact

    def channels_over(self, threshold: float, axis: str) -> tuple[NDArray[np.int64], float]:
        """Count the activations over a threshold by edge type and channel ``[T, F]``.

        What :meth:`heat_map` is made of; its errors and its second result are those of this.
        """
        bins: LogBins = getattr(self.layout, f"joint_{axis}")
        number, exact = bins.edge_near(threshold)
        lowest = self.layout.lowest_joint(axis)
        if exact < lowest:
            raise InputError(
                f"received the ratio {threshold:g}, expected one from {lowest:g} on: below it, "
                "activations are not counted by head and channel"
            )
        over: NDArray[np.int64] = self.counts[f"joint_{axis}"][:, :, number:].sum(2).numpy()
        return over, exact

    def quantile(self, name: str, q: float) -> float:
        """Return the ``q``-quantile of a histogram, ``"ratio"``, ``"graph_magnitude"`` and so on.

        The answer is the centre of the bin that holds the lower quantile, within 0.4 %; NaN if
        the histogram is empty.
        """
        bins = self.layout.magnitude if name.endswith("magnitude") else self.layout.ratio
        counts = self.counts[name].reshape(-1, bins.size).sum(0).numpy()
        total = counts.sum()
        if not total:
            return float("nan")
        rank = max(int(np.ceil(q * total)), 1)
        return float(bins.centres[np.searchsorted(counts.cumsum(), rank)])


Ensemble = Mapping[str, Sequence[SiteSketch]]
"""Per site the sketches of the members of an untrained ensemble."""
