"""Attention over tables of neighbours, graphs that a model makes, and gates without a softmax."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter, softmax, to_dense_batch

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    all_edges,
    attend,
    per_head,
    shares,
    site,
    summed,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import EDGES, WIDTH, multigraphs, nasty

D = DIM // HEADS


def with_tables() -> Any:
    """Return graphs with the neighbours and the edges of each node in tables, -1 where none."""
    data = multigraphs()
    mine = [torch.nonzero(data.edge_index[1] == v)[:, 0] for v in range(data.num_nodes)]
    data.edge_table = nn.utils.rnn.pad_sequence(mine, batch_first=True, padding_value=-1)
    data.atom_table = torch.where(data.edge_table < 0, -1, data.edge_index[0][data.edge_table])
    return data


class NeighbourAttention(nn.Module):
    """Attention of AttentiveFP (Xiong et al., 2020) over tables of neighbours."""

    def __init__(self):
        super().__init__()
        self.near, self.value = nn.Linear(DIM + EDGES, DIM), nn.Linear(DIM, DIM)
        self.logit, self.cell = nn.Linear(2 * DIM, 1), nn.GRUCell(DIM, DIM)

    def forward(self, atoms, bonds, atom_table, edge_table):
        there = (atom_table >= 0).unsqueeze(-1)
        near = torch.cat([atoms[atom_table], bonds[edge_table]], dim=-1)
        near = F.leaky_relu(self.near(near))
        both = torch.cat([atoms.unsqueeze(1).expand_as(near), near], dim=-1)
        logit = F.leaky_relu(self.logit(both)) + torch.where(there, 0.0, -9e8)
        weight = F.softmax(logit, -2) * there  # a node alone has a softmax of paddings
        return self.cell(F.elu((weight * self.value(near)).sum(-2)), atoms)


class MoleculeAttention(nn.Module):
    """Attention of a molecule to its atoms."""

    def __init__(self):
        super().__init__()
        self.logit, self.value = nn.Linear(2 * DIM, 1), nn.Linear(DIM, DIM)

    def forward(self, atoms, batch):
        atoms, there = to_dense_batch(atoms, batch)
        there = there.unsqueeze(-1)
        whole = (atoms * there).sum(1, keepdim=True).relu().expand_as(atoms)
        logit = F.leaky_relu(self.logit(torch.cat([whole, atoms], dim=-1)))
        weight = F.softmax(logit + torch.where(there, 0.0, -9e8), dim=1) * there
        return (weight * self.value(atoms)).sum(1)


class AttentiveFP(Net):
    """A layer on atoms, and one on molecules."""

    def __init__(self):
        super().__init__()
        self.atoms, self.mol = NeighbourAttention(), MoleculeAttention()

    def forward(self, data):
        h = F.leaky_relu(self.enc(data.x))
        h = self.atoms(h, data.edge_attr, data.atom_table, data.edge_table)
        return self.head(self.mol(h.relu(), data.batch))


def attentive_fp(m, data):
    h, a, n = F.leaky_relu(m.enc(data.x)), m.atoms, data.num_nodes
    source, target = edges = data.edge_index
    near = F.leaky_relu(a.near(torch.cat([h[source], data.edge_attr], dim=1)))
    logit = F.leaky_relu(a.logit(torch.cat([h[target], near], dim=1)))
    out, sites = attend("atoms", edges, logit, a.value(near)[:, None], n, all_edges(data))
    h = a.cell(F.elu(out[:, 0]), h).relu()
    mol, down = summed(h, data.batch, 3).relu(), torch.stack([torch.arange(n), data.batch])
    logit = F.leaky_relu(m.mol.logit(torch.cat([mol[data.batch], h], dim=1)))
    out, more = attend("mol", down, logit, m.mol.value(h)[:, None], 3)
    return m.head(out[:, 0]), sites + more


B, N = 3, 6


def sensors():
    """Return ``x`` [B, N, F] of sensors."""
    return {"x": torch.randn(B, N, WIDTH, generator=torch.Generator().manual_seed(3))}


class GDNLayer(MessagePassing):
    """Attention with embeddings of sensors in the logit (Deng and Hooi, arXiv 2106.06947)."""

    def __init__(self):
        super().__init__(aggr="add", node_dim=0)
        self.lin = nn.Linear(WIDTH, DIM)
        self.att_x, self.att_e = (nn.Parameter(torch.randn(2, DIM) / 2) for _ in range(2))

    def forward(self, x, edge_index, embedding):
        return self.propagate(edge_index, x=self.lin(x), embedding=embedding)

    def message(self, x_i, x_j, embedding_i, embedding_j, edge_index_i, size_i):
        ends = torch.stack(
            [torch.cat([x_i, embedding_i], -1), torch.cat([x_j, embedding_j], -1)], 1
        )
        logit = (ends * torch.cat([self.att_x, self.att_e], dim=-1)).sum((1, 2))
        weight = softmax(F.leaky_relu(logit, 0.2), edge_index_i, num_nodes=size_i)
        return x_j * weight.view(-1, 1)


class GDN(nn.Module):
    """The nearest sensors by their embeddings, the same in every graph of the batch."""

    def __init__(self):
        super().__init__()
        self.embedding, self.gnn, self.out = nn.Embedding(N, DIM), GDNLayer(), nn.Linear(DIM, 1)

    def edges(self, graphs):
        normed = F.normalize(self.embedding.weight.detach(), dim=-1)
        near = torch.topk(normed @ normed.t(), 3, dim=-1).indices.flatten()
        one = torch.stack([near, torch.arange(N).repeat_interleave(3)])
        return torch.cat([one + N * b for b in range(graphs)], dim=1)

    def forward(self, x):
        graphs = x.size(0)
        embedding = self.embedding(torch.arange(N)).repeat(graphs, 1)
        out = self.gnn(x.view(-1, WIDTH), self.edges(graphs), embedding)
        return self.out(out.relu() * embedding).view(graphs, N)


def gdn(m, batch):
    h, e, g = m.gnn.lin(batch["x"].reshape(-1, WIDTH)), m.embedding.weight.repeat(B, 1), m.gnn
    edges = m.edges(B)
    j, i = edges
    raw = h[i] @ g.att_x[0] + e[i] @ g.att_e[0] + h[j] @ g.att_x[1] + e[j] @ g.att_e[1]
    out, sites = attend("gnn", edges, torch.maximum(raw, 0.2 * raw)[:, None], h[j][:, None], B * N)
    return m.out(out[:, 0].clamp(min=0) * e).view(B, N), sites


class LineAttention(nn.Module):
    """Edges attend to the edges that end where they start, but for their own reverse."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))

    @staticmethod
    def line_graph(edge_index):
        source, target = edge_index
        follows = (target[:, None] == source) & (source[:, None] != target)
        return follows.nonzero().t()

    def forward(self, e, edge_index):
        before, after = self.line_graph(edge_index)
        q, k, v = (lin(e).view(-1, HEADS, D) for lin in (self.q, self.k, self.v))
        alpha = softmax((q[after] * k[before]).sum(-1) / D**0.5, after, num_nodes=len(e))
        return scatter(alpha.unsqueeze(-1) * v[before], after, 0, len(e), "sum").flatten(1)


class LineNet(Net):
    """States of edges, which are summed into their targets at the end."""

    def __init__(self):
        super().__init__()
        self.edge, self.attention = nn.Linear(EDGES, DIM), LineAttention()

    def forward(self, data):
        e = self.enc(data.x)[data.edge_index[0]] + self.edge(data.edge_attr)
        e = e + self.attention(e.relu(), data.edge_index)
        return self.read(scatter(e, data.edge_index[1], 0, data.num_nodes, "sum"), data.batch)


def line_net(m, data):
    e = m.enc(data.x)[data.edge_index[0]] + m.edge(data.edge_attr)
    ends, a = data.edge_index.t().tolist(), m.attention
    pairs = torch.tensor([
        (f, g) for f, (i, j) in enumerate(ends) for g, (k, l) in enumerate(ends)
        if j == k and i != l
    ]).t()  # fmt: skip
    q, k, v = (per_head(lin(e.clamp(min=0))) for lin in (a.q, a.k, a.v))
    score = q[pairs[1]] * k[pairs[0]]
    out, sites = attend("attention", pairs, score.sum(-1) / 2, v[pairs[0]], len(e))
    e = e + out.flatten(1)
    sites.append(site("attention", "score", score, pairs))
    return m.read(summed(e, data.edge_index[1], data.num_nodes), data.batch), sites


class GateBlock(nn.Module):
    """A gate for every edge: SiLU times a cutoff as in ViSNet, a sigmoid, or shares of sigmoids."""

    def __init__(self, kind):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))
        self.dk, self.dv, self.kind = nn.Linear(EDGES, DIM), nn.Linear(EDGES, DIM), kind

    def forward(self, x, edge_index, edge_attr, pos):
        source, target = edge_index
        q, k, v = (lin(x).view(-1, HEADS, D) for lin in (self.q, self.k, self.v))
        dk = F.silu(self.dk(edge_attr)).view(-1, HEADS, D)
        attn = (q[target] * k[source] * dk).sum(dim=-1)
        sent = v[source] * F.silu(self.dv(edge_attr)).view(-1, HEADS, D)
        if self.kind == "visnet":
            far = (pos[source] - pos[target]).norm(dim=-1)
            cutoff = 0.5 * (torch.cos(far * math.pi / 5.0) + 1.0) * (far < 5.0)
            attn = F.silu(attn) * cutoff.unsqueeze(1)
        else:
            attn = torch.sigmoid(attn)
        out = torch.zeros_like(v).index_add_(0, target, sent * attn.unsqueeze(2))
        if self.kind == "shares":
            out = out / (scatter(attn, target, 0, len(x), "sum").unsqueeze(2) + 1e-6)
        return out.flatten(1)


class GateNet(Net):
    """A block with gates."""

    def __init__(self, kind):
        super().__init__()
        self.block = GateBlock(kind)

    def forward(self, data):
        h = self.enc(data.x)
        return self.read(h + self.block(h, data.edge_index, data.edge_attr, data.pos), data.batch)


def gates(kind):
    """Return what works out a block with gates."""

    def work(m, data):
        h, b, n, own = m.enc(data.x), m.block, data.num_nodes, all_edges(data)
        source, target = edges = data.edge_index
        q, k, v = (per_head(lin(h)) for lin in (b.q, b.k, b.v))
        score = q[target] * k[source] * per_head(F.silu(b.dk(data.edge_attr)))
        value = v[source] * per_head(F.silu(b.dv(data.edge_attr)))
        inner, sites = score.sum(-1), [site("block", "score", score, edges, own)]
        if kind == "visnet":
            far = (data.pos[source] - data.pos[target]).pow(2).sum(1).sqrt()
            cut = torch.where(far < 5, (torch.cos(far * math.pi / 5) + 1) / 2, 0.0)
            gate = inner / (1 + (-inner).exp()) * cut[:, None]
        else:
            gate = 1 / (1 + (-inner).exp())
        sent = gate[..., None] * value
        sites += [
            site("block", "gate", gate, edges, own),
            site("block", "message", sent, edges, own),
        ]
        out = summed(sent, target, n)
        if kind == "shares":
            weight = shares(gate, target, n, 1e-6)
            sent = weight[..., None] * value
            sites += [
                site("block", "weight", weight, edges, own, formed=False),
                site("block", "message", sent, edges, own, part="divided", formed=False),
            ]
            out = summed(sent, target, n)
        return m.read(h + out.flatten(1), data.batch), sites

    return work


def whole(model, data):
    """Call a model with the batch itself."""
    return model(data)


CASES = [
    Case("AttentiveFP over tables of neighbours", AttentiveFP, with_tables, whole, attentive_fp,
         notes="tables [V, degree]; the targets of mol are molecules"),
    Case("GDN", GDN, sensors, lambda model, batch: model(batch["x"]), gdn,
         notes="edges are made by the model; nodes are b * N + sensor"),
    Case("edges attend to edges", LineNet, nasty, whole, line_net,
         notes="nodes are the edges of the batch, in its order"),
    Case("SiLU gate with a cutoff, after ViSNet", lambda: GateNet("visnet"), nasty, whole,
         gates("visnet")),
    Case("sigmoid gates", lambda: GateNet("sigmoid"), nasty, whole, gates("sigmoid")),
    Case("shares of sigmoids, after GatedGCN", lambda: GateNet("shares"), nasty, whole,
         gates("shares")),
]  # fmt: skip
