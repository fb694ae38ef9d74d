"""Attention of PyG's LPFormer and ViSNet, of its aggregations, and in the way of GraphGym."""

from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import AttentionalAggregation, MessagePassing, SoftmaxAggregation
from torch_geometric.nn.models import LPFormer
from torch_geometric.nn.models.visnet import ViS_MP
from torch_geometric.utils import add_remaining_self_loops, softmax

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    all_edges,
    attend,
    normalised,
    per_head,
    site,
    summed,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import EDGES, WIDTH, multigraphs, nasty, plain

D = DIM // HEADS


def links() -> Any:
    """Return graphs, links to be told, and how near nodes are."""
    data = plain()
    data.links = torch.tensor([[0, 1, 4, 6, 9], [2, 3, 5, 8, 10]])
    walk = torch.zeros(data.num_nodes, data.num_nodes)
    walk[data.edge_index[1], data.edge_index[0]] = 1
    walk = walk / walk.sum(1, keepdim=True).clamp(min=1)
    data.near = 0.15 * sum((0.85 * walk).matrix_power(k) for k in range(5))
    return data


def _call_lpformer(model, data):
    return model(data.links, data.x, data.edge_index, data.near.to_sparse())


def lpformer(m, data):
    h, layer, ends = m.propagate(data.x, data.edge_index), m.att_layers[0], data.links.t().tolist()
    joined = torch.zeros(data.num_nodes, data.num_nodes)
    joined[data.edge_index[0], data.edge_index[1]] = 1
    pairs, codes = [], []
    for link, (a, b) in enumerate(ends):
        for node in range(data.num_nodes):
            p, q = near = data.near[a, node], data.near[b, node]
            common = int(joined[a, node] + joined[b, node])
            if min(near) >= (m.thresh_non1hop, m.thresh_1hop, m.thresh_cn)[common]:
                encoder = (m.ppr_encoder_non1hop, m.ppr_encoder_onehop, m.ppr_encoder_cn)[common]
                both = torch.stack([torch.stack([p, q]), torch.stack([q, p])])
                pairs.append((node, link))
                codes.append(encoder(both).sum(0))
    edges = torch.tensor(pairs).t()
    node, link = edges
    of_link = torch.stack([layer.lin_l(h[a]) + layer.lin_l(h[b]) for a, b in ends])
    value = layer.lin_r(torch.cat([h[node], torch.stack(codes)], dim=1))
    score = F.leaky_relu(per_head(value * of_link[link], 1), 0.2) * layer.att
    _, sites = attend("att_layers.0", edges, score.sum(-1), per_head(value, 1), len(ends))
    return None, [site("att_layers.0", "score", score, edges), *sites]


class ViSNetBlock(Net):
    """The message passing of PyG's ViSNet, on edges that are given."""

    def __init__(self):
        super().__init__()
        self.vec, self.edge = nn.Linear(DIM, 3 * DIM), nn.Linear(EDGES, DIM)
        self.mp = ViS_MP(HEADS, DIM, 5.0, None, trainable_vecnorm=False, last_layer=True)

    def forward(self, data):
        h, (j, i) = self.enc(data.x), data.edge_index
        delta = data.pos[j] - data.pos[i]
        far = delta.norm(dim=-1)
        unit = delta / far[:, None].clamp(min=1e-9)
        vec = self.vec(h).view(-1, 3, DIM)
        dx, _, _ = self.mp(h, vec, data.edge_index, far, self.edge(data.edge_attr), unit)
        return self.read(h + dx, data.batch)


def visnet(m, data):
    h, (source, target), mp, own = m.enc(data.x), data.edge_index, m.mp, all_edges(data)
    x, attr, vec = mp.layernorm(h), m.edge(data.edge_attr), m.vec(h).view(-1, 3, DIM)
    q, k, v = (per_head(lin(x)) for lin in (mp.q_proj, mp.k_proj, mp.v_proj))
    score = q[target] * k[source] * per_head(F.silu(mp.dk_proj(attr)))
    far = (data.pos[source] - data.pos[target]).pow(2).sum(1).sqrt()
    cut = torch.where(far < 5, (torch.cos(far * torch.pi / 5) + 1) / 2, 0.0)
    gate = F.silu(score.sum(-1)) * cut[:, None]
    sent = gate[..., None] * v[source] * per_head(F.silu(mp.dv_proj(attr)))
    _, o2, o3 = mp.o_proj(summed(sent, target, len(h)).flatten(1)).split(DIM, dim=1)
    one, two, _ = mp.vec_proj(vec).split(DIM, dim=2)
    sites = [
        site("mp", "score", score, data.edge_index, own),
        site("mp", "gate", gate, data.edge_index, own),
        site("mp", "message", sent, data.edge_index, own),
    ]
    return m.read(h + (one * two).sum(1) * o2 + o3, data.batch), sites


class SoftmaxConv(MessagePassing):
    """Messages of both ends' features, weighed by a softmax of themselves in every channel."""

    def __init__(self):
        super().__init__(aggr=SoftmaxAggregation(t=0.7, learn=True))
        self.lin = nn.Linear(DIM, DIM)

    def forward(self, x, edge_index, edge_attr):
        return self.propagate(edge_index, x=self.lin(x), edge_attr=edge_attr)

    def message(self, x_j, edge_attr):
        return (x_j + edge_attr.sum(-1, keepdim=True)).relu()


class SoftmaxAggregated(Net):
    """A layer with a softmax as aggregation."""

    def __init__(self):
        super().__init__()
        self.conv = SoftmaxConv()

    def forward(self, data):
        h = self.conv(self.enc(data.x), data.edge_index, data.edge_attr)
        return self.read(h, data.batch)


def softmax_aggregated(m, data):
    source, target = edges = data.edge_index
    value = m.conv.lin(m.enc(data.x))[source] + data.edge_attr.sum(1, keepdim=True)
    value, own = value.clamp(min=0), all_edges(data)
    logit = value * m.conv.aggr_module.t
    weight = normalised(logit, target, data.num_nodes)
    sites = [
        site("conv", stage, values[:, None], edges, own)
        for stage, values in (("logit", logit), ("weight", weight), ("message", weight * value))
    ]
    return m.read(summed(weight * value, target, data.num_nodes), data.batch), sites


class ReadOut(nn.Module):
    """Attention of graphs to their nodes, and none between nodes."""

    def __init__(self):
        super().__init__()
        gate, value = nn.Linear(DIM, 1), nn.Linear(DIM, DIM)
        self.enc, self.head = nn.Linear(WIDTH, DIM), nn.Linear(DIM, 1)
        self.pool = AttentionalAggregation(gate, value)

    def forward(self, data):
        return self.head(self.pool(self.enc(data.x).tanh(), data.batch))


def read_out(m, data):
    h, n = torch.tanh(m.enc(data.x)), data.num_nodes
    down = torch.stack([torch.arange(n), data.batch])
    logit, value = m.pool.gate_nn(h), m.pool.nn(h)[:, None]
    out, sites = attend("pool", down, logit, value, 3)
    return m.head(out[:, 0]), sites


CFG = SimpleNamespace(dim_inner=DIM, heads=HEADS, act="prelu", l2norm=True, layers=2)
LAYERS: dict[str, type[nn.Module]] = {}


def register_layer(name):
    """Return a decorator that keeps a class under a name."""

    def kept(cls):
        return LAYERS.setdefault(name, cls)

    return kept


@register_layer("idgatconv")
class AdditiveConv(MessagePassing):
    """Additive attention whose parameters are made from a configuration."""

    def __init__(self, cfg):
        super().__init__(aggr="add", node_dim=0)
        self.heads = cfg.heads
        self.weight = nn.Parameter(torch.randn(cfg.dim_inner, cfg.dim_inner) / 3)
        self.att = nn.Parameter(torch.randn(1, cfg.heads, 2 * cfg.dim_inner // cfg.heads))

    def forward(self, x, edge_index):
        edge_index, _ = add_remaining_self_loops(edge_index, num_nodes=x.size(0))
        return self.propagate(edge_index, x=torch.matmul(x, self.weight))

    def message(self, edge_index_i, x_i, x_j, size_i):
        x_i, x_j = x_i.view(len(x_i), self.heads, -1), x_j.view(len(x_j), self.heads, -1)
        alpha = (torch.cat([x_i, x_j], dim=-1) * self.att).sum(dim=-1)
        alpha = softmax(F.leaky_relu(alpha, 0.2), edge_index_i, num_nodes=size_i)
        return (x_j * alpha.view(-1, self.heads, 1)).flatten(1)


class Wrapped(nn.Module):
    """A layer that takes a batch, and gives it back."""

    def __init__(self, name, cfg):
        super().__init__()
        self.model = LAYERS[name](cfg)

    def forward(self, batch):
        batch.x = self.model(batch.x, batch.edge_index)
        return batch


class GeneralLayer(nn.Module):
    """A wrapped layer, batch norm, activation and a norm of nodes, as a configuration says."""

    def __init__(self, name, cfg):
        super().__init__()
        self.layer = Wrapped(name, cfg)
        self.post_layer = nn.Sequential(nn.BatchNorm1d(cfg.dim_inner), nn.PReLU())
        self.l2norm = cfg.l2norm

    def forward(self, batch):
        batch = self.layer(batch)
        batch.x = self.post_layer(batch.x)
        if self.l2norm:
            batch.x = F.normalize(batch.x, p=2, dim=-1)
        return batch


class GraphGym(Net):
    """Stages that hand a batch on, made from names in a configuration."""

    def __init__(self, cfg=CFG):
        super().__init__()
        self.mp = nn.Sequential(*(GeneralLayer("idgatconv", cfg) for _ in range(cfg.layers)))

    def forward(self, batch):
        batch = batch.clone()
        batch.x = self.enc(batch.x)
        batch = self.mp(batch)
        return self.read(batch.x, batch.batch)


def graph_gym(m, data):
    h, n, sites = m.enc(data.x), data.num_nodes, []
    kept = [k for k, (i, j) in enumerate(data.edge_index.t().tolist()) if i != j]
    edges = torch.cat([data.edge_index[:, kept], torch.arange(n).expand(2, -1)], dim=1)
    own = torch.tensor(kept + [-1] * n)
    for number, general in enumerate(m.mp):
        conv, path = general.layer.model, f"mp.{number}.layer.model"
        v = per_head(h @ conv.weight)
        score = torch.cat([v[edges[1]], v[edges[0]]], dim=-1) * conv.att
        logit = F.leaky_relu(score.sum(-1), 0.2)
        out, more = attend(path, edges, logit, v[edges[0]], n, own)
        sites += [site(path, "score", score, edges, own), *more]
        h = general.post_layer(out.flatten(1))
        h = h / h.pow(2).sum(1, keepdim=True).sqrt()
    return m.read(h, data.batch), sites


def _whole(model, data):
    return model(data)


CASES = [
    Case("LPFormer of PyG", lambda: LPFormer(WIDTH, DIM), links, _call_lpformer, lpformer,
         notes="targets are links; sums over nodes near both ends, in three groups"),
    Case("ViSNet's message passing", ViSNetBlock, nasty, _whole, visnet),
    Case("softmax as aggregation", SoftmaxAggregated, nasty, _whole, softmax_aggregated,
         notes="a softmax in every channel, taken in conv.aggr_module"),
    Case("attention as read-out", ReadOut, plain, _whole, read_out,
         notes="from nodes to graphs: no edges of the batch"),
    Case("GraphGym", GraphGym, multigraphs, _whole, graph_gym),
]  # fmt: skip
