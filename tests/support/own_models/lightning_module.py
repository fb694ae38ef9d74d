"""A Lightning module around a net, and its data module."""

import lightning
import torch
from torch_geometric.loader import DataLoader
from torch_geometric.nn import TransformerConv, global_add_pool
from toy_molecules import ATOMS, BONDS, molecules


class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.atoms = torch.nn.Embedding(ATOMS, width)
        self.bonds = torch.nn.Embedding(BONDS, width)
        self.convs = torch.nn.ModuleList(
            TransformerConv(width, width // 2, 2, edge_dim=width) for _ in range(2)
        )
        self.out = torch.nn.Linear(width, 1)

    def forward(self, data):
        x, edge = self.atoms(data.x.view(-1)), self.bonds(data.edge_attr)
        for conv in self.convs:
            x = conv(x, data.edge_index, edge).relu()
        return self.out(global_add_pool(x, data.batch))


class Module(lightning.LightningModule):
    def __init__(self, width=16):
        super().__init__()
        self.save_hyperparameters()
        self.net = Net(width)

    def forward(self, data):
        return self.net(data)

    def training_step(self, data, _):
        return (self(data) - data.y).abs().mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())


class Molecules(lightning.LightningDataModule):
    def setup(self, stage):
        self.graphs = molecules(seed=1 if stage == "test" else 0)

    def train_dataloader(self):
        return DataLoader(self.graphs, batch_size=8)

    def test_dataloader(self):
        return DataLoader(self.graphs, batch_size=8)


def build(width=16):
    """Make the net alone, which Lightning's checkpoints hold as ``net.``."""
    return Net(width), Molecules()
