r"""Where a link lies in its graph: degrees, betweenness, bridges, curvature.

Balanced Forman curvature of the edges of a graph (Topping et al., arXiv 2111.14522, def. 1).

For a link :math:`i \sim j` of a simple graph with degrees :math:`d_i, d_j`, it is 0 if one of them
is 1, and otherwise

.. math::
    \frac{2}{d_i} + \frac{2}{d_j} - 2
    + 2 \frac{|\triangle|}{\max(d_i, d_j)} + \frac{|\triangle|}{\min(d_i, d_j)}
    + \frac{|\square^i| + |\square^j|}{\gamma \max(d_i, d_j)}

with :math:`\triangle` the common neighbours of both, :math:`\square^i` the neighbours of
:math:`i` that lie on a 4-cycle over the link without diagonals, and :math:`\gamma` the largest
number of these cycles through one node of :math:`\square^i` or :math:`\square^j`; the last term is
0 if there is none.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from edgescope.data.edges.directions import batched_edges
from edgescope.data.flat_groups import ragged
from edgescope.lib.progress import track

if TYPE_CHECKING:
    from edgescope.data.graphs import GraphDataset


Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SimpleGraphs:
    """All graphs of a data set as one disconnected simple graph of ``V`` nodes and ``M`` links.

    A link is a pair of different nodes with at least one directed edge between them, either way.

    Attributes:
        node_ptr: graph ``i`` has the nodes ``node_ptr[i]:node_ptr[i + 1]``, ``[N + 1]``.
        ends: the two nodes of every link ``[2, M]``, the smaller one first, in rising order.
        link: link of every directed edge of the data set ``[E]``; -1 for a self-loop.
    """

    node_ptr: Ints
    ends: Ints
    link: Ints

    @classmethod
    def of(cls, dataset: "GraphDataset") -> "SimpleGraphs":
        """Take the simple graphs of a data set."""
        pair = batched_edges(dataset).numpy()
        nodes = len(dataset.x)
        low, high = pair.min(axis=0), pair.max(axis=0)
        loop = low == high
        keys, place = np.unique((low * nodes + high)[~loop], return_inverse=True)
        link = np.full(len(loop), -1)
        link[~loop] = place
        ends = np.stack([keys // max(nodes, 1), keys % max(nodes, 1)])
        return cls(dataset.node_ptr.numpy(), ends, link)

    @property
    def num_nodes(self) -> int:
        """Number of nodes ``V``."""
        return int(self.node_ptr[-1])

    @property
    def num_links(self) -> int:
        """Number of links ``M``."""
        return len(self.ends[0])

    @cached_property
    def degree(self) -> Ints:
        """Number of different neighbours of every node ``[V]``."""
        return np.bincount(self.ends.ravel(), minlength=self.num_nodes)

    @cached_property
    def arcs(self) -> Ints:
        """Both directions of every link ``[2, 2M]``, sorted by source and then target."""
        both = np.concatenate([self.ends, self.ends[::-1]], axis=1)
        return both[:, np.lexsort(both[::-1])]

    @cached_property
    def arc_ptr(self) -> Ints:
        """The neighbours of node ``v`` are ``arcs[1, arc_ptr[v]:arc_ptr[v + 1]]``, ``[V + 1]``."""
        return np.concatenate([[0], self.degree.cumsum()]).astype(np.int64)

    def neighbours(self, nodes: Ints) -> tuple[Ints, Ints]:
        """Return the neighbours of every one of ``nodes``, and which of them they belong to."""
        member, ptr = ragged(torch.from_numpy(self.arc_ptr), torch.from_numpy(nodes))
        owner = np.repeat(np.arange(len(nodes)), ptr.diff().numpy())
        return self.arcs[1, member.numpy()], owner

    def linked(self, first: Ints, second: Ints) -> NDArray[np.bool_]:
        """Say for pairs of nodes whether there is a link between them."""
        keys = self.arcs[0] * self.num_nodes + self.arcs[1]
        wanted = first * self.num_nodes + second
        place = np.searchsorted(keys, wanted)
        found: NDArray[np.bool_] = np.append(keys, -1)[place] == wanted
        return found

    def on_edges(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value of every directed edge's link ``[E]``; NaN for self-loops."""
        return np.append(values, np.nan)[self.link]


Array = NDArray[np.float64]

BLOCK = 2**21
"""Pairs of neighbours that are looked at together."""


def balanced_forman(graphs: SimpleGraphs, *, progress: bool = True) -> Array:
    """Return the balanced Forman curvature of every link ``[M]``."""
    degree = graphs.degree[graphs.ends]
    work = (degree[0] * degree[1]).cumsum()
    blocks = np.split(
        np.arange(graphs.num_links),
        np.searchsorted(work, np.arange(BLOCK, work[-1] if len(work) else 0, BLOCK)),
    )
    parts = track(blocks, "measuring curvature", len(blocks), progress)
    return np.concatenate([_of_links(graphs, links) for links in parts])


def _of_links(graphs: SimpleGraphs, links: Ints) -> Array:
    """Return the curvature of some links."""
    first, second = graphs.ends[:, links]
    degrees = graphs.degree[graphs.ends[:, links]]
    high, low = degrees.max(axis=0), degrees.min(axis=0)

    near, of_near = graphs.neighbours(first)  # k, by its link
    common = graphs.linked(near, second[of_near])
    triangles = np.bincount(of_near[common], minlength=len(links))
    own = ~common & (near != second[of_near])
    near, of_near = near[own], of_near[own]

    far, place = graphs.neighbours(second[of_near])  # w, by its k
    owner = of_near[place]
    square = far != first[owner]
    square &= ~graphs.linked(far, first[owner])
    square &= graphs.linked(far, near[place])
    owner, k, w = owner[square], near[place][square], far[square]
    corners = np.zeros(len(links), dtype=np.int64)
    most = np.zeros(len(links), dtype=np.int64)
    for corner in (k, w):
        keys, cycles = np.unique(owner * graphs.num_nodes + corner, return_counts=True)
        link = keys // max(graphs.num_nodes, 1)
        corners += np.bincount(link, minlength=len(links))
        np.maximum.at(most, link, cycles)
    curvature = 2 / degrees[0] + 2 / degrees[1] - 2
    curvature += 2 * triangles / high + triangles / low
    curvature += corners / (np.maximum(most, 1) * high)
    return np.where(low == 1, 0.0, curvature)


def degree_product(graphs: SimpleGraphs) -> Array:
    """Return the product of the degrees of the two ends of every link ``[M]``."""
    product: Array = graphs.degree[graphs.ends].prod(axis=0).astype(np.float64)
    return product


def betweenness(graphs: SimpleGraphs, *, progress: bool = True) -> Array:
    """Return the betweenness of every link ``[M]``.

    The share of the shortest paths between two nodes that run over the link, averaged over all
    pairs of nodes of its graph: Brandes, Social Networks 30, 2008, section 3.6 (edge betweenness),
    divided by the number of pairs as in Girvan and Newman's use of it. Paths are counted from one
    node of every graph at a time (Brandes' accumulation, J. Math. Sociol. 25, 2001).
    """
    source, target = graphs.arcs
    low, high = np.minimum(source, target), np.maximum(source, target)
    link = np.searchsorted(
        graphs.ends[0] * graphs.num_nodes + graphs.ends[1], low * graphs.num_nodes + high
    )
    sizes = np.diff(graphs.node_ptr)
    total = np.zeros(graphs.num_links)
    rounds = range(int(sizes.max(initial=0)))
    for number in track(rounds, "measuring betweenness", len(rounds), progress):
        starts = graphs.node_ptr[:-1][sizes > number] + number
        total += _dependencies(graphs, starts, source, target, link)
    graph = np.searchsorted(graphs.node_ptr, graphs.ends[0], side="right") - 1
    nodes = sizes[graph].astype(np.float64)
    share: Array = total / (nodes * (nodes - 1))
    return share


def _dependencies(
    graphs: SimpleGraphs, starts: Ints, source: Ints, target: Ints, link: Ints
) -> Array:
    """Return by how much shortest paths from ``starts``, one per graph, use each link ``[M]``."""
    depth = np.full(graphs.num_nodes, -1)
    depth[starts] = 0
    paths = np.zeros(graphs.num_nodes)
    paths[starts] = 1
    level, steps = 0, []
    while True:
        step = np.flatnonzero((depth[source] == level) & (depth[target] < 0))
        if not len(step):
            break
        level += 1
        depth[target[step]] = level
        paths += np.bincount(target[step], paths[source[step]], graphs.num_nodes)
        steps.append(step)
    dependency = np.zeros(graphs.num_nodes)
    used = np.zeros(graphs.num_links)
    for step in reversed(steps):
        near, far = source[step], target[step]
        flow = paths[near] / paths[far] * (1 + dependency[far])
        dependency += np.bincount(near, flow, graphs.num_nodes)
        used += np.bincount(link[step], flow, graphs.num_links)
    return used


def articulation_distance(graphs: SimpleGraphs) -> Array:
    """Return how far the nearer end of every link is from an articulation point ``[M]``.

    0 means that an end is one: a node without which its component would fall apart. NaN where
    the component has none.
    """
    distance = np.full(graphs.num_nodes, np.inf)
    front, steps = articulation_points(graphs), 0
    while len(front):
        distance[front] = steps
        steps += 1
        front = np.unique(graphs.neighbours(front)[0])
        front = front[np.isinf(distance[front])]
    nearer = distance[graphs.ends].min(axis=0)
    return np.where(np.isinf(nearer), np.nan, nearer)


def articulation_points(graphs: SimpleGraphs) -> Ints:
    """Return the articulation points, rising (Hopcroft and Tarjan, Commun. ACM 16, 1973)."""
    neighbours, ptr = graphs.arcs[1].tolist(), graphs.arc_ptr.tolist()
    order, parent = _depth_first(neighbours, ptr)
    entered = [0] * len(order)
    for place, node in enumerate(order):
        entered[node] = place
    lowest = entered.copy()  # the earliest node that a branch reaches beside its own way up
    branches = [0] * len(order)  # those that reach nothing before the node they start from
    for node in reversed(order):
        for other in neighbours[ptr[node] : ptr[node + 1]]:
            if other != parent[node]:
                below = lowest[other] if parent[other] == node else entered[other]
                lowest[node] = min(lowest[node], below)
                branches[node] += parent[other] == node and below >= entered[node]
    needed = (1 + (above < 0) for above in parent)  # a root has nothing above it to be cut off
    found = [node for node, least in enumerate(needed) if branches[node] >= least]
    return np.array(found, dtype=np.int64)


def _depth_first(neighbours: list[int], ptr: list[int]) -> tuple[list[int], list[int]]:
    """Go through all nodes depth first; return their order and whom each was reached from."""
    nodes = len(ptr) - 1
    following, parent, seen = ptr[:-1].copy(), [-1] * nodes, [False] * nodes
    order: list[int] = []
    for root in range(nodes):
        path = [] if seen[root] else [root]
        while path:
            node = path[-1]
            if not seen[node]:
                seen[node] = True
                order.append(node)
            if following[node] == ptr[node + 1]:
                path.pop()
                continue
            other = neighbours[following[node]]
            following[node] += 1
            if not seen[other]:
                parent[other] = node
                path.append(other)
    return order, parent
