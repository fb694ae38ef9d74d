"""Which nodes and edges stand around massive ones in a picture."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from edgescope.scanning.neighbourhood import NODES, neighbourhood

SIZES = st.integers(1, 120)


def rows_of(edges):
    return [{"source": int(source), "target": int(target)} for source, target in edges]


@st.composite
def graphs(draw):
    nodes = draw(SIZES)
    seed = draw(st.integers(0, 999))
    random = np.random.default_rng(seed)
    edges = random.integers(0, nodes, (2, draw(st.integers(1, 200))))
    massive = random.choice(edges.shape[1], min(edges.shape[1], draw(st.integers(1, 5))))
    return nodes, edges, edges[:, massive].T


@given(graphs())
def test_drawn_are_the_ends_what_is_nearest_to_them_and_all_edges_between(graph):
    nodes, edges, massive = graph
    found = neighbourhood(rows_of(massive), edges, [("", "")] * len(massive))
    drawn = list(map(int, found.labels))
    ends = set(massive.ravel().tolist())
    assert len(set(drawn)) == len(drawn) <= max(NODES, len(ends))
    assert ends <= set(drawn)
    assert [(drawn[a], drawn[b]) for a, b in found.massive] == list(map(tuple, massive.tolist()))
    between = [tuple(edge) for edge in edges.T.tolist() if set(edge) <= set(drawn)]
    beyond = found.edges[len(massive) :]
    assert sorted((drawn[a], drawn[b]) for a, b in beyond) == sorted(between)
    ones = coo_array((np.ones(edges.shape[1]), edges), shape=(nodes, nodes)).tocsr()
    far = shortest_path(ones, directed=False, unweighted=True, indices=sorted(ends)).min(0)
    rest = np.setdiff1d(np.arange(nodes), drawn)
    if len(drawn) < NODES:
        assert np.isinf(far[rest]).all()  # all that can be reached is drawn
    elif len(rest):
        assert far[rest].min() >= far[drawn].max()


def test_without_the_edges_only_the_ends_are_drawn_and_their_kinds_are_told_apart():
    rows = rows_of([(3, 3), (1, 3)])
    found = neighbourhood(rows, None, [("author ", "paper "), ("paper ", "paper ")])
    assert found.labels == ["author 3", "paper 3", "paper 1"]
    assert found.massive == found.edges == [(0, 1), (2, 1)]
