"""Models that are not ours, written in the spirit of PyG's examples."""

import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    GINEConv,
    GPSConv,
    TransformerConv,
    global_add_pool,
    global_mean_pool,
)


class GAT(nn.Module):
    """Node classifier on a citation graph (examples/gat.py)."""

    def __init__(self):
        super().__init__()
        self.conv1 = GATConv(12, 8, heads=4, dropout=0.6)
        self.conv2 = GATConv(32, 5, heads=1, concat=False, dropout=0.6)

    def forward(self, x, edge_index):
        x = F.dropout(x, p=0.6, training=self.training)
        x = F.elu(self.conv1(x, edge_index))
        x = F.dropout(x, p=0.6, training=self.training)
        return self.conv2(x, edge_index)


class GATv2(nn.Module):
    """Graph regression with edge features."""

    def __init__(self):
        super().__init__()
        self.atom = nn.Embedding(32, 24)
        self.bond = nn.Embedding(4, 6)
        self.convs = nn.ModuleList(GATv2Conv(24, 6, heads=4, edge_dim=6) for _ in range(2))
        self.head = nn.Linear(24, 1)

    def forward(self, x, edge_index, edge_attr, batch):
        x, edge = self.atom(x), self.bond(edge_attr)
        for conv in self.convs:
            x = conv(x, edge_index, edge).relu()
        return self.head(global_mean_pool(x, batch))


class UniMP(nn.Module):
    """TransformerConv with gated residuals on a citation graph (examples/unimp_arxiv.py)."""

    def __init__(self):
        super().__init__()
        self.label = nn.Embedding(5, 12)
        self.convs = nn.ModuleList(
            [
                TransformerConv(12, 8, heads=3, beta=True, dropout=0.3),
                TransformerConv(24, 5, heads=3, concat=False, beta=True, dropout=0.3),
            ]
        )
        self.norm = nn.LayerNorm(24)

    def forward(self, x, y, edge_index, label_mask):
        x = x + torch.where(label_mask.unsqueeze(1), self.label(y), 0.0)
        return self.convs[1](self.norm(self.convs[0](x, edge_index)).relu(), edge_index)


class GPS(nn.Module):
    """Graph regression with local and global layers (examples/graph_gps.py)."""

    def __init__(self, local, channels=32, pe_dim=8):
        super().__init__()
        self.node_emb = nn.Embedding(32, channels - pe_dim)
        self.pe_lin = nn.Linear(20, pe_dim)
        self.pe_norm = nn.BatchNorm1d(20)
        self.edge_emb = nn.Embedding(4, channels)
        self.convs = nn.ModuleList(
            GPSConv(channels, local(channels), heads=4, attn_kwargs={"dropout": 0.5})
            for _ in range(2)
        )
        self.mlp = nn.Sequential(nn.Linear(channels, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, x, pe, edge_index, edge_attr, batch):
        x = torch.cat((self.node_emb(x), self.pe_lin(self.pe_norm(pe))), 1)
        edge_attr = self.edge_emb(edge_attr)
        for conv in self.convs:
            x = conv(x, edge_index, batch, edge_attr=edge_attr)
        return self.mlp(global_add_pool(x, batch))


def gine(channels):
    return GINEConv(nn.Sequential(nn.Linear(channels, channels), nn.ReLU()))


def transformer(channels):
    return TransformerConv(channels, channels // 4, heads=4, edge_dim=channels)
