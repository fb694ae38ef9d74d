"""What one run proves is what a capture of the model would have shown."""

import warnings
from random import Random

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch

import edgescope as es
from edgescope.capturing.discovery.proof import Proof
from edgescope.lib.errors import EdgescopeWarning
from support.attention_zoo.case import DISCOVERED
from support.attention_zoo.table import CASES
from support.hand_written import Gated, graphs, model
from support.identity.flow import OPERATIONS, Flow
from support.identity.models import Step

WIDTH = 4
NAMES = sorted(OPERATIONS.keys() - {"write through storage"})  # which reads it byte by byte


class Moves(nn.Module):
    """Attention, whose edges are changed before it, between its layers and after them."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.layers = nn.ModuleList([Attention(), Attention()])

    def forward(self, x, edge_index, batch):
        tag = torch.arange(edge_index.size(1), dtype=torch.float64)
        flow = Flow(
            edge_index, tag, torch.arange(len(x), dtype=torch.float64)[:, None], None, batch
        )
        for step in self.steps:
            if step.does == "layer":
                self.layers[step.number](flow.x.float(), flow.edges)
            else:
                flow = OPERATIONS[step.does].apply(flow, step.number)
        return x


class Attention(nn.Module):
    """Attention along edges between nodes of one number each."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(1, WIDTH)

    def forward(self, x, edge_index):
        x, (source, target) = self.project(x), edge_index
        weight = (x[source] * x[target]).sum(-1, keepdim=True).tanh().exp()
        total = torch.zeros(len(x), 1).index_add(0, target, weight)
        return torch.zeros_like(x).index_add(0, target, weight / total[target] * x[source])


def both_ways(monkeypatch, discover):
    """Return what is discovered, and what is if nothing is taken as proved."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)  # rows known by their nodes
        found = discover()
        monkeypatch.setattr(Proof, "holds", lambda *_: False)
        tried = discover()
    monkeypatch.undo()
    return [(each.sites, each.refused, each.tensors) for each in (found, tried)]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_done_to_edges_one_run_says_what_two_do(name, monkeypatch):
    random = Random(name)
    others = random.choices(NAMES, k=2)
    layers = [Step("layer", number=0), Step("layer", number=1)]
    for where in range(3):
        does = [Step(each, number=random.randrange(2**31)) for each in (name, others[where - 2])]
        steps = [[does[0], *layers], [layers[0], does[0], layers[1]], [*layers, *does]][where]

        def discover(steps=tuple(steps)):
            torch.manual_seed(0)
            one = Batch.from_data_list(graphs(3))
            return es.capture.discover(Moves(steps).eval(), one.x, one.edge_index, one.batch)

        one, other = both_ways(monkeypatch, discover)
        assert one == other


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.verdict == DISCOVERED], ids=lambda case: case.name
)
def test_in_models_of_others_one_run_says_what_two_do(case, monkeypatch):
    one, other = both_ways(
        monkeypatch, lambda: es.capture.discover(case.model(), case.batch(), call=case.call)
    )
    assert one == other


@pytest.mark.parametrize("copy", ["the user's own", "sorted by target"])
def test_a_model_runs_once_where_its_edges_are_followed(copy):
    runs = []

    def call(net, given):
        x, edges = given
        runs.append(1)
        return net(x, edges)

    class Sorts(Gated):
        def forward(self, x, edge_index):
            order = edge_index[1].argsort(stable=True)
            return super().forward(x, edge_index[:, order])

    net = Gated() if copy == "the user's own" else Sorts()
    graph = graphs(1)[0]
    given = (graph.x, graph.edge_index)
    assert es.capture.discover(net.eval(), given, call=call).sites
    assert len(runs) == 1


def test_a_model_that_is_called_twice_on_a_batch_is_tried():
    calls = []
    net, graph = model().eval(), graphs(1)[0]
    none = torch.zeros(len(graph.x), dtype=torch.long)

    def call(net, _):
        calls.append(1)
        net(graph.x, graph.edge_index, none)
        return net(2 * graph.x, graph.edge_index.flip(0).contiguous(), none)

    assert len(es.capture.discover(net, graph, call=call).sites) == 8
    assert len(calls) == 2
