"""GAT as people write it themselves."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import softmax

from support.attention_zoo.by_hand import DIM, HEADS, Net, all_edges, attend, per_head, site
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import EDGES, looped, multigraphs, nasty, plain

D = DIM // HEADS


class PlainModule(nn.Module):
    """A module that gathers, takes PyG's softmax and scatters, all in the open."""

    def __init__(self):
        super().__init__()
        self.W, self.We = nn.Linear(DIM, DIM), nn.Linear(EDGES, DIM)
        self.a = nn.Parameter(torch.randn(1, HEADS, D))

    def forward(self, x, edge_index, edge_attr):
        row, col = edge_index
        wx = self.W(x).view(-1, HEADS, D)
        state = torch.tanh(wx[row] + wx[col] + self.We(edge_attr).view(-1, HEADS, D))
        alpha = softmax((state * self.a).sum(-1), col, num_nodes=x.size(0))
        out = torch.zeros_like(wx)
        out.index_add_(0, col, alpha.unsqueeze(-1) * wx[row])
        return out.view(-1, DIM)


class OwnConv(MessagePassing):
    """A subclass of MessagePassing with its own message, after PyG's tutorial."""

    def __init__(self):
        super().__init__(aggr="add", node_dim=0)
        self.W, self.We = nn.Linear(DIM, DIM), nn.Linear(EDGES, DIM)
        self.a = nn.Parameter(torch.randn(1, HEADS, D))

    def forward(self, x, edge_index, edge_attr):
        return self.propagate(edge_index, x=self.W(x).view(-1, HEADS, D), e=edge_attr).flatten(1)

    def message(self, x_i, x_j, e, index, size_i):
        state = torch.tanh(x_j + x_i + self.We(e).view(-1, HEADS, D))
        alpha = softmax((state * self.a).sum(-1), index, num_nodes=size_i)
        return x_j * alpha.unsqueeze(-1)


class EdgeNet(Net):
    """Two layers that see edges."""

    def __init__(self, layer):
        super().__init__()
        self.conv1, self.conv2 = layer(), layer()

    def forward(self, x, edge_index, edge_attr, batch):
        x = F.elu(self.conv1(self.enc(x), edge_index, edge_attr))
        return self.read(self.conv2(x, edge_index, edge_attr), batch)


def edge_net(m, data):
    h, sites = m.enc(data.x), []
    source, target = edges = data.edge_index
    for path in ("conv1", "conv2"):
        conv = getattr(m, path)
        w = per_head(conv.W(h))
        score = torch.tanh(w[source] + w[target] + per_head(conv.We(data.edge_attr))) * conv.a
        out, more = attend(path, edges, score.sum(-1), w[source], len(h), all_edges(data))
        sites += [site(path, "score", score, edges, all_edges(data)), *more]
        h = out.flatten(1) if path == "conv2" else F.elu(out.flatten(1))
    return m.read(h, data.batch), sites


class OneHead(nn.Module):
    """One head of GAT, with a softmax over neighbours by a dense mask of -9e15."""

    def __init__(self):
        super().__init__()
        self.W = nn.Parameter(torch.randn(DIM, D) / 2)
        self.a = nn.Parameter(torch.randn(2 * D, 1))

    def forward(self, h, adj):
        value = torch.mm(h, self.W)
        ours, theirs = torch.mm(value, self.a[:D]), torch.mm(value, self.a[D:])
        logit = F.leaky_relu(ours + theirs.T, 0.2)
        masked = torch.where(adj > 0, logit, torch.full_like(logit, -9e15))
        weight = F.dropout(masked.softmax(dim=1), 0.6, training=self.training)
        return torch.mm(weight, value)


class DenseGAT(Net):
    """Heads in a list, joined, on an adjacency matrix of the whole batch."""

    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList([OneHead() for _ in range(HEADS)])
        self.last = OneHead()
        self.out = nn.Linear(D, DIM)

    def forward(self, data):
        adj = data.x.new_zeros(data.num_nodes, data.num_nodes)
        adj[data.edge_index[1], data.edge_index[0]] = 1
        adj = adj + torch.eye(data.num_nodes).to(adj)
        x = self.enc(data.x)
        x = F.elu(torch.cat([att(x, adj) for att in self.heads], dim=1))
        return self.read(self.out(self.last(x, adj)), data.batch)


def _neighbours(data):
    pairs = {tuple(pair) for pair in data.edge_index.t().tolist()}
    pairs |= {(node, node) for node in range(data.num_nodes)}
    return torch.tensor(sorted(pairs)).t()


def dense_gat(m, data):
    edges, sites = _neighbours(data), []
    source, target = edges

    def head(path, layer, h):
        w = h @ layer.W
        raw = w[target] @ layer.a[:D] + w[source] @ layer.a[D:]
        logit = torch.maximum(raw, 0.2 * raw)
        out, more = attend(path, edges, logit, w[source][:, None], len(h), message=False)
        sites.extend(more)
        return out.flatten(1)

    h = m.enc(data.x)
    h = [head(f"heads.{k}", layer, h) for k, layer in enumerate(m.heads)]
    h = head("last", m.last, F.elu(torch.cat(h, dim=1)))
    return m.read(m.out(h), data.batch), sites


class SparseHead(nn.Module):
    """One head whose logits are the entries of a sparse matrix."""

    def __init__(self):
        super().__init__()
        self.W = nn.Linear(DIM, D)
        self.left, self.right = nn.Linear(D, 1, bias=False), nn.Linear(D, 1, bias=False)

    def forward(self, h, edge_index):
        w = self.W(h)
        logit = torch.tanh(self.left(w)[edge_index[1]] + self.right(w)[edge_index[0]]).squeeze(1)
        matrix = torch.sparse_coo_tensor(edge_index.flip(0), 3 * logit, (len(h), len(h)))
        return torch.sparse.mm(torch.sparse.softmax(matrix, dim=1), w)


class SparseGAT(Net):
    """Two heads by sparse matrices."""

    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList([SparseHead() for _ in range(HEADS)])

    def forward(self, x, edge_index, batch):
        x = self.enc(x)
        return self.read(torch.cat([head(x, edge_index) for head in self.heads], dim=-1), batch)


def sparse_gat(m, data):
    h, sites, outs = m.enc(data.x), [], []
    source, target = data.edge_index
    for number, head in enumerate(m.heads):
        w = head.W(h)
        logit = 3 * torch.tanh(head.left(w)[target] + head.right(w)[source])
        out, more = attend(
            f"heads.{number}", data.edge_index, logit, w[source][:, None], len(h),
            all_edges(data), message=False,
        )  # fmt: skip
        sites, outs = sites + more, [*outs, out.flatten(1)]
    return m.read(torch.cat(outs, dim=1), data.batch), sites


class HeadLoop(nn.Module):
    """Heads one after the other in a loop, each with vectors [E] and no dimension of heads."""

    def __init__(self):
        super().__init__()
        self.proj = nn.ModuleList([nn.Linear(DIM, D) for _ in range(HEADS)])
        self.att = nn.ModuleList([nn.Linear(2 * D, 1) for _ in range(HEADS)])

    def forward(self, x, edge_index):
        outs = []
        for proj, att in zip(self.proj, self.att, strict=True):
            h = proj(x)
            pair = torch.cat([h[edge_index[0]], h[edge_index[1]]], dim=-1)
            alpha = softmax(att(pair).relu().squeeze(-1), edge_index[1], num_nodes=len(x))
            messages = h[edge_index[0]] * alpha[:, None]
            outs.append(torch.zeros_like(h).index_add_(0, edge_index[1], messages))
        return torch.stack(outs).mean(dim=0)


class LoopedHeads(Net):
    """A layer whose heads are averaged."""

    def __init__(self):
        super().__init__(D)
        self.enc, self.conv = nn.Linear(6, DIM), HeadLoop()

    def forward(self, x, edge_index, batch):
        return self.read(self.conv(self.enc(x), edge_index), batch)


def looped_heads(m, data):
    h, outs, sites = m.enc(data.x), [], []
    source, target = data.edge_index
    for number, (proj, att) in enumerate(zip(m.conv.proj, m.conv.att, strict=True)):
        w = proj(h)
        both = w[source] @ att.weight[0, :D] + w[target] @ att.weight[0, D:] + att.bias
        logit = both.clamp(min=0)[:, None]
        out, more = attend(
            "conv", data.edge_index, logit, w[source][:, None], len(h), all_edges(data)
        )
        outs.append(out.flatten(1))
        sites += [replace(each, part=f"head {number}") for each in more]
    return m.read(sum(outs) / HEADS, data.batch), sites


def whole(model, data):
    """Call a model with the batch itself."""
    return model(data)


def by_parts(model, data):
    """Call a model with nodes, edges and graphs."""
    return model(data.x, data.edge_index, data.batch)


def with_edges(model, data):
    """Call a model with nodes, edges, their features and graphs."""
    return model(data.x, data.edge_index, data.edge_attr, data.batch)


CASES = [
    Case(
        "PyG softmax in a plain module", lambda: EdgeNet(PlainModule), nasty, with_edges, edge_net
    ),
    Case("own MessagePassing", lambda: EdgeNet(OwnConv), multigraphs, with_edges, edge_net),
    Case("dense GAT with -9e15", DenseGAT, nasty, whole, dense_gat),
    Case("GAT by torch.sparse.softmax", SparseGAT, plain, by_parts, sparse_gat),
    Case("GAT, a loop over heads", LoopedHeads, looped, by_parts, looped_heads),
]
