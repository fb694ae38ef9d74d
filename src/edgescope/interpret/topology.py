"""Where a link lies in its graph: degrees, betweenness, distance to an articulation point.

All graphs of a data set are gone through at once, as one disconnected graph.
"""

import numpy as np
from numpy.typing import NDArray

from edgescope._progress import track
from edgescope.interpret.simple import Ints, SimpleGraphs

Array = NDArray[np.float64]


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
