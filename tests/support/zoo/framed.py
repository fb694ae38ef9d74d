"""Models in the styles of frameworks: a batch goes in, and often out; models in models."""

from typing import Any

import lightning
import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv, global_mean_pool
from torch_geometric.utils import to_dense_batch

from support.zoo.graphs import EDGES, WIDTH
from support.zoo.plain import WithEdges


class GymLayer(nn.Module):
    """A layer that changes a batch and hands it on, as GraphGym's do."""

    def __init__(self, width: int, other: int) -> None:
        super().__init__()
        self.model = GATConv(width, other)

    def forward(self, batch):
        batch.x = F.relu(self.model(batch.x, batch.edge_index))
        return batch


class GymHead(nn.Module):
    """The head that ends it: predictions and labels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lin = nn.Linear(width, 1)

    def forward(self, batch):
        return self.lin(global_mean_pool(batch.x, batch.batch)), batch.y


class Gym(nn.Module):
    """Layers in a row, all called with ``batch``."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(GymLayer(WIDTH, 4), GymLayer(4, 4))
        self.post_mp = GymHead(4)

    def forward(self, batch):
        for module in self.children():
            batch = module(batch)
        return batch[0]


class LocalAndGlobal(nn.Module):
    """A layer of GraphGPS: message passing and full attention side by side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.local_model = TransformerConv(width, width, edge_dim=EDGES)
        self.self_attn = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, batch):
        local = self.local_model(batch.x, batch.edge_index, batch.edge_attr)
        dense, mask = to_dense_batch(batch.x, batch.batch)
        full, _ = self.self_attn(dense, dense, dense, key_padding_mask=~mask)
        batch.x = self.norm(batch.x + local + full[mask])
        return batch


class GPS(nn.Module):
    """Two such layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([LocalAndGlobal(WIDTH), LocalAndGlobal(WIDTH)])
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, batch):
        for layer in self.layers:
            batch = layer(batch)
        return self.head(global_mean_pool(batch.x, batch.batch))


class Encoder(nn.Module):
    """Torch's encoder on a dense batch, told of its edges only."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 8, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x, edge_index, batch):  # noqa: ARG002  (read by capture)
        dense, mask = to_dense_batch(x, batch)
        out = self.encoder(dense, src_key_padding_mask=~mask)
        return self.head(global_mean_pool(out[mask], batch))


class Lit(lightning.LightningModule):
    """A module of Lightning, whose forward gets the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = GATv2Conv(WIDTH, 4, edge_dim=EDGES), nn.Linear(4, 1)

    def forward(self, batch):
        x = self.conv(batch.x, batch.edge_index, batch.edge_attr)
        return self.head(global_mean_pool(x, batch.batch))

    def training_step(self, batch, _):
        return F.mse_loss(self(batch), batch.y)


class OfData(nn.Module):
    """A forward of one ``data``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = GATConv(WIDTH, 4), nn.Linear(4, 1)

    def forward(self, data):
        x, edge_index, batch = data.x, data.edge_index, data.batch
        return self.head(global_mean_pool(self.conv(x, edge_index).relu(), batch))


class Wrapper(nn.Module):
    """Hands all on, whatever it is."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


def wrapped() -> nn.Module:
    return Wrapper(WithEdges(GATv2Conv))


def parallel() -> nn.Module:
    return nn.DataParallel(WithEdges())


def compiled() -> nn.Module:
    return torch.compile(WithEdges(), backend="eager")


def partly_compiled() -> nn.Module:
    model = WithEdges()
    model.conv2 = torch.compile(model.conv2, backend="eager")
    return model
