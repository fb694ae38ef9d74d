"""A model that writes to the graph it is given gives what one does that does not.

Many do, as in ``data.x = self.conv(data.x, data.edge_index)``; each run must begin with what the
user's graph holds, however often a command runs the model.
"""

import copy

import polars as pl
import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GATv2Conv, global_add_pool

import edgescope as es


class Body(nn.Module):
    """Two layers of attention; a model by whether it writes to its graph."""

    def __init__(self, writes):
        super().__init__()
        torch.manual_seed(0)
        self.convs = nn.ModuleList([GATv2Conv(6, 6, heads=2, concat=False) for _ in range(2)])
        self.out = nn.Linear(6, 1)
        self.writes = writes

    def of(self, data):
        if not self.writes:
            data = copy.copy(data)
        for conv in self.convs:
            data.x = 1.5 * conv(data.x, data.edge_index).tanh()
        return global_add_pool(self.out(data.x), data.batch).squeeze(1)


class OfGraph(Body):
    def forward(self, data):
        return self.of(data)


class OfPair(Body):
    def forward(self, pair):
        left, right = pair
        return self.of(left) - self.of(right)


class OfDictionary(Body):
    def forward(self, batch):
        return self.of(batch["left"]) - self.of(batch["right"])


def graphs(seed, size=8):
    random = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(size):
        ends = torch.randint(5, (2, 7), generator=random)
        edges = torch.cat([ends, ends.flip(0)], 1)
        x, y = torch.randn(5, 6, generator=random), torch.randn(1, generator=random)
        made.append(Data(x=x, edge_index=edges, y=y))
    return Batch.from_data_list(made)


INPUTS = {
    OfGraph: lambda: graphs(0),
    OfPair: lambda: (graphs(0), graphs(1)),
    OfDictionary: lambda: {"left": graphs(0), "right": graphs(1)},
}


def by_function(model, batch):
    return model(batch)


def found(model, loader):
    return pl.DataFrame(
        [
            (each.rule, each.where, str(each.evidence))
            for each in es.diagnose(model, loader, progress=False)
        ],
        schema=["rule", "where", "evidence"],
        orient="row",
    )


COMMANDS = {
    "scan": lambda model, loader: es.scan(model, loader, progress=False).table(),
    "scan by a call of one's own": lambda model, loader: es.scan(
        model, loader, call=by_function, progress=False
    ).table(),
    "diagnose": found,
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.filterwarnings("ignore::edgescope.lib.errors.EdgescopeWarning")
def test_every_run_begins_with_the_users_graph(kind, command):
    results = []
    for writes in (False, True):
        loader, model = [INPUTS[kind]()], kind(writes).eval()
        results += [COMMANDS[command](model, loader) for _ in range(2)]
    for each in results[1:]:
        assert each.equals(results[0], null_equal=True)


@pytest.mark.filterwarnings("ignore::edgescope.lib.errors.EdgescopeWarning")
def test_interventions_begin_with_it_as_well():
    def results(model, loader):
        ablation = es.ablate(
            model, loader, where="paper2025", sites="*:message", repeats=1, progress=False
        )
        return ablation.table(), es.precision(model, loader, progress=False).table()

    plain = results(OfGraph(writes=False).eval(), [graphs(0)])
    writing = results(OfGraph(writes=True).eval(), [graphs(0)])
    for one, other in zip(plain, writing, strict=True):
        assert one.equals(other, null_equal=True)


class InPlace(OfGraph):
    def forward(self, data):
        data.x += 1
        return super().forward(data)


def test_a_tensor_that_was_written_to_in_place_is_not_run_on_again_without_a_warning():
    model = InPlace(writes=False).eval()
    with pytest.warns(es.errors.EdgescopeWarning, match="writes to the tensors of its batch"):
        es.scan(model, [graphs(0)], baseline=es.Untrained(members=1), progress=False)


def test_batches_that_are_made_anew_may_be_written_to(recwarn):
    class Anew:
        def __iter__(self):
            yield graphs(0)

    model = InPlace(writes=False).eval()
    es.scan(model, Anew(), baseline=es.Untrained(members=1), progress=False)
    assert not [each for each in recwarn if "in place" in str(each.message)]


class Sorted(OfGraph):
    def forward(self, data):
        data.edge_index.copy_(data.edge_index[:, data.edge_index[1].argsort(stable=True)])
        return super().forward(data)


def test_what_is_only_put_in_order_is_the_same_in_every_run(recwarn):
    model = Sorted(writes=False).eval()
    es.scan(model, [graphs(0)], baseline=es.Untrained(members=1), progress=False)
    assert not [each for each in recwarn if "in place" in str(each.message)]
