"""A few nodes and their edges: where they stand, and what is drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgescope.plots.node_links import draw_node_links, layout
from support.cards import HOSTILE, Card

GRAPHS = st.integers(1, 9).flatmap(
    lambda nodes: st.tuples(
        st.just(nodes),
        st.lists(st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)), max_size=12),
    )
)


@settings(deadline=None, max_examples=30)
@given(GRAPHS)
def test_nodes_stand_apart_and_always_in_the_same_place(graph):
    nodes, edges = graph
    given = np.array(edges, dtype=int).reshape(-1, 2).T
    place = layout(nodes, given)
    assert place.shape == (nodes, 2)
    assert np.isfinite(place).all()
    apart = np.linalg.norm(place[:, None] - place[None], axis=-1)
    assert (apart[~np.eye(nodes, dtype=bool)] > 0.02).all()
    assert np.array_equal(place, layout(nodes, given))
    assert np.array_equal(place, layout(nodes, given[::-1]))


@pytest.mark.parametrize("nodes", [2, 5, 12])
def test_the_layout_of_a_path_has_the_lengths_of_its_edges(nodes):
    place = layout(nodes, [list(range(nodes - 1)), list(range(1, nodes))])
    steps = np.linalg.norm(np.diff(place, axis=0), axis=1)
    assert steps == pytest.approx(np.ones(nodes - 1), abs=0.05)
    assert np.linalg.norm(place[0] - place[-1]) == pytest.approx(nodes - 1, rel=0.05)


def test_parts_without_an_edge_between_them_do_not_overlap():
    place = layout(8, [[0, 1, 2, 4, 5], [1, 2, 3, 5, 6]])
    boxes = [(place[part].min(0), place[part].max(0)) for part in ([0, 1, 2, 3], [4, 5, 6], [7])]
    for number, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:number]:
            assert (low > other_high).any() or (high < other_low).any()


def test_a_drawing_is_whole_says_what_it_shows_and_names_its_nodes():
    red = (1.0, 0.0, 0.0)
    edges = [(0, 1), (1, 0), (1, 2), (2, 2)]
    svg = draw_node_links(["first", HOSTILE, "$c$"], edges, {(1, 2): red}, "n", HOSTILE)
    found = Card(svg)
    assert "first" in found.text
    assert "$c$" in found.text
    assert found.text.count("alert(1)") == 2
    assert svg.count("#ff0000") > 0
    assert svg == draw_node_links(["first", HOSTILE, "$c$"], edges, {(1, 2): red}, "n", HOSTILE)
