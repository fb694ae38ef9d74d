"""Topology is networkx's, on the simple undirected graph of every graph."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.interpret.topology import (
    SimpleGraphs,
    articulation_distance,
    betweenness,
    degree_product,
)
from support.graph_sets import both_ways, dataset_of, random_multigraph, simple


@st.composite
def several_graphs(draw):
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    return [random_multigraph(random, size, int(random.integers(0, 2 * size))) for size in sizes]


def by_edge(graphs, measure):
    """Return a measure of networkx, a dict by pair of nodes, for every directed edge."""
    values = []
    for graph in graphs:
        found = measure(simple(graph))
        for u, v in graph[1]:
            values.append(np.nan if u == v else found[min(u, v), max(u, v)])
    return np.array(values, dtype=float)


def sorted_pairs(found):
    return {(min(pair), max(pair)): value for pair, value in found.items()}


def nx_articulation(graph):
    points = list(nx.articulation_points(graph))
    found = {}
    for u, v in graph.edges:
        reach = [
            nx.shortest_path_length(graph, end, point)
            for end in (u, v)
            for point in points
            if nx.has_path(graph, end, point)
        ]
        found[min(u, v), max(u, v)] = min(reach, default=np.nan)
    return found


@given(several_graphs())
def test_betweenness_is_that_of_networkx(graphs):
    simple_graphs = SimpleGraphs.of(dataset_of(graphs))
    found = simple_graphs.on_edges(betweenness(simple_graphs, progress=False))
    expected = by_edge(graphs, lambda g: sorted_pairs(nx.edge_betweenness_centrality(g)))
    np.testing.assert_allclose(found, expected)


@given(several_graphs())
def test_the_distance_to_an_articulation_point_is_that_of_networkx(graphs):
    simple_graphs = SimpleGraphs.of(dataset_of(graphs))
    found = simple_graphs.on_edges(articulation_distance(simple_graphs))
    np.testing.assert_equal(found, by_edge(graphs, nx_articulation))


@given(several_graphs())
def test_the_degree_product_counts_different_neighbours(graphs):
    simple_graphs = SimpleGraphs.of(dataset_of(graphs))

    def products(graph):
        degree = dict(graph.degree)
        return sorted_pairs({(u, v): degree[u] * degree[v] for u, v in graph.edges})

    found = simple_graphs.on_edges(degree_product(simple_graphs))
    np.testing.assert_equal(found, by_edge(graphs, products))


@pytest.mark.parametrize("graphs", [[], [(1, [])], [(3, [(0, 0), (1, 1)])]], ids=str)
def test_graphs_without_links_have_no_topology(graphs):
    simple_graphs = SimpleGraphs.of(dataset_of(graphs))
    for measure in (degree_product, betweenness, articulation_distance):
        assert measure(simple_graphs).shape == (0,)
        assert np.isnan(simple_graphs.on_edges(measure(simple_graphs))).all()


def test_a_long_path_needs_no_deep_recursion():
    graphs = SimpleGraphs.of(dataset_of([both_ways(nx.path_graph(3000))]))
    assert (articulation_distance(graphs) == 0).all()
