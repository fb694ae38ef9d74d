"""The nodes and edges around some massive edges of a graph: what a picture of it draws."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import is_graph

EDGES = 12
"""Massive edges that are drawn, the most massive ones."""

NODES = 36
"""Nodes that are drawn; ends of massive edges come first, then what is nearest to them."""

Row = dict[str, Any]


class Neighbourhood(NamedTuple):
    """Nodes by their position, and edges between these positions."""

    labels: list[str]
    """What stands on every node."""
    edges: list[tuple[int, int]]
    """Source and target of every edge that is drawn."""
    massive: list[tuple[int, int]]
    """Source and target of every massive row, in their order."""
    nodes: int
    """How many nodes the graph has, as far as is known."""


def neighbourhood(
    rows: Sequence[Row], edge_index: NDArray[np.int64] | None, names: Sequence[tuple[str, str]]
) -> Neighbourhood:
    """Return the ends of massive edges and, if all edges are known, what is around them.

    Args:
        rows: massive rows with ``source`` and ``target``, the most massive first.
        edge_index: all edges of the graph ``[2, E]``, source first; None if they are not known.
        names: what stands before the numbers of source and target of every row.
    """
    ends = [
        (f"{first}{row['source']}", f"{second}{row['target']}")
        for row, (first, second) in zip(rows, names, strict=True)
    ]
    place: dict[str, int] = {}
    for end in [end for pair in ends for end in pair]:
        place.setdefault(end, len(place))
    total = len(place)
    massive = [(place[source], place[target]) for source, target in ends]
    edges = list(massive)
    if edge_index is not None and edge_index.size:
        total = max(total, int(edge_index.max()) + 1)
        _grow(place, edge_index)
        known = np.full(total, -1)
        for label, number in place.items():
            known[int(label)] = number
        source, target = known[edge_index]
        kept = (source >= 0) & (target >= 0)
        edges += list(zip(source[kept].tolist(), target[kept].tolist(), strict=True))
    return Neighbourhood(list(place), edges, massive, total)


def _grow(place: dict[str, int], edge_index: NDArray[np.int64]) -> None:
    """Add the nodes that are nearest to those that have a place, up to the number drawn."""
    held = np.zeros(int(edge_index.max()) + 1, dtype=bool)
    while len(place) < NODES:
        held[[int(label) for label in place]] = True
        source, target = edge_index
        near = np.concatenate([target[held[source]], source[held[target]]])
        new = list(dict.fromkeys(near[~held[near]].tolist()))
        if not new:
            return
        for node in new[: NODES - len(place)]:
            place[str(node)] = len(place)


def own_edges(data: Any, graph: int, rows: Iterable[Row]) -> NDArray[np.int64]:  # noqa: ANN401
    """Return the edges ``[2, E]`` of one graph of a user's data, source first.

    Args:
        data: the graph, or what holds it at its number.
        graph: the number.
        rows: massive rows of it, which must run along its edges.

    Raises:
        InputError: if there is no such graph, it has no ``edge_index``, or other edges.
    """
    try:
        one = data if is_graph(data) else data[graph]
        found = one.edge_index
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise InputError(
            f"received data={type(data).__name__} without an edge_index of graph {graph}, expected "
            "that graph, or the graphs that were scanned in their order"
        ) from error
    edge_index: NDArray[np.int64] = found.cpu().numpy()
    turned = False
    for row in rows:
        if row["edge"] < 0 or row["source"] == row["target"]:
            continue
        ends = (row["source"], row["target"])
        given = edge_index[:, row["edge"]].tolist() if row["edge"] < edge_index.shape[1] else []
        turned = turned or given == [*reversed(ends)]
        if sorted(given) != sorted(ends):
            raise InputError(
                f"received data whose graph {graph} has no edge {row['edge']} between nodes "
                f"{ends[0]} and {ends[1]}, as the scan has; pass the graphs that were scanned"
            )
    return edge_index[::-1] if turned else edge_index
