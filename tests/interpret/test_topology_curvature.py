"""Balanced Forman curvature, against its definition written out with sets."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.interpret import topology as curvature
from edgescope.interpret.topology import SimpleGraphs, balanced_forman
from support.graph_sets import both_ways, dataset_of, random_multigraph, simple


def brute_force(graph, i, j):
    """Definition 1 of arXiv 2111.14522, literally."""
    near = {v: set(graph[v]) for v in graph}
    d_i, d_j = len(near[i]), len(near[j])
    if min(d_i, d_j) == 1:
        return 0.0
    triangles = near[i] & near[j]

    def squares(a, b):
        """Return, for every neighbour of a on a 4-cycle without diagonals, the cycles."""
        corners = near[a] - near[b] - {b}
        cycles = {k: (near[k] & near[b]) - near[a] - {a} for k in corners}
        return {k: len(ends) for k, ends in cycles.items() if ends}

    at_i, at_j = squares(i, j), squares(j, i)
    result = 2 / d_i + 2 / d_j - 2
    result += 2 * len(triangles) / max(d_i, d_j) + len(triangles) / min(d_i, d_j)
    if at_i:
        gamma = max([*at_i.values(), *at_j.values()])
        result += (len(at_i) + len(at_j)) / (gamma * max(d_i, d_j))
    return result


def of(graphs):
    """Return the curvature of every directed edge of a data set."""
    made = SimpleGraphs.of(dataset_of(graphs))
    return made.on_edges(balanced_forman(made, progress=False))


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    density=st.floats(0.2, 4),
)
def test_curvature_is_the_definition_on_random_graphs(seed, sizes, density):
    random = np.random.default_rng(seed)
    graphs = [random_multigraph(random, size, int(density * size)) for size in sizes]
    expected = [
        np.nan if u == v else brute_force(simple(graph), u, v)
        for graph in graphs
        for u, v in graph[1]
    ]
    np.testing.assert_allclose(of(graphs), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (nx.cycle_graph(3), 3 / 2),
        (nx.cycle_graph(4), 1),
        (nx.cycle_graph(5), 0),
        (nx.cycle_graph(9), 0),
        (nx.complete_graph(6), 6 / 5),
        (nx.grid_2d_graph(5, 5, periodic=True), 0),
    ],
    ids=["C3", "C4", "C5", "C9", "K6", "grid"],
)
def test_known_graphs_have_the_curvature_of_table_1(graph, expected):
    np.testing.assert_allclose(of([both_ways(graph)]), expected, atol=1e-12)


@pytest.mark.parametrize("branches", [2, 3])
def test_inner_links_of_a_tree_have_the_curvature_of_table_1(branches):
    # Node 0 of networkx's tree has one neighbour fewer than other inner nodes.
    tree = nx.balanced_tree(branches, 3)
    degree = dict(tree.degree)
    graph = both_ways(tree)
    for (u, v), value in zip(graph[1], of([graph]), strict=True):
        if degree[u] == degree[v] == branches + 1:
            assert value == pytest.approx(4 / (branches + 1) - 2)
        if 1 in {degree[u], degree[v]}:
            assert value == 0


def test_work_in_blocks_changes_nothing(monkeypatch):
    graph = both_ways(nx.gnp_random_graph(40, 0.3, seed=0))
    whole = of([graph])
    monkeypatch.setattr(curvature, "BLOCK", 50)
    np.testing.assert_array_equal(of([graph]), whole)


def test_graphs_without_links_have_no_curvature():
    assert of([(2, [])]).shape == (0,)
    assert of([]).shape == (0,)
