"""A network in the style of GraphGym: a batch goes from encoder to layers to head, and out."""

import torch
from torch_geometric.nn import GPSConv, TransformerConv, global_mean_pool
from toy_molecules import ATOMS, BONDS, molecules


class FeatureEncoder(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.node = torch.nn.Embedding(ATOMS, width)
        self.edge = torch.nn.Embedding(BONDS, width)

    def forward(self, batch):
        batch.x, batch.edge_attr = self.node(batch.x.view(-1)), self.edge(batch.edge_attr)
        return batch


class GPSLayer(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        local = TransformerConv(width, width // 2, 2, edge_dim=width)
        self.gps = GPSConv(width, local, heads=2)

    def forward(self, batch):
        batch.x = self.gps(batch.x, batch.edge_index, batch.batch, edge_attr=batch.edge_attr)
        return batch


class Network(torch.nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.encoder = FeatureEncoder(cfg["width"])
        self.layers = torch.nn.Sequential(*(GPSLayer(cfg["width"]) for _ in range(cfg["layers"])))
        self.post_mp = torch.nn.Linear(cfg["width"], 1)

    def forward(self, batch):
        for module in (self.encoder, self.layers):
            batch = module(batch)
        return self.post_mp(global_mean_pool(batch.x, batch.batch)), batch.y


class Prediction(torch.nn.Module):
    """The network without the targets that it returns beside its predictions."""

    def __init__(self, cfg):
        super().__init__()
        self.model = Network(cfg)

    def forward(self, batch):
        return self.model(batch.clone())[0]


def create_model(width=16, layers=2):
    return Prediction({"width": width, "layers": layers})


def create_dataset():
    return molecules(seed=1)
