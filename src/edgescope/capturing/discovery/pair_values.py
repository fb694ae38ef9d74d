"""How the values of dense attention are had from a trace, pair by pair."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.dimensions import Dims
from edgescope.capturing.discovery.recipes import Scale, scaled
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.pair_grid import PairPlaces


class UnknownSize(Exception):  # noqa: N818  (no error: the stage is left out)
    """A dimension is made of several parts whose sizes change with the batch."""


Part = str
"""What an atom is: ``graph``, ``query``, ``key``, ``node``, ``row``, ``place``, ``head`` or
``channel``."""


class Arrangement(NamedTuple):
    """How a tensor is brought into an order of parts, whatever the sizes of a batch."""

    dims: tuple[tuple[tuple[int, int | None], ...], ...]
    """For every dimension its atoms: a number for each, and its size if no batch changes it."""
    order: tuple[tuple[int, ...], ...]
    """Places of the atoms of each part, in the order wanted."""

    def arrange(self, tensor: Tensor) -> Tensor:
        """Return the numbers with one dimension per part, of size 1 where there is none."""
        sizes: dict[int, int] = {}
        for again in (False, True):
            for dim, size in zip(self.dims, tensor.shape, strict=True):
                open_ = [n for n, own in dim if own is None and n not in sizes]
                if len(open_) == 1 or (again and open_):
                    held = 1
                    for n, own in dim:
                        held *= own if own is not None else sizes.get(n, 1)
                    sizes[open_[0]] = size // max(held, 1)
        if any(own is None and n not in sizes for dim in self.dims for n, own in dim):
            raise UnknownSize
        flat = [own if own is not None else sizes[n] for dim in self.dims for n, own in dim]
        parts = tensor.reshape(flat).permute([n for part in self.order for n in part])
        shape: list[int] = []
        at = 0
        for part in self.order:
            shape.append(parts.shape[at : at + len(part)].numel())
            at += len(part)
        return parts.reshape(shape)


def arrangement(
    flow: Flow, dims: Dims, parts: Sequence[Part], order: Sequence[Part]
) -> Arrangement:
    """Return how a tensor of these dimensions is brought into an order.

    Args:
        flow: the trace.
        dims: what the dimensions stand for.
        parts: what every atom is, in the order of the dimensions.
        order: the parts wanted.
    """
    roots = [[flow.axes.root(atom) for atom in dim] for dim in dims]
    fixed = {root for dim in roots for root in dim if root in flow.features}
    described = tuple(
        tuple((root, flow.axes.size((root,)) if root in fixed else None) for root in dim)
        for dim in roots
    )
    places = tuple(tuple(n for n, each in enumerate(parts) if each == part) for part in order)
    return Arrangement(described, places)


class PairRecipe(Protocol):
    """Computes the values of a stage for some pairs."""

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, H, D]``."""


class OfPairs(NamedTuple):
    """What was computed for every pair of places."""

    number: int
    arrangement: Arrangement

    def grid(self, trace: Trace) -> Tensor:
        """Return the values ``[G, H, Q, K]``."""
        return self.arrangement.arrange(trace.values[self.number].now)

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, H, 1]``."""
        grid = self.grid(trace)
        graph = places.graph if grid.size(0) > 1 else torch.zeros_like(places.graph)
        return grid[graph, :, places.query, places.key].unsqueeze(-1)


class OfNodes(NamedTuple):
    """What was computed for every place, and is looked up at one end of each pair."""

    number: int
    arrangement: Arrangement

    def at(self, trace: Trace, graph: Tensor, place: Tensor) -> Tensor:
        """Return the values of some places ``[P, H, D]``."""
        nodes = self.arrangement.arrange(trace.values[self.number].now)  # [G, H, N, D]
        return nodes[graph if nodes.size(0) > 1 else torch.zeros_like(graph), :, place]


class Products(NamedTuple):
    """The products of queries and keys whose sum over channels is the logit, or its part."""

    query: OfNodes
    key: OfNodes
    scale: Scale
    limited: bool
    """Whether their sum is limited before it enters the logit."""

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, H, D]``."""
        query = self.query.at(trace, places.graph, places.query)
        products = query * self.key.at(trace, places.graph, places.key)
        return scaled(products, self.scale, trace)


class Channels(NamedTuple):
    """What was computed for every pair of places and channel, and is summed into the logit."""

    number: int
    arrangement: Arrangement
    scale: Scale
    limited: bool
    """Whether the sum is limited before it enters the logit."""

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, H, D]``."""
        grid = self.arrangement.arrange(trace.values[self.number].now)  # [G, H, Q, K, D]
        graph = places.graph if grid.size(0) > 1 else torch.zeros_like(places.graph)
        return scaled(grid[graph, :, places.query, places.key], self.scale, trace)


class Weighted(NamedTuple):
    """The values of the nodes that are attended to, by their weights."""

    weight: PairRecipe
    value: OfNodes

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, H, D]``."""
        return self.weight(trace, places) * self.value.at(trace, places.graph, places.key)


class AsChannels(NamedTuple):
    """What has a number for every channel, each with a softmax of its own, as one head."""

    inner: PairRecipe

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, 1, D]``."""
        return self.inner(trace, places).transpose(1, 2)


class Summed(NamedTuple):
    """What is summed over channels, with what is added to the sum."""

    inner: PairRecipe
    added: OfPairs | None = None

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, H, 1]``."""
        values = self.inner(trace, places).sum(-1, keepdim=True)
        return values if self.added is None else values + self.added(trace, places)
