"""Pairs of nodes, their two directions, and what may change places."""

import networkx as nx
import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.interpret.strata import Pairs
from support.graph_sets import both_ways, dataset_of, random_multigraph


@st.composite
def datasets(draw):
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=3))
    return dataset_of([random_multigraph(random, n, int(random.integers(0, 3 * n))) for n in sizes])


def graph_of(dataset):
    return np.repeat(np.arange(len(dataset)), dataset.edge_ptr.diff().numpy())


@given(datasets())
def test_the_kth_copy_of_an_edge_is_reversed_by_the_kth_copy_of_the_other(dataset):
    pairs = Pairs.of(dataset)
    source, target = dataset.edge_index.tolist()
    seen = {}
    for edge, key in enumerate(zip(graph_of(dataset), source, target, strict=True)):
        seen.setdefault(key, []).append(edge)
    for (graph, u, v), copies in seen.items():
        others = copies if u == v else seen.get((graph, v, u), [])
        for place, edge in enumerate(copies):
            expected = others[place] if place < len(others) else edge
            assert pairs.reverse[edge] == expected


@given(datasets(), st.sampled_from(["degree", "type", "type and degree"]))
def test_pairs_of_a_stratum_are_alike(dataset, null):
    pairs = Pairs.of(dataset)
    applicable = torch.arange(dataset.edge_index.size(1)) % 3 > 0
    stratum = pairs.strata(null, applicable)[pairs.pair]
    graph, ends = graph_of(dataset), dataset.edge_index.numpy()
    degrees = []
    for number in range(len(dataset)):
        nodes = int(dataset.node_ptr[number + 1] - dataset.node_ptr[number])
        simple = nx.empty_graph(nodes)
        simple.add_edges_from((u, v) for u, v in ends[:, graph == number].T.tolist() if u != v)
        degrees.append(simple.degree)

    def description(edge):
        low_to_high = tuple(degrees[graph[edge]][end] for end in ends[:, edge].tolist())
        facts = [graph[edge], pairs.slot[edge], bool(applicable[edge])]
        facts += [sorted(low_to_high)] if "degree" in null else []
        return facts + ([int(dataset.edge_attr[edge])] if "type" in null else [])

    first = {}
    for edge in range(len(graph)):
        assert first.setdefault((stratum[edge], pairs.slot[edge]), description(edge)) == (
            description(edge)
        )


def test_edges_run_forward_to_the_higher_degree():
    pairs = Pairs.of(dataset_of([both_ways(nx.star_graph(3))]))
    # networkx's star has its centre in the middle of every first edge.
    assert pairs.slot.tolist() == [1, 0] * 3


def test_large_degrees_are_alike_up_to_a_factor_of_two():
    graphs = [both_ways(nx.star_graph(n)) for n in (8, 9, 15, 16, 31, 32)]
    pairs = Pairs.of(dataset_of(graphs))
    bins = [int(pairs.degrees[1, pairs.graph == number][0]) for number in range(len(graphs))]
    assert bins[0] < bins[1] == bins[2] < bins[3] == bins[4] < bins[5]
