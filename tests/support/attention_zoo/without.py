"""Models without attention, whose tensors of edges look like it."""

import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import CGConv, GCNConv, GINConv, GINEConv, NNConv, PNAConv
from torch_geometric.nn.models import PMLP
from torch_geometric.utils import scatter

from support.attention_zoo.by_hand import DIM, Net, nothing
from support.attention_zoo.case import NO_ATTENTION, Case
from support.attention_zoo.graphs import BONDS, EDGES, WIDTH, multigraphs, nasty, plain


def mlp(first, last=DIM):
    """Return two linear layers."""
    return nn.Sequential(nn.Linear(first, DIM), nn.ReLU(), nn.Linear(DIM, last))


class Standard(Net):
    """Two layers of PyG."""

    def __init__(self, conv, *, edges=False):
        super().__init__()
        self.convs, self.edges = nn.ModuleList([conv(), conv()]), edges

    def forward(self, data):
        h = self.enc(data.x)
        more = (data.edge_attr,) if self.edges else ()
        for conv in self.convs:
            h = conv(h, data.edge_index, *more).relu()
        return self.read(h, data.batch)


class SchNetLike(Net):
    """Continuous filters of distances in a basis of Gaussians, with a cutoff."""

    def __init__(self):
        super().__init__()
        self.register_buffer("centers", torch.linspace(0, 4, 6))
        self.filter, self.lin = mlp(6), nn.Linear(DIM, DIM)

    def forward(self, data):
        (i, j), h = data.edge_index, self.enc(data.x)
        far = (data.pos[i] - data.pos[j]).pow(2).sum(-1).add(1e-12).sqrt()
        basis = torch.exp(-2.0 * (far[:, None] - self.centers).pow(2))
        cut = 0.5 * (torch.cos(far / 5 * torch.pi) + 1)
        W = self.filter(basis) * cut[:, None]
        sent = self.lin(h)[i] * W
        return self.read(h + torch.zeros_like(h).index_add(0, j, sent), data.batch)


class DMPNN(Net):
    """States of directed edges, less what comes from their own reverse."""

    def __init__(self):
        super().__init__()
        self.W_i, self.W_h = nn.Linear(WIDTH + EDGES, DIM), nn.Linear(DIM, DIM)
        self.W_o = nn.Linear(WIDTH + DIM, DIM)

    def forward(self, data):
        source, target = data.edge_index
        back = torch.arange(data.num_edges) ^ 1  # edges come in pairs
        H_0 = self.W_i(torch.cat([data.x[source], data.edge_attr], dim=1))
        H = H_0.relu()
        for _ in range(2):
            M = scatter(H, target, 0, data.num_nodes, "sum")[source] - H[back]
            H = (H_0 + self.W_h(M)).relu()
        M = scatter(H, target, 0, data.num_nodes, "sum")
        return self.read(self.W_o(torch.cat([data.x, M], dim=1)).relu(), data.batch)


class EGNN(Net):
    """Messages of squared distances that also move the nodes."""

    def __init__(self):
        super().__init__()
        self.phi_e, self.phi_x, self.phi_h = mlp(2 * DIM + 1), mlp(DIM, 1), mlp(2 * DIM)

    def forward(self, data):
        h, x, (j, i) = self.enc(data.x), data.pos, data.edge_index
        for _ in range(2):
            delta = x[i] - x[j]
            m = self.phi_e(torch.cat([h[i], h[j], delta.pow(2).sum(-1, keepdim=True)], dim=-1))
            delta = delta / (delta.norm(dim=-1, keepdim=True) + 1)
            x = x + scatter(delta * self.phi_x(m).tanh(), i, 0, len(x), "mean")
            h = h + self.phi_h(torch.cat([h, scatter(m, i, 0, len(x), "sum")], dim=-1))
        return self.read(h, data.batch)


class EdgeMLP(Net):
    """An MLP of both ends and the edge, a batch norm over edges, and its mean."""

    def __init__(self):
        super().__init__()
        self.bond, self.mlp = nn.Embedding(BONDS, DIM), mlp(3 * DIM)
        self.norm = nn.BatchNorm1d(DIM)

    def forward(self, data):
        h, (source, target) = self.enc(data.x), data.edge_index
        e = self.norm(self.mlp(torch.cat([h[source], h[target], self.bond(data.bond)], dim=-1)))
        e = e + self.norm(e).sigmoid()  # added, so that it gates nothing
        return self.read(scatter(e, target, 0, len(h), "mean"), data.batch)


class ByDegree(Net):
    """Given weights of edges, divided by roots of their sums at both ends: no exponential."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(DIM, DIM)

    def forward(self, data):
        h, (source, target) = self.enc(data.x), data.edge_index
        given = data.edge_attr[:, 0].abs()
        degree = torch.zeros(len(h)).to(h).scatter_add(0, target, given)
        inverse = degree.clamp(min=1e-9).pow(-0.5)
        norm = inverse[source] * given * inverse[target]
        return self.read(
            scatter(norm[:, None] * self.lin(h)[source], target, 0, len(h)), data.batch
        )


class RadialMean(Net):
    """Radial basis functions of squared distances, divided by how many neighbours there are."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(DIM, DIM)

    def forward(self, data):
        h, (source, target) = self.enc(data.x), data.edge_index
        near = torch.exp(-(data.pos[source] - data.pos[target]).pow(2).sum(-1, keepdim=True))
        total = torch.zeros_like(h).index_add(0, target, near * self.lin(h)[source])
        count = torch.zeros(len(h), 1).to(h).index_add(0, target, torch.ones_like(near))
        return self.read(total / count.clamp(min=1), data.batch)


class SoftmaxReadout(Net):
    """A GCN by matrices, with a softmax over channels and one over classes at the end."""

    def __init__(self):
        super().__init__()
        self.lin, self.classes = nn.Linear(DIM, DIM), nn.Linear(DIM, 3)

    def forward(self, data):
        adj = torch.zeros(data.num_nodes, data.num_nodes).to(data.x)
        adj[data.edge_index[1], data.edge_index[0]] = 1
        adj = adj / adj.sum(1, keepdim=True).clamp(min=1)
        h = (adj @ self.lin(self.enc(data.x))).softmax(dim=-1)
        graphs = torch.zeros(3, DIM).to(h).index_add(0, data.batch, h)
        return F.log_softmax(self.classes(graphs), dim=-1)


class EdgeClasses(Net):
    """Logits of bond types for every edge, a softmax over the types, and a message of each."""

    def __init__(self):
        super().__init__()
        self.kind, self.value = nn.Linear(2 * DIM, BONDS), nn.Linear(DIM, DIM)

    def forward(self, data):
        h, (source, target) = self.enc(data.x), data.edge_index
        kinds = self.kind(torch.cat([h[source], h[target]], dim=-1)).softmax(dim=-1)
        entropy = -(kinds * kinds.clamp(min=1e-9).log()).sum(-1, keepdim=True)
        sent = torch.cat([self.value(h)[source], entropy], dim=-1)
        return self.read(scatter(sent, target, 0, len(h), "sum")[:, :DIM], data.batch)


def _whole(model, data):
    return model(data)


def _none(name, build, batch=nasty, call=_whole, **other):
    return Case(name, build, batch, call, nothing, NO_ATTENTION, **other)


def pna():
    """Return a layer of PNA with all its aggregators."""
    aggregators, scalers = ["mean", "max", "std"], ["identity", "amplification"]
    return PNAConv(DIM, DIM, aggregators, scalers, torch.tensor([2, 5, 9, 3]), edge_dim=EDGES)


CASES = [
    _none("GCN", lambda: Standard(lambda: GCNConv(DIM, DIM))),
    _none("GIN", lambda: Standard(lambda: GINConv(mlp(DIM), train_eps=True))),
    _none("GINE", lambda: Standard(lambda: GINEConv(mlp(DIM), edge_dim=EDGES), edges=True)),
    _none("NNConv", lambda: Standard(lambda: NNConv(DIM, DIM, mlp(EDGES, DIM**2)), edges=True)),
    _none("PNA", lambda: Standard(pna, edges=True)),
    _none("CGCNN", lambda: Standard(lambda: CGConv(DIM, EDGES), edges=True),
          notes="sigmoid times softplus of the same edge"),
    _none("SchNet-like", SchNetLike),
    _none("D-MPNN-like", DMPNN, plain),
    _none("EGNN-like", EGNN, multigraphs),
    _none("edge MLP with batch norm", EdgeMLP),
    _none("edge weights normalised by degree", ByDegree),
    _none("radial basis functions over a count", RadialMean, notes="exp(-d^2), divided by a count"),
    _none("softmax of channels after a dense GCN", SoftmaxReadout),
    _none("softmax of bond types", EdgeClasses, notes="the softmax is over types, not edges"),
    _none("PMLP", lambda: PMLP(WIDTH, DIM, 3, 2), call=lambda model, data: model(
        data.x, data.edge_index)),
]  # fmt: skip
