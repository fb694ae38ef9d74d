"""The mergeable summary of one site: histograms and maxima of its activations."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.errors import InputError
from edgescope.statistics.bins import LogBins, finest_bits
from edgescope.statistics.criteria import PAPER_RATIO, SUN_MAGNITUDE
from edgescope.statistics.ratio import EdgeRatios

JOINT_BUDGET = 4 * 2**20
"""Bytes that each of a site's two joint histograms may take."""


@dataclass(frozen=True)
class SketchLayout:
    """What a sketch counts, and in which bins; two sketches merge if their layouts are equal.

    Attributes:
        heads: number of heads ``H``.
        channels: number of channels per head ``D``, at least 2.
        edge_types: number of edge types ``T``.
        joint_budget: bytes that each joint histogram over type x channel may take; the number
            of their bins ``C`` follows from it.
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
            ValueError: if not even the coarsest bins fit the budget.
        """
        if self.channels < 2:  # noqa: PLR2004  (a median needs something beside its maximum)
            raise InputError(
                f"a site with {self.channels} channel per head has no within-edge ratio; "
                "choose a site that holds a vector per edge and head"
            )
        self._joint_bits  # noqa: B018  (raises now rather than at the first batch)

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

    @property
    def width(self) -> int:
        """Number of values per edge, ``F = H * D``."""
        return self.heads * self.channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every counter; ``B`` fine bins, ``C`` joint bins."""
        types, width = self.edge_types, self.width
        shapes: dict[str, tuple[int, ...]] = {
            "edges": (types,),
            "nonfinite": (types,),
            "undefined": (types,),
        }
        for name in ("ratio", "magnitude"):
            joint: LogBins = getattr(self, f"joint_{name}")
            fine = getattr(self, name).size
            shapes[f"{name}"] = (fine,)
            shapes[f"edge_{name}"] = (types, fine)
            shapes[f"graph_{name}"] = (fine,)
            shapes[f"joint_{name}"] = (types, width, joint.size)
        return shapes


def sketch_update(
    layout: SketchLayout,
    counts: dict[str, Tensor],
    maxima: Tensor,
    ratios: EdgeRatios,
    edge_type: Tensor | None = None,
    graph: Tensor | None = None,
) -> None:
    """Add a batch of whole graphs to the counters, in place.

    In place because the joint histograms are much larger than what one batch adds to them.

    Args:
        layout: what to count.
        counts: counters shaped as :meth:`SketchLayout.shapes` says, int64.
        maxima: largest ratio and largest magnitude of each edge type ``[2, T]``, float32.
        ratios: the activations of ``E`` edges, ``F`` values each.
        edge_type: type of every edge ``[E]``, from 0 to ``T - 1``; without it all are type 0.
        graph: graph of every edge ``[E]``, non-negative; without it all are of one graph.

    Raises:
        InputError: if the widths differ or an edge type is out of range; nothing is added then.
    """
    size, width = ratios.magnitude.shape
    if width != layout.width:
        raise InputError(
            f"received {width} values per edge, expected {layout.heads} heads x "
            f"{layout.channels} channels = {layout.width}; use one sketch per site"
        )
    edge_type = _labels(edge_type, size, ratios.magnitude)
    graph = _labels(graph, size, ratios.magnitude)
    if not size:
        return
    if not 0 <= int(edge_type.min()) <= int(edge_type.max()) < layout.edge_types:
        raise InputError(
            f"received edge types from {int(edge_type.min())} to {int(edge_type.max())}, "
            f"expected 0 to {layout.edge_types - 1}; set the number of edge types accordingly"
        )
    _add(counts["edges"], edge_type)
    _add(counts["nonfinite"], edge_type[~ratios.finite])
    _add(counts["undefined"], edge_type[ratios.finite & ~ratios.defined])
    channel = torch.arange(width, device=edge_type.device)
    measures = {
        "ratio": (ratios.ratio, ratios.top_ratio, ratios.defined),
        "magnitude": (ratios.magnitude, ratios.top_magnitude, ratios.finite),
    }
    for row, (name, (values, top, kept)) in enumerate(measures.items()):
        kept_type, kept_graph = edge_type, graph
        if not bool(kept.all()):
            values, top = values[kept], top[kept]  # noqa: PLW2901  (copied only where it must be)
            kept_type, kept_graph = edge_type[kept], graph[kept]
        if not values.size(0):
            continue
        fine: LogBins = getattr(layout, name)
        joint: LogBins = getattr(layout, f"joint_{name}")
        _add(counts[name], fine.index(values).long())
        cell = (kept_type.unsqueeze(1) * width + channel) * joint.size
        _add(counts[f"joint_{name}"], cell.add_(joint.index(values)))
        _add(counts[f"edge_{name}"], fine.index(top) + kept_type * fine.size)
        _add(counts[f"graph_{name}"], fine.index(_maximum_by(kept_graph, top)).long())
        maxima[row].scatter_reduce_(0, kept_type, top, "amax")


def _add(counter: Tensor, cells: Tensor) -> None:
    """Count every one of ``cells``, numbers into the flattened ``counter``."""
    cells = cells.flatten()
    one = torch.ones(1, dtype=counter.dtype, device=counter.device)
    counter.view(-1).scatter_add_(0, cells, one.expand(cells.size(0)))


def _labels(labels: Tensor | None, size: int, like: Tensor) -> Tensor:
    if labels is None:
        return torch.zeros(size, dtype=torch.int64, device=like.device)
    if labels.shape != (size,):
        raise InputError(
            f"received labels of shape {list(labels.shape)} for {size} edges, expected [{size}]; "
            "give one label per edge"
        )
    return labels.to(torch.int64)


def _maximum_by(graph: Tensor, largest: Tensor) -> Tensor:
    """Return the maximum over the edges of each graph that has any."""
    present, inverse = torch.unique(graph, return_inverse=True)
    return largest.new_zeros(present.size(0)).scatter_reduce(0, inverse, largest, "amax")


class SiteSketch:
    """The summary of a site: what any threshold, histogram or fit is read from.

    It is not a dataclass, because torchmetrics would take one apart when a metric returns it.

    Attributes:
        layout: what was counted, and in which bins.
        counts: the counters, shaped as :meth:`SketchLayout.shapes` says, int64.
        maxima: exact largest ratio and magnitude of each edge type ``[2, T]``.
    """

    def __init__(self, layout: SketchLayout, counts: dict[str, Tensor], maxima: Tensor) -> None:
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

    def edges_over(self, threshold: float) -> tuple[NDArray[np.int64], float]:
        """Count the edges of each type with an activation whose ratio exceeds ``threshold``.

        Returns:
            The counts ``[T]`` and the threshold at which they are exact: the bin edge nearest
            to the one asked for, at most 0.4 % away (1000 and 4000 are bin edges).
        """
        number, exact = self.layout.ratio.edge_near(threshold)
        over: NDArray[np.int64] = self.counts["edge_ratio"][:, number:].sum(1).numpy()
        return over, exact

    def heat_map(
        self, threshold: float, edge_type: int | None = None
    ) -> tuple[NDArray[np.float64], float]:
        """Return the share of edges whose ratio exceeds ``threshold``, per head and channel.

        Args:
            threshold: the ratio asked for.
            edge_type: edges of this type only; without it, all edges.

        Returns:
            The shares ``[H, D]``, NaN if there are no such edges, and the threshold at which
            they are exact: the nearest edge of the joint histogram's bins.
        """
        number, exact = self.layout.joint_ratio.edge_near(threshold)
        over = self.counts["joint_ratio"][:, :, number:].sum(2).numpy()  # [T, F]
        edges = self.defined_edges()
        if edge_type is None:
            over, total = over.sum(0), edges.sum()
        else:
            over, total = over[edge_type], edges[edge_type]
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
