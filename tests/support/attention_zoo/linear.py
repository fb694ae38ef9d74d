"""Attention by kernels, whose weights are never formed, and what stands beside it."""

import torch
from torch import nn
from torch_geometric.nn import GINEConv, GPSConv
from torch_geometric.nn.models import Polynormer, SGFormer
from torch_geometric.utils import degree

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    all_edges,
    nothing,
    pairs_of,
    per_head,
    shares,
    site,
    summed,
)
from support.attention_zoo.case import NO_VALUE, Case
from support.attention_zoo.graphs import EDGES, WIDTH, nasty, plain

D = DIM // HEADS
KERNEL = "the sum over nodes is taken before queries meet keys, so that no pair has a weight"


def _everyone(data):
    return pairs_of(torch.zeros(data.num_nodes, dtype=torch.long))


def _norm(edge_index, nodes, dtype):
    deg = degree(edge_index[1], nodes, dtype).clamp(min=1)
    return deg[edge_index[0]].rsqrt() * deg[edge_index[1]].rsqrt()


class NodeFormerConv(nn.Module):
    """Kernelised attention with random features, and a relational bias (Wu et al., 2022)."""

    def __init__(self):
        super().__init__()
        self.Wq, self.Wk, self.Wv = (nn.Linear(DIM, DIM) for _ in range(3))
        self.Wo, self.b = nn.Linear(DIM, DIM), nn.Parameter(torch.randn(HEADS))
        self.register_buffer("projection", torch.randn(7, D))
        self.tau = 0.5

    def features(self, data):
        data = data / self.tau**0.5 * D**-0.25
        return torch.exp(data @ self.projection.t() - data.square().sum(-1, True) / 2) + 1e-6

    def forward(self, z, edge_index):
        q, k, v = (lin(z).view(-1, HEADS, D) for lin in (self.Wq, self.Wk, self.Wv))
        q, k = self.features(q), self.features(k)
        memory = torch.einsum("vhm,vhd->hmd", k, v)
        below = torch.einsum("vhm,hm->vh", q, k.sum(0))
        out = torch.einsum("vhm,hmd->vhd", q, memory) / below.unsqueeze(-1)
        row, col = edge_index
        value = _norm(edge_index, len(z), z.dtype)
        relation = torch.sigmoid(self.b)[None, :, None] * v[row] * value[:, None, None]
        out = out + torch.zeros_like(v).index_add(0, col, relation)
        return self.Wo(out.flatten(1))


class DIFFormerConv(nn.Module):
    """Diffusion with attention that is linear, or a sigmoid of each pair (Wu et al., 2023)."""

    def __init__(self, kernel):
        super().__init__()
        self.Wq, self.Wk, self.Wv = (nn.Linear(DIM, DIM) for _ in range(3))
        self.kernel = kernel

    def simple(self, qs, ks, vs):
        qs, ks = qs / torch.norm(qs, p=2), ks / torch.norm(ks, p=2)
        memory = torch.einsum("vha,vhb->hab", ks, vs)
        above = torch.einsum("vha,hab->vhb", qs, memory) + vs.sum(0, keepdim=True)
        return above / (torch.einsum("vha,ha->vh", qs, ks.sum(0)).unsqueeze(-1) + len(qs))

    def sigmoid(self, qs, ks, vs):
        open_to = torch.einsum("tha,sha->tsh", qs, ks).sigmoid()
        whole = torch.einsum("tsh,s->th", open_to, qs.new_ones(len(ks)))
        return torch.einsum("tsh,shb->thb", open_to / whole.unsqueeze(1), vs)

    def forward(self, z, edge_index):
        qs, ks, vs = (lin(z).reshape(-1, HEADS, D) for lin in (self.Wq, self.Wk, self.Wv))
        out = getattr(self, self.kernel)(qs, ks, vs)
        row, col = edge_index
        value = _norm(edge_index, len(z), z.dtype)
        matrix = torch.sparse_coo_tensor(torch.stack([col, row]), value, (len(z), len(z)))
        return (out + torch.stack([matrix @ vs[:, h] for h in range(HEADS)], dim=1)).mean(1)


class PerformerBlock(nn.Module):
    """Linear attention with positive features, within each graph of the batch."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))

    def forward(self, z, _, batch):
        q, k, v = (lin(z).view(-1, HEADS, D) for lin in (self.q, self.k, self.v))
        q, k = nn.functional.elu(q) + 1, nn.functional.elu(k) + 1
        graphs = int(batch.max()) + 1
        kv = q.new_zeros(graphs, HEADS, D, D).index_add(0, batch, k[..., None] * v[:, :, None])
        whole = q.new_zeros(graphs, HEADS, D).index_add(0, batch, k)
        return ((q[..., None] * kv[batch]).sum(2) / (q * whole[batch]).sum(-1, True)).flatten(1)


class KernelNet(Net):
    """One block on the nodes of the whole batch."""

    def __init__(self, conv, *, graphs=False):
        super().__init__()
        self.conv, self.graphs = conv, graphs
        self.head = nn.Linear(D if isinstance(conv, DIFFormerConv) else DIM, 1)

    def forward(self, x, edge_index, batch):
        more = (batch,) if self.graphs else ()
        return self.read(self.conv(self.enc(x), edge_index, *more), batch)


def kernel_net(kernel):
    """Return what works out a block by the weight of every pair of nodes, which it never forms."""

    def work(m, data):
        h, n, c = m.enc(data.x), data.num_nodes, m.conv
        pairs = pairs_of(data.batch) if kernel == "performer" else _everyone(data)
        source, target = pairs
        names = ("q", "k", "v") if kernel == "performer" else ("Wq", "Wk", "Wv")
        q, k, v = (per_head(getattr(c, name)(h)) for name in names)
        sites, conv_edges = [], data.edge_index
        norm = _norm(conv_edges, n, h.dtype)[:, None, None]
        sent = v[conv_edges[0]] * norm
        if kernel == "nodeformer":
            amount = (c.features(q)[target] * c.features(k)[source]).sum(-1)
            sent = sent * torch.sigmoid(c.b)[None, :, None]
            sites = [site("conv", "message", sent, conv_edges, all_edges(data), part="relation")]
        elif kernel == "simple":
            amount = 1 + (q[target] * k[source]).sum(-1) / (q.norm() * k.norm())
        elif kernel == "sigmoid":
            amount = torch.sigmoid((q[target] * k[source]).sum(-1))
            sites = [site("conv", "gate", amount, pairs)]
        else:
            raised = [torch.where(z > 0, z + 1, z.exp()) for z in (q, k)]
            amount = (raised[0][target] * raised[1][source]).sum(-1)
        weight = shares(amount, target, n)
        if kernel == "sigmoid":
            sites.append(site("conv", "weight", weight, pairs))
        out = summed(weight[..., None] * v[source], target, n)
        if kernel != "performer":
            out = out + summed(sent, conv_edges[1], n)
        if kernel in {"simple", "sigmoid"}:
            out = out.mean(1)
        else:
            out = c.Wo(out.flatten(1)) if kernel == "nodeformer" else out.flatten(1)
        return m.read(out, data.batch), sites

    return work


class GPSPerformer(Net):
    """PyG's GPS with Performer for the nodes of a graph, and GINE for its edges."""

    def __init__(self):
        super().__init__()
        mlp = nn.Sequential(nn.Linear(DIM, DIM), nn.ReLU(), nn.Linear(DIM, DIM))
        self.conv = GPSConv(DIM, GINEConv(mlp, edge_dim=EDGES), HEADS, attn_type="performer")

    def forward(self, data):
        h = self.conv(self.enc(data.x), data.edge_index, data.batch, edge_attr=data.edge_attr)
        return self.read(h, data.batch)


def polynormer():
    """Return PyG's Polynormer with its global part."""
    model = Polynormer(WIDTH, DIM, 3, local_layers=2, global_layers=1)
    model._global = True
    return model


def whole(model, data):
    """Call a model with the batch itself."""
    return model(data)


def by_parts(model, data):
    """Call a model with nodes, edges and graphs."""
    return model(data.x, data.edge_index, data.batch)


CASES = [
    Case("NodeFormer", lambda: KernelNet(NodeFormerConv()), nasty, by_parts,
         kernel_net("nodeformer"), NO_VALUE, KERNEL),
    Case("DIFFormer, simple", lambda: KernelNet(DIFFormerConv("simple")), nasty, by_parts,
         kernel_net("simple"), NO_VALUE, KERNEL),
    Case("DIFFormer, sigmoid", lambda: KernelNet(DIFFormerConv("sigmoid")), nasty, by_parts,
         kernel_net("sigmoid"), notes="pairs over all graphs of the batch; heads last"),
    Case("Performer by hand", lambda: KernelNet(PerformerBlock(), graphs=True), nasty, by_parts,
         kernel_net("performer"), NO_VALUE, KERNEL),
    Case("GPS with Performer", GPSPerformer, nasty, whole, nothing, NO_VALUE, KERNEL),
    Case("SGFormer", lambda: SGFormer(WIDTH, DIM, 3), plain, by_parts, nothing, NO_VALUE, KERNEL),
    Case("Polynormer", polynormer, plain, by_parts, nothing, NO_VALUE, KERNEL),
]  # fmt: skip
