"""Graphs with planted edges: what decides the target, and that nothing else does."""

from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import edgescope as es
from edgescope.data import GraphDataset, planted
from edgescope.lib.errors import InputError

TASKS = ("marked", "motif", "edge_type")
HOUSE = {frozenset(edge) for edge in ((0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4))}
HOUSES = {
    frozenset(frozenset(p[i] for i in edge) for edge in HOUSE) for p in permutations(range(5))
}


def whole(task: str, graphs: int, **options) -> GraphDataset:
    """All graphs in one part."""
    return planted(task, graphs, split=(1, 0, 0), **options).train


def undirected(dataset: GraphDataset, number: int):
    """Node types, edges as pairs, their types and truth, read from every other directed edge."""
    edges = slice(*dataset.edge_ptr[number : number + 2].tolist(), 2)
    nodes = slice(*dataset.node_ptr[number : number + 2].tolist())
    return (
        dataset.x[nodes].tolist(),
        [frozenset(pair) for pair in dataset.edge_index[:, edges].T.tolist()],
        dataset.edge_attr[edges].tolist(),
        dataset.edge_truth[edges, 0].tolist(),
    )


def contains_house(edges: list[frozenset[int]], nodes: int) -> frozenset[frozenset[int]] | None:
    """Find five nodes whose edges among each other are a house, by trying all."""
    for five in combinations(range(nodes), 5):
        place = {node: number for number, node in enumerate(five)}
        inner = frozenset(edge for edge in edges if edge <= place.keys())
        if len(inner) == 6 and frozenset(frozenset(place[n] for n in e) for e in inner) in HOUSES:
            return inner
    return None


@given(st.sampled_from(TASKS), st.integers(0, 50), st.sampled_from(["tree", "preferential"]))
@settings(max_examples=12)
def test_every_edge_is_there_once_each_way_with_one_type_and_truth(task, seed, base):
    part = whole(task, 4, seed=seed, base=base, nodes=(8, 12))
    assert torch.equal(part.edge_index[:, ::2], part.edge_index[:, 1::2].flip(0))
    assert torch.equal(part.edge_attr[::2], part.edge_attr[1::2])
    assert torch.equal(part.edge_truth[::2].nan_to_num(-1), part.edge_truth[1::2].nan_to_num(-1))
    for number in range(len(part)):
        nodes, edges, *_ = undirected(part, number)
        assert 8 <= len(nodes) <= 12
        assert len(set(edges)) == len(edges)
        assert all(len(edge) == 2 for edge in edges)
        reached = {0}
        for _ in nodes:
            reached |= set().union(*(edge for edge in edges if edge & reached))
        assert reached == set(range(len(nodes)))


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_the_number_of_a_marked_graph_follows_from_its_true_edges_alone(seed):
    part = whole("marked", 5, seed=seed)
    values = {2: 1.0, 3: 2.0}
    for number in range(len(part)):
        nodes, edges, kinds, truth = undirected(part, number)
        assert [kind in values for kind in kinds] == [true == 1 for true in truth]
        total = sum(
            values[kind] * (1 + 0.5 * sum(nodes[node] == 1 for node in edge))
            for edge, kind in zip(edges, kinds, strict=True)
            if kind in values
        )
        assert part.y[number].item() == pytest.approx(total)


def test_labels_of_marked_graphs_say_which_are_above_the_median():
    numbers, labels = whole("marked", 60), whole("marked", 60, labels=True)
    assert torch.equal(labels.y, (numbers.y > float(np.median(numbers.y))).float())
    assert (labels.task, numbers.task) == ("labels", "regression")


def test_a_house_is_where_the_truth_says_and_nowhere_with_label_0():
    part = whole("motif", 12, nodes=(10, 12), seed=1)
    for number in range(len(part)):
        nodes, edges, _, truth = undirected(part, number)
        found = contains_house(edges, len(nodes))
        if part.y[number] == 1:
            assert found == {edge for edge, true in zip(edges, truth, strict=True) if true == 1}
        else:
            assert found is None
            assert np.isnan(truth).all()


def test_the_type_of_the_edge_between_the_key_nodes_is_the_label():
    part = whole("edge_type", 30)
    for number in range(len(part)):
        nodes, edges, kinds, truth = undirected(part, number)
        true = [all(nodes[node] == 3 for node in edge) for edge in edges]
        assert true == [each == 1 for each in truth]
        assert nodes.count(3) == 2
        assert kinds[true.index(True)] == part.y[number].item()


@pytest.mark.parametrize("task", ["motif", "edge_type"])
def test_how_often_types_degrees_and_sizes_occur_does_not_tell_the_label(task):
    part = whole(task, 1200, nodes=(12, 18))
    graph = torch.arange(len(part)).repeat_interleave(part.node_ptr.diff())
    edge_graph = torch.arange(len(part)).repeat_interleave(part.edge_ptr.diff())
    degree = torch.bincount(
        part.edge_index[1] + part.node_ptr[edge_graph], minlength=len(part.x)
    ).clamp(max=5)
    features = [part.node_ptr.diff(), part.edge_ptr.diff()]
    for kinds, of in ((part.x, graph), (part.edge_attr, edge_graph), (degree, graph)):
        features += [torch.bincount(of[kinds == kind], minlength=len(part)) for kind in range(6)]
    assert part.y.mean() == 0.5
    for feature in features:
        # One standard error of the area is 0.017 here.
        assert abs(roc_auc_score(part.y[:, 0], feature) - 0.5) < 0.06


def test_only_the_seed_decides_the_graphs():
    first, again, other = (planted("motif", 20, seed=seed) for seed in (0, 0, 1))
    assert list(map(len, first)) == [16, 2, 2]
    assert torch.equal(first.train.edge_index, again.train.edge_index)
    assert not torch.equal(first.train.y, other.train.y)


def test_models_of_a_part_run_on_all_parts():
    splits = planted("edge_type", 30)
    model = es.models.GraphTransformer(
        **splits.train.model_sizes, hidden_dim=8, num_heads=2, num_layers=1
    )
    for part in splits:
        batch = part.batch(slice(None))
        assert model(batch.x, batch.edge_index, batch.edge_attr, batch.batch).shape == part.y.shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "motive"}, "received task='motive', expected one of marked, motif, edge_type"),
        ({"base": "star"}, "received base='star', expected tree or preferential"),
        ({"labels": True}, "received labels=True for motif"),
        ({"graphs": 0}, "received 0 graphs"),
        ({"nodes": (3, 5)}, "received 1000 graphs of 3 to 5 nodes"),
        ({"split": (0.5, 0.6, 0.2)}, "received split="),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        planted(**options)
