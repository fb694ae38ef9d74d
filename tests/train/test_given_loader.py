"""What a user's code gives to go through, as a loader and its graphs."""

import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.train.given_loader import given_data


def ring(size):
    node = torch.arange(size)
    return Data(x=torch.randn(size, 2), edge_index=torch.stack([node, (node + 1) % size]))


GRAPHS = [ring(3 + number % 3) for number in range(10)]


class Module:
    """What Lightning's data modules have."""

    def setup(self, stage):
        self.graphs = GRAPHS if stage == "test" else []

    def test_dataloader(self):
        return DataLoader(self.graphs, batch_size=4)


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        (GRAPHS, [6, 4]),
        (GRAPHS[0], [1]),
        (DataLoader(GRAPHS, batch_size=3), [3, 3, 3, 1]),
        (es.data.from_graphs(GRAPHS), [6, 4]),
        (es.data.loader(es.data.from_graphs(GRAPHS), batch_size=5), [5, 5]),
        (es.data.divide_at_random(es.data.from_graphs(GRAPHS), 0, (0.2, 0.1, 0.7)), [6, 1]),
        (Module(), [4, 4, 2]),
    ],
    ids=["list", "one graph", "loader", "data set", "its loader", "parts", "data module"],
)
def test_graphs_are_looked_up_whatever_holds_them(given, sizes):
    found = given_data(given, "mine", 6)
    assert [batch.num_graphs for batch in found.loader] == sizes
    assert (len(found.dataset), found.reason) == (sum(sizes), "")
    assert found.loader.dataset is found.dataset


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (DataLoader(GRAPHS, batch_size=3, shuffle=True), "in its own way"),
        (DataLoader(GRAPHS, batch_size=3, follow_batch=["x"]), "in its own way"),
        ([Batch.from_data_list(GRAPHS)], "no single graphs"),
        ([GRAPHS[0], Data(x=torch.zeros(1), edge_index=torch.ones(2, 1).long())], "edge from or"),
    ],
    ids=["shuffled", "followed", "batches", "damaged"],
)
def test_a_loader_that_does_more_stays_as_it_is(given, reason):
    found = given_data(given, "mine", 6)
    assert (found.loader is given, found.dataset) == (True, None)
    assert reason in found.reason


def test_what_is_no_loader_is_refused():
    with pytest.raises(InputError, match="as the loader"):
        given_data(3, "mine", 6)
