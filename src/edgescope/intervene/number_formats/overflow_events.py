"""Where a number first leaves the range of a format: predicted from float32, and observed."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgescope.capturing import EdgeIdentity


class Spot(NamedTuple):
    """A number among what is computed on a batch."""

    place: str
    """Name of a site, or of a module's output."""
    batch: int
    order: int
    """How many places were computed before in the same batch."""
    row: int
    """Its row; an edge, or a node, at a site."""
    channel: int
    """Its number within the row, flattened."""
    graph: int | None = None
    """Position in the data set; of a site."""
    edge: int | None = None
    """Position of the edge in its graph, -1 if it was added; the node at a site of node states."""
    source: int | None = None
    """Nodes of its graph."""
    target: int | None = None
    site: str | None = None
    """The site that says which edge it is."""

    @property
    def at(self) -> tuple[str, int, int]:
        """Place, batch and row."""
        return self.place, self.batch, self.row


def spot_of(
    place: str, batch: int, order: int, index: int, values: Tensor, identity: EdgeIdentity | None
) -> Spot:
    """Return a number by its position.

    Args:
        place: where it was computed.
        batch: number of the batch.
        order: number of the place within the batch.
        index: position in ``values``, flattened.
        values: everything that was computed there ``[N, ...]``.
        identity: what the rows are, of a site; with ``graph`` as the position in the data set.
    """
    width = values[0].numel() if values.dim() and len(values) else 1
    row, channel = divmod(index, width)
    found = Spot(place, batch, order, row, channel)
    if identity is None:
        return found
    parts: dict[str, Any] = {
        "site": place,
        "graph": int(identity.graph[row]),
        "edge": int(identity.input_edge[row]),
        "source": int(identity.own_source[row]),
        "target": int(identity.own_target[row]),
    }
    return found._replace(**parts)


def first_of(spots: Iterable[Spot]) -> Spot | None:
    """Return the first of some spots, and the edge that it is on if a site says so.

    A module inside the layer of a site, such as the one that computes its scores, returns before
    the site is known. If the site leaves the range in the same batch, its edge is the module's.
    """
    every = sorted(spots, key=lambda spot: (spot.batch, spot.order))
    if not every:
        return None
    first = every[0]
    if first.site is not None:
        return first
    for spot in every:
        if spot.site is None or spot.batch != first.batch:
            continue
        layer = spot.site.rpartition(":")[0].partition("@")[0]
        if not layer or first.place == layer or first.place.startswith(f"{layer}."):
            of = spot._asdict()
            names = ("graph", "edge", "source", "target", "site")
            return first._replace(**{name: of[name] for name in names})
    return first


def nonfinite_rows(values: Tensor) -> Tensor:
    """Return which rows hold a number that is not finite ``[N]``, bool, on the CPU."""
    rows = values.reshape(len(values), -1) if values.dim() else values.reshape(1, 1)
    return ~torch.isfinite(rows).all(1).cpu()
