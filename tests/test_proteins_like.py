"""The graph of ogbn-proteins' shape that benchmarks draw."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from edgescope.lib.errors import InputError

FILE = Path(__file__).resolve().parents[1] / "benchmarks" / "_proteins_like.py"
SPEC = spec_from_file_location("_proteins_like", FILE)
synthetic = module_from_spec(SPEC)
SPEC.loader.exec_module(synthetic)
proteins_like = synthetic.proteins_like


def test_every_edge_goes_both_ways_with_the_same_features_and_no_loops(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "BLOCK", 300)  # several blocks, the last one not full
    graph = proteins_like(tmp_path, edges=2000, nodes=20)
    source, target = graph.edge_index
    assert graph.edge_index.shape == (2, 2000)
    assert (source[0::2] == target[1::2]).all()
    assert (target[0::2] == source[1::2]).all()
    assert (source != target).all()
    assert (graph.edge_attr[0::2] == graph.edge_attr[1::2]).all()
    assert set(graph.edge_index.ravel()) <= set(range(20))


def test_degrees_have_the_mean_and_about_the_maximum_of_ogbn_proteins(tmp_path):
    # The same number of nodes, as the maximum depends on it, and a tenth of the edges.
    graph = proteins_like(tmp_path, edges=synthetic.EDGES // 10 // 2 * 2, nodes=synthetic.NODES)
    degree = np.bincount(graph.edge_index[1], minlength=synthetic.NODES)
    assert degree.mean() == pytest.approx(59.7, rel=0.001)
    assert 500 < degree.max() < 1300


def test_features_are_half_precision_from_0_to_1_and_species_from_0_to_7(tmp_path):
    graph = proteins_like(tmp_path, edges=10_000)
    assert graph.edge_attr.shape == (10_000, 8)
    assert graph.edge_attr.dtype == np.float16
    assert 0 <= graph.edge_attr.min() <= graph.edge_attr.max() <= 1
    assert set(graph.x) <= set(range(8))


def test_a_seed_gives_the_same_graph_and_another_seed_another(tmp_path):
    one, again, other = (
        np.array(proteins_like(tmp_path / name, edges=1000, seed=seed).edge_index)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert (one == again).all()
    assert (one != other).any()


def test_nodes_shrink_with_the_edges(tmp_path):
    assert len(proteins_like(tmp_path, edges=791_226).x) == 1325


@pytest.mark.parametrize(("edges", "nodes"), [(3, 5), (-2, 5), (4, 1)])
def test_impossible_sizes_are_refused(edges, nodes, tmp_path):
    with pytest.raises(InputError, match="even number of edges"):
        proteins_like(tmp_path, edges, nodes)
