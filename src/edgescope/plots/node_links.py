"""A few nodes and their edges, drawn: where nodes stand, and arrows from source to target."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgescope.lib.optional import require
from edgescope.lib.visible_text import visible
from edgescope.plots.svg import INK, figure, render, settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Colour = tuple[float, float, float]
Ends = tuple[int, int]

_STEPS = 120
"""Steps towards a layout; further ones move nodes of graphs of this size by less than a hair."""

_APART = 0.9
"""Lengths of an edge between parts of a graph that no edge joins."""

_SHAPE = 1.6
"""How wide the parts may stand together, in square roots of the number of nodes."""

_GREY, _PALE = "#9A9AA2", "#F1F1F4"


def layout(nodes: int, edges: ArrayLike) -> NDArray[np.float64]:
    """Return where nodes stand ``[V, 2]``, so that distances resemble those along edges.

    Each connected part minimises the stress of Kamada and Kawai (Inf. Process. Lett. 31, 1989),
    whose weights are the inverse squares of the distances, by majorisation (Gansner, Koren and
    North, GD 2004), from classical scaling on; parts stand side by side, the largest first. The
    same graph gives the same layout.

    Args:
        nodes: how many there are.
        edges: their edges ``[2, E]``, in whichever direction.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components, shortest_path

    source, target = np.asarray(edges, dtype=int).reshape(2, -1)
    joined = coo_array((np.ones(len(source)), (source, target)), shape=(nodes, nodes)).tocsr()
    far = shortest_path(joined, directed=False, unweighted=True)
    _, part = connected_components(joined, directed=False)
    place = np.zeros((nodes, 2))
    members = [np.flatnonzero(part == number) for number in range(part.max(initial=-1) + 1)]
    members.sort(key=len, reverse=True)
    corner, height, wide = np.zeros(2), 0.0, 0.0
    for own in members:
        found = _stressed(far[np.ix_(own, own)])
        size = np.ptp(found, axis=0) + _APART
        wide = wide or max(size[0], _SHAPE * np.sqrt(nodes))
        if corner[0] and corner[0] + size[0] > wide:
            corner, height = np.array([0.0, corner[1] + height]), 0.0
        place[own] = found - found.min(0) + corner
        corner[0] += size[0]
        height = max(height, size[1])
    return place


def _stressed(far: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the layout of one connected part from the distances along its edges ``[V, V]``."""
    place = _scaled(far) + np.random.default_rng(0).normal(scale=1e-3, size=(len(far), 2))
    weight = np.divide(1, far**2, out=np.zeros_like(far), where=far > 0)
    inverse = np.linalg.pinv(np.diag(weight.sum(1)) - weight)
    for _ in range(_STEPS):
        apart = np.linalg.norm(place[:, None] - place[None], axis=-1)
        pull = -np.divide(weight * far, apart, out=np.zeros_like(far), where=apart > 0)
        pull -= np.diag(pull.sum(1))
        place = inverse @ pull @ place
    _, direction = np.linalg.eigh(np.cov(place.T) if len(place) > 1 else np.eye(2))
    turned: NDArray[np.float64] = (place - place.mean(0)) @ direction[:, ::-1]
    return turned


def _scaled(far: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return classical scaling of distances ``[V, 2]``."""
    square = far**2
    centred = square - square.mean(0) - square.mean(1)[:, None] + square.mean()
    size, direction = np.linalg.eigh(-centred / 2)
    found = np.zeros((len(far), 2))
    kept = min(2, len(far))
    found[:, :kept] = direction[:, ::-1][:, :kept] * np.sqrt(np.maximum(size[::-1][:kept], 0))
    return found


def draw_node_links(
    labels: Sequence[str],
    edges: Sequence[Ends],
    coloured: Mapping[Ends, Colour],
    name: str,
    title: str,
    nodes: Mapping[int, Colour] | None = None,
) -> str:
    """Draw nodes and their edges as SVG, some of them coloured.

    An arrow points from the source of an edge to its target. Edges in both directions between two
    nodes are one line without a head, unless one of them is coloured.

    Args:
        labels: what stands on every node.
        edges: source and target of every edge, by the position of their labels.
        coloured: source and target of edges to their colour.
        name: prefix of the drawing's ids.
        title: what it shows, for those who cannot see it.
        nodes: colours of nodes.
    """
    plain = sorted({edge for edge in edges if edge not in coloured})
    every = [*plain, *coloured]
    place = layout(len(labels), np.array(every, dtype=int).reshape(-1, 2).T)
    with settings():
        drawn = figure(7.0, 4.6, (0.15, 0.15, 0.15, 0.15))
        axes = drawn.subplots()
        axes.set_axis_off()
        axes.set_aspect("equal", adjustable="datalim")
        both = set(plain)
        for source, target in plain:
            if (target, source) in both and source > target:
                continue
            head = (target, source) not in both
            _arrow(axes, place, (source, target), color=_GREY, linewidth=0.9, head=head)
        for edge, colour in coloured.items():
            _arrow(axes, place, edge, color=colour, linewidth=3.0, head=True)
        ends = {end for edge in coloured for end in edge}
        for number, label in enumerate(labels):
            strong = number in ends or number in (nodes or {})
            box = {
                "boxstyle": "round,pad=0.25",
                "facecolor": (nodes or {}).get(number, "white" if strong else _PALE),
                "edgecolor": INK if strong else _GREY,
            }
            x, y = map(float, place[number])
            axes.text(x, y, visible(label), ha="center", va="center", fontsize=8, bbox=box)
        axes.update_datalim(place)
        axes.margins(0.12)
        axes.autoscale_view()
        return render(drawn, name, title)


def _arrow(
    axes: "Axes", place: NDArray[np.float64], edge: Ends, *, head: bool, **style: Any
) -> None:
    patches = require("matplotlib.patches", "report")
    start, end = place[edge[0]], place[edge[1]]
    if edge[0] == edge[1]:
        ring = patches.Circle((start[0], start[1] + 0.22), 0.2, fill=False, **style)
        axes.add_patch(ring)
        return
    shape = patches.FancyArrowPatch(
        tuple(start),
        tuple(end),
        arrowstyle="-|>" if head else "-",
        mutation_scale=9 + 2 * style["linewidth"],
        connectionstyle="arc3,rad=0.13" if head else "arc3",
        shrinkA=9,
        shrinkB=9,
        **style,
    )
    axes.add_patch(shape)
