"""Baselines that know nothing of the model."""

import math

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_networkx

import edgescope as es
from edgescope.attribute import Degree, EdgeTypeFrequency, Random, importances
from edgescope.lib.errors import InputError
from support.attribution_cases import data_set, foreign, random_batch, with_features

MODEL = None


def test_chance_is_uniform_from_0_to_1():
    data = es.data.load("solubility").test
    edge = importances(foreign(), data, "random", merge="none", progress=False)["random"].edge
    found = torch.histc(edge, 10, 0, 1) / len(edge)
    assert bool(((found - 0.1).abs() < 5 * math.sqrt(0.09 / len(edge))).all())


def test_chance_depends_on_the_seed_and_not_on_the_batch():
    data = data_set()
    one = Random(3).attribute(MODEL, data.batch([2]))
    start, end = data.edge_ptr[2], data.edge_ptr[3]
    assert Random(3).attribute(MODEL, data.batch(slice(None)))[start:end].equal(one)
    assert not Random(4).attribute(MODEL, data.batch([2])).equal(one)


def test_two_graphs_draw_different_numbers():
    data = data_set()
    drawn = Random().attribute(MODEL, data.batch([0, 2]))
    assert not drawn[:6].equal(drawn[6:12])


def test_a_single_graph_without_a_position_is_drawn_for():
    graph = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    assert Random().attribute(MODEL, graph).shape == (2,)


@pytest.mark.parametrize("seed", range(4))
def test_degrees_are_networkxs(seed):
    batch = random_batch(seed)
    graph = to_networkx(batch, to_multi=True)
    assert isinstance(graph, nx.MultiDiGraph)
    degree = dict(graph.in_degree())
    ends = [(degree[u], degree[v]) for u, v in batch.edge_index.t().tolist()]
    assert Degree().attribute(MODEL, batch).tolist() == [u + v for u, v in ends]
    assert Degree("product").attribute(MODEL, batch).tolist() == [u * v for u, v in ends]


def test_the_rarer_the_type_the_more_important():
    data = data_set()
    method = EdgeTypeFrequency()
    method.prepare(foreign(), data)
    found = method.attribute(MODEL, data.batch(slice(None)))
    counts = torch.bincount(data.edge_attr, minlength=3)
    expected = [
        -math.log10((int(counts[kind]) + 1) / (len(data.edge_attr) + 3)) for kind in data.edge_attr
    ]
    assert found.tolist() == pytest.approx(expected)
    assert len(set(counts.tolist())) > 1


def test_a_type_nobody_has_seen_is_the_rarest_and_finite():
    data = data_set()
    method = EdgeTypeFrequency()
    method.prepare(foreign(), data)
    batch = data.batch([0])
    batch.edge_attr = batch.edge_attr.clone()
    batch.edge_attr[0] = 77
    found = method.attribute(MODEL, batch)
    assert found[0] == pytest.approx(math.log10(len(data.edge_attr) + 3))
    assert bool((found[1:] < found[0]).all())


def test_frequencies_must_be_counted_first():
    with pytest.raises(InputError, match=r"has counted no data set; call prepare"):
        EdgeTypeFrequency().attribute(MODEL, random_batch(0))


def test_edges_without_types_are_refused():
    method = EdgeTypeFrequency()
    method.prepare(foreign(), data_set())
    with pytest.raises(InputError, match=r"integer type in edge_attr, received torch.float32"):
        method.attribute(MODEL, with_features(random_batch(1)))


def test_an_unknown_way_to_join_degrees_is_refused():
    with pytest.raises(InputError, match="expected 'sum' or 'product'"):
        Degree("mean")
