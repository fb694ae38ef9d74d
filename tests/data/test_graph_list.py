"""A data set of one's own graphs: what PyG makes of them, in flat tensors and in batches."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data, HeteroData

import edgescope as es
from edgescope.data.fingerprint import fingerprint
from edgescope.lib.errors import InputError


@st.composite
def graph_lists(draw):
    """Graphs with loops, double edges and no edges, whose attributes are of any kind."""
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    typed_nodes, typed_edges = draw(st.booleans()), draw(st.sampled_from(["none", "types", "real"]))
    width = draw(st.sampled_from([(), (1,), (3,)]))
    found = []
    for _ in range(draw(st.integers(1, 5))):
        nodes, edges = draw(st.integers(1, 4)), draw(st.integers(0, 6))
        graph = Data(edge_index=torch.randint(0, nodes, (2, edges), generator=random))
        types = torch.randint(0, 3, (nodes, *width), generator=random)
        graph.x = types if typed_nodes else torch.randn(nodes, 2, generator=random)
        if typed_edges == "types":
            graph.edge_attr = torch.randint(0, 4, (edges, *width), generator=random)
        elif typed_edges == "real":
            graph.edge_attr = torch.randn(edges, 2, generator=random)
        graph.pos = torch.randn(nodes, 3, generator=random)
        graph.y = torch.randn(1, 2, generator=random)
        graph.note = "as it is"
        found.append(graph)
    return found


def same(one, other):
    assert sorted(one.keys()) == sorted(other.keys())
    for key, value in one.to_dict().items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, other[key]), key
        else:
            assert value == other[key], key


@settings(max_examples=30, deadline=None)
@given(graph_lists(), st.data())
def test_a_batch_is_what_pyg_makes_of_the_same_graphs(graphs, data):
    dataset = es.data.from_graphs(graphs)
    chosen = data.draw(st.lists(st.integers(0, len(graphs) - 1), min_size=1, max_size=4))
    part = dataset[chosen]
    for batch in (dataset.batch(chosen), part.batch(range(len(chosen)))):
        del batch.graph
        same(batch, Batch.from_data_list([graphs[place] for place in chosen]))
    joined = Batch.from_data_list(graphs)
    assert torch.equal(
        dataset.edge_index,
        joined.edge_index - joined.ptr[joined.batch][joined.edge_index[0]]
        if joined.edge_index.numel()
        else joined.edge_index,
    )
    assert torch.equal(dataset.y, joined.y)
    kept = torch.tensor(
        data.draw(st.lists(st.booleans(), min_size=(n := len(dataset.edge_attr)), max_size=n)),
        dtype=torch.bool,
    )
    fewer = dataset.with_edges(kept)
    rest = fewer.batch(range(len(graphs)))
    assert torch.equal(rest.edge_index, joined.edge_index[:, kept])
    assert torch.equal(rest.x, joined.x)
    assert len(fewer.edge_attr) == int(kept.sum())


def ring(size, **more):
    node = torch.arange(size)
    edges = torch.cat(
        [torch.stack([node, (node + 1) % size]), torch.stack([(node + 1) % size, node])], 1
    )
    return Data(x=node % 3, edge_index=edges, edge_attr=edges.sum(0) % 2, **more)


def rings(count=30):
    return [ring(3 + number % 4, y=torch.tensor([[number / 7]])) for number in range(count)]


def test_own_graphs_are_split_trained_on_scanned_ablated_and_interpreted(tmp_path):
    dataset = es.data.from_graphs(rings(), name="rings", edge_type_names=["even", "odd"])
    splits = es.data.divide_at_random(dataset, seed=1)
    recipe = es.train.recipe("demo", max_epochs=1, num_layers=1, hidden_dim=8, num_heads=2)
    run = es.train.fit(recipe, splits, tmp_path)
    assert run.edge_type_names == ("even", "odd")
    loader = es.data.loader(splits.train, batch_size=5)
    rule = es.Criterion("low", ratio=4)
    scan = es.scan(run.model(), loader, criterion=rule, progress=False)
    assert scan.info.data_fingerprint == fingerprint(splits.train).graphs
    assert scan.info.edge_type_names[:2] == ("even", "odd")
    found = es.interpret.interpret(scan, splits.train, permutations=5, resamples=5, progress=False)
    assert found.overall["massive"].sum() > 0
    change = es.ablate(run.model(), loader, where=scan, controls=[], progress=False)
    assert change.info.metric == "mae"
    with pytest.raises(InputError, match="not those of the loader"):
        es.ablate(run.model(), es.data.loader(dataset[:24]), where=scan, progress=False)


def test_a_task_is_taken_for_known_only_where_targets_leave_no_choice():
    whole = [ring(4, y=number % 2) for number in range(6)]
    assert es.data.from_graphs(whole).metric is None
    assert es.data.from_graphs(whole, task="labels").metric == "roc_auc"
    of_nodes = es.data.from_graphs([ring(4, y=torch.zeros(4))] * 2)
    assert of_nodes.target_names == ()
    assert of_nodes.batch([0, 1]).y.shape == (8,)


def test_changed_tensors_are_refused_rather_than_graphs_that_were_not():
    dataset = es.data.from_graphs(rings())
    with pytest.raises(InputError, match="are your own and may hold more"):
        es.data.rewire(dataset, "shuffle_types")
    from dataclasses import replace

    changed = replace(dataset, edge_attr=1 - dataset.edge_attr)
    with pytest.raises(InputError, match=r"were changed.*from_graphs"):
        changed.batch([0])
    fewer = es.data.remove_edges(dataset, torch.ones(len(dataset.edge_attr)), 0.5)
    assert len(fewer.batch(range(30)).edge_attr) == len(fewer.edge_attr) < len(dataset.edge_attr)


@pytest.mark.parametrize(
    ("graphs", "options", "words"),
    [
        ([], {}, "received no graph"),
        (["a graph"], {}, "expected a PyG Data"),
        ([Batch.from_data_list([ring(3)])], {}, "a batch of several"),
        ([ring(3), HeteroData()], {}, "all of them"),
        ([ring(3), ring(3, pos=torch.zeros(3, 2))], {}, "the same attributes"),
        (
            [Data(x=torch.zeros(2), edge_index=torch.tensor([[0], [2]]))],
            {},
            "to node 2, expected 0 to 1",
        ),
        ([Data(x=torch.zeros(2), edge_index=torch.zeros(3, 1).long())], {}, r"shape \[2, E\]"),
        ([ring(3, y=torch.zeros(1, 1)), ring(3, y=torch.zeros(1, 2))], {}, "different numbers of"),
        ([ring(3)], {"edge_type_names": ["one"]}, "name all types in order"),
        ([ring(3)], {"target_names": ["y"]}, "expected one for each of the 0 targets"),
        ([ring(3)], {"task": "guess"}, "received task='guess'"),
        (
            [Data(x=torch.randn(2, 2), edge_index=torch.zeros(2, 1).long())],
            {"node_type_names": ["a"]},
            "real numbers",
        ),
        ([Data(x=torch.tensor([-1]), edge_index=torch.zeros(2, 0).long())], {}, "types from 0 on"),
        (
            [Data(x=torch.tensor([10**6]), edge_index=torch.zeros(2, 0).long())],
            {},
            "more types than",
        ),
        (
            [
                Data(
                    x=torch.zeros(1),
                    edge_index=torch.zeros(2, 40).long(),
                    edge_attr=torch.arange(40),
                )
            ],
            {},
            "40 different integers, which may be a measure",
        ),
        (
            [HeteroData(a={"x": torch.zeros(1)}), HeteroData(b={"x": torch.zeros(1)})],
            {},
            "other types of nodes",
        ),
        ([HeteroData(a={"x": torch.zeros(1)})], {"task": "labels"}, "leave them out"),
    ],
    ids=range(17),
)
def test_what_is_no_data_set_is_refused(graphs, options, words):
    with pytest.raises(InputError, match=words):
        es.data.from_graphs(graphs, **options)


def test_real_features_have_no_place_in_an_embedding():
    graph = Data(x=torch.randn(3, 2), edge_index=torch.zeros(2, 1).long(), y=0.5)
    with pytest.raises(InputError, match="use a model of your own"):
        es.data.from_graphs([graph]).model_sizes  # noqa: B018  (looking it up is what raises)


def test_heterogeneous_graphs_lie_as_pyg_would_lay_them():
    random = np.random.default_rng(0)
    graphs = []
    for _ in range(5):
        graph = HeteroData()
        sizes = {"a": int(random.integers(1, 4)), "b": int(random.integers(1, 4))}
        for kind, size in sizes.items():
            graph[kind].x = torch.zeros(size, 2)
        for relation in (("b", "to", "a"), ("a", "to", "a"), ("a", "to", "b")):
            ends = [
                torch.from_numpy(random.integers(0, sizes[k], 4))
                for k in (relation[0], relation[2])
            ]
            graph[relation].edge_index = torch.stack(ends)
        graphs.append(graph)
    dataset = es.data.from_graphs(graphs)[[3, 1, 4]]
    for place, number in enumerate((3, 1, 4)):
        plain = graphs[number].to_homogeneous(node_attrs=[], edge_attrs=[])
        edges = slice(int(dataset.edge_ptr[place]), int(dataset.edge_ptr[place + 1]))
        nodes = slice(int(dataset.node_ptr[place]), int(dataset.node_ptr[place + 1]))
        assert torch.equal(dataset.edge_index[:, edges], plain.edge_index)
        assert torch.equal(dataset.edge_types[edges], plain.edge_type)
        assert torch.equal(dataset.node_types[nodes], plain.node_type)
    assert len(dataset.batch([0, 1])["a"].x) == sum(len(graphs[n]["a"].x) for n in (3, 1))
