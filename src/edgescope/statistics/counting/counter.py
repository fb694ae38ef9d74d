"""Counting the activations of one site, whatever device they are on.

There are two ways, which give the same counts: by loops on the CPU, and by operations of torch on
any other device, where the data stay. The second is also what the first is tested against.
"""

import math
import mmap
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.lib.errors import InputError
from edgescope.statistics.counting.edge_labels import EdgeLabels
from edgescope.statistics.ratio import EdgeTops, edge_ratios
from edgescope.statistics.sketch import SiteSketch
from edgescope.statistics.sketch_layout import GROUPS, SketchLayout

if TYPE_CHECKING:
    from edgescope.statistics.bins import LogBins


class SketchCounter:
    """Counts the activations of one site; the core of :class:`edgescope.MassiveActivations`.

    Args:
        layout: what to count.
        counts: counters to go on with, as :func:`counters` makes them; they are changed in
            place. By default they start at zero.
        maxima: likewise, the largest ratio and magnitude of each edge type ``[2, T]``, float32.
        device: where the counters are, if they start at zero.
    """

    def __init__(
        self,
        layout: SketchLayout,
        counts: Mapping[str, Tensor] | None = None,
        maxima: Tensor | None = None,
        device: torch.device | None = None,
    ) -> None:
        device = torch.device("cpu") if device is None else device
        if counts is None:
            counts = counters(layout, device)
        if maxima is None:
            maxima = torch.zeros(2, layout.edge_types, device=device)
        self.layout = layout
        self.counts = counts
        self.maxima = maxima

    def update(self, values: Tensor, labels: EdgeLabels) -> EdgeTops:
        """Add a batch of whole graphs to the counters.

        Args:
            values: activations ``[E, H, D]`` of any floating type; computed in float32.
            labels: type and graph of the edges.

        Returns:
            The medians and maxima of the edges.

        Raises:
            InputError: if the width is another one; nothing is added then.
        """
        layout, width = self.layout, values.shape[1:].numel()
        if width != layout.width:
            raise InputError(
                f"received {width} values per edge, expected {layout.heads} heads x "
                f"{layout.channels} channels = {layout.width}; use one sketch per site"
            )
        if not len(labels):
            return edge_ratios(values).tops
        if values.device.type != "cpu":
            return count_with_torch(layout, self.counts, self.maxima, values, labels)
        from edgescope.statistics.counting.cpu import count_on_cpu

        return count_on_cpu(layout, *self._arrays, values, labels)

    @cached_property
    def _arrays(self) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.float32]]:
        """The counters and the maxima, as arrays on the same memory."""
        counts = {name: counter.numpy() for name, counter in self.counts.items()}
        return counts, self.maxima.numpy()

    def sketch(self) -> SiteSketch:
        """Return the sketch of everything counted so far, on the CPU."""
        counts = {name: counter.cpu() for name, counter in self.counts.items()}
        return SiteSketch(self.layout, counts, self.maxima.cpu())


def counters(layout: SketchLayout, device: torch.device) -> dict[str, Tensor]:
    """Return counters of zeros by name, shaped as :meth:`SketchLayout.shapes` says, int64.

    In memory the channels of a joint histogram ``[T, F, C]`` stand side by side: the values of an
    edge lie in few bins, so that what is counted is close together.
    """
    found = {}
    for name, shape in layout.shapes().items():
        if name.startswith("joint_"):
            types, width, bins = shape
            found[name] = _zeros((types, bins, width), device).transpose(1, 2)
        else:
            found[name] = _zeros(shape, device)
    return found


def _zeros(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Return int64 zeros; on the CPU the pages of many take no memory until they are written.

    A site's counters take 12 MB, of which few pages are ever written.
    """
    if device.type != "cpu" or 8 * math.prod(shape) < mmap.PAGESIZE:
        return torch.zeros(shape, dtype=torch.int64, device=device)
    # A private mapping: pages of a shared one take memory as soon as they are read.
    pages = mmap.mmap(-1, 8 * math.prod(shape), access=mmap.ACCESS_COPY)
    return torch.frombuffer(pages, dtype=torch.int64).view(shape)


def count_with_torch(
    layout: SketchLayout,
    counts: Mapping[str, Tensor],
    maxima: Tensor,
    values: Tensor,
    labels: EdgeLabels,
) -> EdgeTops:
    """Do what :meth:`SketchCounter.update` says by operations of torch, where the data are."""
    ratios = edge_ratios(values)
    edge_type, graph = labels.edge_type, labels.graph
    _add(counts["edges"], edge_type)
    _add(counts["nonfinite"], edge_type[~ratios.finite])
    _add(counts["undefined"], edge_type[ratios.finite & ~ratios.defined])
    measures = {
        "ratio": (ratios.ratio, ratios.top_ratio, ratios.defined),
        "magnitude": (ratios.magnitude, ratios.top_magnitude, ratios.finite),
    }
    for row, (name, (values_of, top, kept)) in enumerate(measures.items()):
        kept_type, kept_graph = edge_type, graph
        if not bool(kept.all()):
            values_of, top = values_of[kept], top[kept]  # noqa: PLW2901  (only where it must be)
            kept_type, kept_graph = edge_type[kept], graph[kept]
        if not values_of.size(0):
            continue
        fine: LogBins = getattr(layout, name)
        joint: LogBins = getattr(layout, f"joint_{name}")
        coarse: LogBins = getattr(layout, f"coarse_{name}")
        _add(counts[name], fine.index(values_of).long())
        beyond = (ratios.ratio[kept] > layout.joint_floor).nonzero(as_tuple=True)
        of_joint = joint.index(values_of[beyond])
        cells = joint_cells(kept_type[beyond[0]], beyond[1], of_joint, joint.size, layout.width)
        _add(counts[f"joint_{name}"].transpose(1, 2), cells)
        _add(counts[f"edge_{name}"], fine.index(top) + kept_type * fine.size)
        _add(counts[f"group_{name}"], coarse.index(top) + kept_graph % GROUPS * coarse.size)
        _add(counts[f"graph_{name}"], fine.index(_maximum_by(kept_graph, top)).long())
        maxima[row].scatter_reduce_(0, kept_type, top, "amax")
    return ratios.tops


def joint_cells(
    edge_type: Tensor, channel: Tensor, number: Tensor, bins: int, width: int
) -> Tensor:
    """Return which cell of a joint histogram ``[T, C, F]``, flattened, each value is counted in.

    Args:
        edge_type: type of the edge of every value ``[n]``, int64, so that the numbers may exceed
            2^31.
        channel: channel of every value ``[n]``.
        number: bin of every value ``[n]``.
        bins: number of bins ``C``.
        width: number of channels ``F``.

    Returns:
        Cell numbers ``[n]``, int64.
    """
    return (edge_type * bins + number).mul_(width).add_(channel)


def _add(counter: Tensor, cells: Tensor) -> None:
    """Count every one of ``cells``, numbers into the flattened ``counter``."""
    cells = cells.flatten()
    one = torch.ones(1, dtype=counter.dtype, device=counter.device)
    counter.view(-1).scatter_add_(0, cells, one.expand(cells.size(0)))


def _maximum_by(graph: Tensor, largest: Tensor) -> Tensor:
    """Return the maximum over the edges of each graph that has any."""
    present, inverse = torch.unique(graph, return_inverse=True)
    return largest.new_zeros(present.size(0)).scatter_reduce(0, inverse, largest, "amax")
