"""Models without attention: nothing of them is called a weight; a gate is called a gate."""

import pytest
import torch
from torch import nn
from torch_geometric.nn import (
    CGConv,
    EdgeConv,
    GatedGraphConv,
    GCNConv,
    GINConv,
    GINEConv,
    NNConv,
    PNAConv,
    SAGEConv,
)
from torch_geometric.nn.aggr import AttentionalAggregation, SoftmaxAggregation
from torch_geometric.nn.models.schnet import CFConv
from torch_geometric.utils import softmax

import edgescope as es
from support.graph_cases import EDGE_DIM, WIDTH, some_graphs


def mlp(first, last=WIDTH):
    return nn.Sequential(nn.Linear(first, WIDTH), nn.ReLU(), nn.Linear(WIDTH, last))


class Layers(nn.Module):
    """Two layers, which are given the features of edges if they take them."""

    def __init__(self, make, *, edges):
        super().__init__()
        self.layers, self.edges = nn.ModuleList([make(), make()]), edges

    def forward(self, x, edge_index, edge_attr):
        for layer in self.layers:
            x = layer(x, edge_index, *([edge_attr] if self.edges else [])).relu()
        return x


class Filters(nn.Module):
    """Continuous filters of distances, as in SchNet."""

    def __init__(self):
        super().__init__()
        self.conv = CFConv(WIDTH, WIDTH, WIDTH, mlp(4), 5.0)
        self.register_buffer("centers", torch.linspace(0, 4, 4))

    def forward(self, x, edge_index):
        far = (x[edge_index[0]] - x[edge_index[1]]).norm(dim=1)
        return self.conv(x, edge_index, far, torch.exp(-((far[:, None] - self.centers) ** 2)))


class Moving(nn.Module):
    """Messages of squared distances that move the nodes, as in EGNN."""

    def __init__(self):
        super().__init__()
        self.edge, self.move = mlp(2 * WIDTH + 1), mlp(WIDTH, 1)

    def forward(self, x, edge_index):
        source, target = edge_index
        delta = x[target] - x[source]
        far = delta.pow(2).sum(1, keepdim=True)
        sent = self.edge(torch.cat([x[target], x[source], far], 1))
        moved = delta / (far.sqrt() + 1) * self.move(sent).tanh()
        count = x.new_zeros(len(x), 1).index_add(0, target, torch.ones_like(far))
        return x + torch.zeros_like(x).index_add(0, target, moved) / count.clamp(min=1)


class Bonds(nn.Module):
    """States of edges, normalised as a batch, with a swish by hand, as in D-MPNN."""

    def __init__(self):
        super().__init__()
        self.first, self.next = nn.Linear(WIDTH + EDGE_DIM, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norm = nn.BatchNorm1d(WIDTH)

    def forward(self, x, edge_index, edge_attr):
        source, target = edge_index
        state = self.norm(self.first(torch.cat([x[source], edge_attr], 1)))
        state = state * state.sigmoid()  # an activation, and no gate
        into = torch.zeros_like(x).index_add(0, target, state)
        return torch.zeros_like(x).index_add(0, target, (state + self.next(into[source])).relu())


class Gated(nn.Module):
    """A sigmoid of both ends, times the state of the source."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x, edge_index):
        source, target = edge_index
        gate = self.gate(torch.cat([x[target], x[source]], 1)).sigmoid()
        return torch.zeros_like(x).index_add(0, target, gate * x[source])


def pna():
    return PNAConv(WIDTH, WIDTH, ["mean", "std"], ["identity"], torch.tensor([2, 5, 9]))


NONE = {
    "GCN": lambda: Layers(lambda: GCNConv(WIDTH, WIDTH), edges=False),
    "GIN": lambda: Layers(lambda: GINConv(mlp(WIDTH)), edges=False),
    "GINE": lambda: Layers(lambda: GINEConv(mlp(WIDTH), edge_dim=EDGE_DIM), edges=True),
    "SAGE, mean": lambda: Layers(lambda: SAGEConv(WIDTH, WIDTH), edges=False),
    "NNConv": lambda: Layers(lambda: NNConv(WIDTH, WIDTH, mlp(EDGE_DIM, WIDTH**2)), edges=True),
    "PNA": lambda: Layers(pna, edges=False),
    "EdgeConv": lambda: Layers(lambda: EdgeConv(mlp(2 * WIDTH)), edges=False),
    "GGNN": lambda: Layers(lambda: GatedGraphConv(WIDTH, 2), edges=False),
    "SchNet-like": Filters,
    "EGNN-like": Moving,
    "D-MPNN-like": Bonds,
}
GATES = {
    "CGCNN": lambda: Layers(lambda: CGConv(WIDTH, EDGE_DIM), edges=True),
    "by hand": lambda: Layers(Gated, edges=False),
}


def discovered(model):
    torch.manual_seed(0)
    return es.capture.discover(model.eval(), some_graphs())


@pytest.mark.parametrize("name", sorted(NONE))
def test_what_has_a_row_per_edge_is_listed_and_called_nothing(name):
    found = discovered(NONE[name]())
    assert found.sites == ()
    assert found.refused == ()
    assert {each.role for each in found.tensors} == {"per edge"}


@pytest.mark.parametrize("name", sorted(GATES))
def test_a_gate_is_called_a_gate_and_said_not_to_be_normalised(name):
    model = GATES[name]()
    found = discovered(model)
    assert {each.role for each in found.tensors} == {"per edge", "gate", "logit", "message"}
    table = es.capture.sites(model)
    formulas = table.filter(table["site"].str.ends_with(":weight"))["formula"].to_list()
    assert len(formulas) == 2
    assert all(formula.endswith("; not normalised") for formula in formulas)


class ReadOut(nn.Module):
    """A convolution, and a softmax over the nodes of each graph."""

    def __init__(self, pool):
        super().__init__()
        self.conv, self.pool = GCNConv(WIDTH, WIDTH), pool

    def forward(self, x, edge_index, batch):
        x = self.conv(x, edge_index).relu()
        return self.pool(x, batch)


class Pool(nn.Module):
    """A softmax over the nodes of each graph, by hand."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(WIDTH, 1)

    def forward(self, x, batch):
        weight = softmax(self.gate(x), batch)
        return x.new_zeros(int(batch.max()) + 1, WIDTH).index_add(0, batch, weight * x)


@pytest.mark.parametrize(
    "pool", [Pool, lambda: AttentionalAggregation(mlp(WIDTH, 1)), SoftmaxAggregation]
)
def test_a_read_out_is_no_site_and_the_reason_is_given(pool):
    found = discovered(ReadOut(pool()))
    assert found.sites == ()
    [(path, reason)] = found.refused
    assert path == "pool"
    assert reason.startswith("read-out: its rows are nodes")
    roles = {each.role: each.reason for each in found.tensors if each.role != "per edge"}
    assert "weight" in roles
    assert set(roles.values()) == {reason}
