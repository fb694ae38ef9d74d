"""OGX's JSON layout, as networkx writes it: true edges join true nodes."""

import json

import networkx as nx
import pytest

import edgescope as es
from edgescope.lib.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """Cycles with a true path of three nodes, and paths without a reason."""
    for label in (0, 1):
        (tmp_path / f"class{label}").mkdir()
        for number in range(10):
            graph = nx.path_graph(4 + number) if label else nx.cycle_graph(4 + number)
            nx.set_node_attributes(graph, {node: node % 3 for node in graph}, "x")
            if not label:
                nx.set_node_attributes(graph, {node: node < 3 for node in graph}, "mask")
            name = "links" if number % 2 else "edges"
            plain = nx.node_link_data(graph, edges=name)
            path = tmp_path / f"class{label}" / f"{number:04d}.json"
            path.write_text(json.dumps(plain))
    return tmp_path


@pytest.mark.parametrize(("rule", "links"), [("both", 2), ("either", 4)])
def test_edges_are_true_by_their_nodes_and_a_class_without_a_reason_has_none(folder, rule, links):
    splits = es.data.load_ogx(folder, truth_rule=rule)
    assert sum(map(len, splits)) == 20
    for part in splits:
        for number in range(len(part)):
            graph = part[number]
            edges = slice(int(part.edge_ptr[number]), int(part.edge_ptr[number + 1]))
            true = part.edge_truth[edges, 0]
            cycle = graph.y[0, 0] == 0
            assert graph.num_edges == 2 * (graph.num_nodes - (0 if cycle else 1))
            # In a cycle of four the node that is not true has both other links.
            assert true.sum() == (2 * links if cycle else 0)
            assert graph.x.tolist() == [node % 3 for node in range(graph.num_nodes)]


def test_a_folder_of_pickles_and_a_damaged_file_are_refused(folder, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match="write the benchmark with --format json"):
        es.data.load_ogx(tmp_path / "other")
    (folder / "class1" / "0003.json").write_text('{"nodes": [{"id": 0}]}')
    with pytest.raises(InputError, match="0003"):
        es.data.load_ogx(folder)
