"""The mergeable summary of one site: histograms and maxima of its activations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.lib.errors import InputError
from edgescope.statistics.bins import LogBins, finest_bits

AXES = ("ratio", "magnitude")
"""What of an activation is counted."""

PAPER_RATIO = 1000.0
"""Ratio above which the published detection calls an activation massive (arXiv 2409.03463,
section 3; taken from Sun et al. 2024, not calibrated for graph networks)."""

SUN_MAGNITUDE = 100.0
"""Magnitude above which Sun et al. (arXiv 2402.17762, section 2) call an activation massive, if
its ratio is above 1000 as well."""

JOINT_BUDGET = 4 * 2**20
"""Bytes that each of a site's two joint histograms may take."""

GROUPS = 64
"""Number of groups that graphs are dealt into by their position in the data set, for resampling
graphs rather than edges, which depend on each other within a graph."""

COARSE_BITS = 3
"""Fraction bits of the bins that are kept for every group: at most 12.5 % wide."""


@dataclass(frozen=True)
class SketchLayout:
    """What a sketch counts, and in which bins; two sketches merge if their layouts are equal.

    Attributes:
        heads: number of heads ``H``.
        channels: number of channels per head ``D``, at least 2.
        edge_types: number of edge types ``T``.
        joint_budget: bytes that each joint histogram over type x channel may take; the number
            of their bins ``C`` follows from it.

    Example:
        >>> from edgescope.statistics import SketchLayout
        >>> layout = SketchLayout(heads=2, channels=4, edge_types=3)
        >>> layout == SketchLayout(heads=2, channels=4, edge_types=3)
        True
    """

    heads: int
    channels: int
    edge_types: int = 1
    joint_budget: int = JOINT_BUDGET

    def __post_init__(self) -> None:
        """Refuse a site that has no ratio, and a budget that is too small.

        Raises:
            InputError: if there is one channel per head: the ratio compares the channels of an
                edge, and needs several of them.
            InputError: if not even the coarsest bins fit the budget.
        """
        if self.channels < 2:  # noqa: PLR2004  (a median needs something beside its maximum)
            raise InputError(
                f"a site with {self.channels} channel per head has no within-edge ratio; "
                "choose a site that holds a vector per edge and head"
            )
        try:
            self._joint_bits  # noqa: B018  (raises now rather than at the first batch)
        except ValueError as error:
            raise InputError(
                f"{self.edge_types} edge types x {self.width} channels: {error}; pass "
                "joint_budget=, fewer edge types, or edge_type_names=() to count all edges alike"
            ) from error

    @cached_property
    def _joint_bits(self) -> int:
        return finest_bits(self.edge_types * self.width, self.joint_budget)

    @cached_property
    def ratio(self) -> LogBins:
        """Bins of the ratio, with the published threshold as an edge."""
        return LogBins(PAPER_RATIO)

    @cached_property
    def magnitude(self) -> LogBins:
        """Bins of the magnitude, with the threshold of Sun et al. as an edge."""
        return LogBins(SUN_MAGNITUDE)

    @cached_property
    def joint_ratio(self) -> LogBins:
        """Bins of the ratio in the joint histogram, as fine as the budget allows."""
        return LogBins(PAPER_RATIO, self._joint_bits)

    @cached_property
    def joint_magnitude(self) -> LogBins:
        """Bins of the magnitude in the joint histogram, as fine as the budget allows."""
        return LogBins(SUN_MAGNITUDE, self._joint_bits)

    @cached_property
    def coarse_ratio(self) -> LogBins:
        """Bins of the ratio in the histograms of the groups of graphs."""
        return LogBins(PAPER_RATIO, COARSE_BITS)

    @cached_property
    def coarse_magnitude(self) -> LogBins:
        """Bins of the magnitude in the histograms of the groups of graphs."""
        return LogBins(SUN_MAGNITUDE, COARSE_BITS)

    @property
    def width(self) -> int:
        """Number of values per edge, ``F = H * D``."""
        return self.heads * self.channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every counter.

        For ``ratio`` and likewise ``magnitude``, with ``B`` fine, ``C`` joint and ``K`` coarse
        bins:

        - ``ratio`` ``[B]``: every value;
        - ``joint_ratio`` ``[T, F, C]``: every value, by type of its edge and channel;
        - ``edge_ratio`` ``[T, B]``: the largest of every edge, by its type;
        - ``group_ratio`` ``[GROUPS, K]``: the largest of every edge, by group of its graph;
        - ``graph_ratio`` ``[B]``: the largest of every graph.

        Ratios are those of edges with a defined one, magnitudes those of finite edges.
        """
        return self._shapes

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        types, width = self.edge_types, self.width
        shapes: dict[str, tuple[int, ...]] = {
            "edges": (types,),
            "nonfinite": (types,),
            "undefined": (types,),
        }
        for name in AXES:
            joint: LogBins = getattr(self, f"joint_{name}")
            fine = getattr(self, name).size
            shapes[f"{name}"] = (fine,)
            shapes[f"edge_{name}"] = (types, fine)
            shapes[f"graph_{name}"] = (fine,)
            shapes[f"group_{name}"] = (GROUPS, getattr(self, f"coarse_{name}").size)
            shapes[f"joint_{name}"] = (types, width, joint.size)
        return shapes


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
                "same number of edge types and the same joint budget"
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

        Args:
            threshold: the ratio, or the magnitude, asked for.
            edge_type: edges of this type only, or of these types; without it, all edges.
            axis: ``"ratio"`` or ``"magnitude"``.

        Returns:
            The shares ``[H, D]``, NaN if there are no such edges, and the threshold at which
            they are exact: the nearest edge of the joint histogram's bins.
        """
        bins: LogBins = getattr(self.layout, f"joint_{axis}")
        number, exact = bins.edge_near(threshold)
        over = self.counts[f"joint_{axis}"][:, :, number:].sum(2).numpy()  # [T, F]
        edges = self.counted_edges(axis)
        if edge_type is None:
            edge_type = range(self.layout.edge_types)
        types = [edge_type] if isinstance(edge_type, int) else list(edge_type)
        over, total = over[types].sum(0), edges[types].sum()
        share = over / total if total else np.full(over.shape, np.nan)
        return share.reshape(self.layout.heads, self.layout.channels), exact

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
