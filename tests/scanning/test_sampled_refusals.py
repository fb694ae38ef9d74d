"""Parts of a large graph that do not say clearly what they hold are refused, in one line."""

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.loader import (
    ClusterLoader,
    DataLoader,
    NeighborLoader,
    PrefetchLoader,
    RandomNodeLoader,
    ZipLoader,
)
from torch_geometric.nn import TransformerConv
from torch_geometric.transforms import AddSelfLoops, ToUndirected

import edgescope as es
from edgescope.lib.errors import InputError
from support.one_layer import Model
from support.sampled_cases import PythonSampler, RandomClusters, large_graph, numbered

ADVICE = "set data.e_id = torch.arange(data.num_edges) and data.n_id = torch.arange("


def refusal(loader, **options):
    with pytest.raises(InputError) as error:
        es.scan(Model(TransformerConv(6, 4, heads=2)), loader, progress=False, **options)
    message = str(error.value)
    assert "\n" not in message
    return message


def graph(**options):
    data = large_graph(**options)
    del data.edge_attr
    return data


def neighbours(data, subgraph_type="directional", **options):
    sampler = PythonSampler(data, [3], subgraph_type=subgraph_type)
    return NeighborLoader(data, [3], neighbor_sampler=sampler, batch_size=8, **options)


def clusters(data):
    return RandomClusters(data, num_parts=4, log=False)


@pytest.mark.parametrize(
    "loader",
    [
        RandomNodeLoader(graph(), 3),
        ClusterLoader(clusters(graph()), batch_size=2),
        DataLoader(clusters(graph()), batch_size=2),
        PrefetchLoader(RandomNodeLoader(graph(), 3), device=torch.device("cpu")),
    ],
    ids=lambda loader: type(loader).__name__,
)
def test_parts_that_do_not_say_what_they_hold(loader):
    found = refusal(loader)
    assert "yields parts of one large graph without e_id and n_id" in found
    assert ADVICE in found


def test_several_parts_at_once():
    loader = neighbours(graph())
    assert "use a NeighborLoader" in refusal(ZipLoader([loader, loader]))


@pytest.mark.parametrize(("missing", "held"), [("e_id", "nodes"), ("n_id", "edges")])
def test_parts_that_number_only_their_nodes_or_only_their_edges(missing, held):
    data = numbered(graph())
    del data[missing]
    found = refusal([data])
    assert found.startswith(f"a batch says which {held} of a large graph it holds")
    assert f"has no {missing}" in found


def test_a_reversed_edge_that_is_given_the_number_of_the_edge_itself():
    found = refusal(neighbours(graph(), subgraph_type="bidirectional"))
    assert "that is another edge there" in found
    # Without the whole at hand, it shows in a batch that holds both.
    batches = list(neighbours(graph(), subgraph_type="bidirectional"))
    assert "that is another edge there" in refusal(batches)


@pytest.mark.parametrize("transform", [ToUndirected(), AddSelfLoops()])
def test_a_transform_that_changes_the_edges_of_a_part(transform):
    found = refusal(neighbours(graph(), transform=transform))
    assert "expected one each" in found or "that is another edge there" in found


@pytest.mark.parametrize("seed", range(5))
def test_as_many_edges_as_nodes_never_lead_to_wrong_numbers(seed):
    # PyG cannot tell the attributes of edges from those of nodes then.
    data = numbered(graph(nodes=24, edges=24, seed=seed))
    for loader in (RandomNodeLoader(data, 3), ClusterLoader(clusters(data), batch_size=2)):
        found = refusal(loader)
        assert "expected one each" in found or "another edge there" in found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"e_id": torch.arange(160) - 1}, "received e_id -1, expected 0 upwards"),
        ({"e_id": torch.arange(160.0)}, "no tensor of whole numbers"),
        ({"e_id": list(range(160))}, "no tensor of whole numbers"),
        ({"e_id": torch.arange(159)}, "160 edges and 159 numbers in e_id"),
        ({"n_id": torch.arange(5)}, "and 5 numbers in n_id, expected one per node"),
        ({"graph": 3}, "scan every large graph by itself"),
    ],
)
def test_numbers_that_do_not_fit_the_batch(changes, message):
    data = numbered(graph())
    for name, value in changes.items():
        data[name] = value
    assert message in refusal([data])


def test_a_number_beyond_the_whole_graph():
    data = graph()
    data.e_id = torch.arange(data.num_edges) + 1
    assert "another edge there" in refusal(neighbours(data))


def test_parts_and_whole_graphs_in_one_scan():
    data = graph()
    assert "scan them separately" in refusal([numbered(data), data])


def test_a_model_that_is_given_other_edges_than_its_batch_holds():
    def call(model, batch):
        return model(batch.x, batch.edge_index.flip(0))

    found = refusal([numbered(graph())], call=call)
    assert "the model was given other edges than its batch holds" in found


def test_a_part_without_edges_is_no_reason():
    empty = Data(
        x=torch.ones(2, 6),
        edge_index=torch.empty(2, 0, dtype=torch.int64),
        e_id=torch.empty(0, dtype=torch.int64),
        n_id=torch.tensor([3, 5]),
    )
    model = Model(TransformerConv(6, 4, heads=2))
    found = es.scan(model, [empty, numbered(graph())], progress=False)
    assert found["conv:score"].num_edges == 160
