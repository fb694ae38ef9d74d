"""A model in the style of PyG's examples, trained by the script that defines it."""

import torch
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv, global_mean_pool
from toy_molecules import ATOMS, BONDS, molecules


class Net(torch.nn.Module):
    def __init__(self, width=16, heads=2):
        super().__init__()
        self.atoms = torch.nn.Embedding(ATOMS, width)
        self.bonds = torch.nn.Embedding(BONDS, 8)
        self.convs = torch.nn.ModuleList(
            GATv2Conv(width, width // heads, heads, edge_dim=8) for _ in range(2)
        )
        self.out = torch.nn.Linear(width, 1)

    def forward(self, x, edge_index, edge_attr, batch):
        x, edge = self.atoms(x.view(-1)), self.bonds(edge_attr)
        for conv in self.convs:
            x = x + conv(x, edge_index, edge).relu()
        return self.out(global_mean_pool(x, batch))


test_loader = DataLoader(molecules(seed=1), batch_size=8)


if __name__ == "__main__":
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for batch in DataLoader(molecules(), batch_size=8, shuffle=True):
        loss = (model(batch.x, batch.edge_index, batch.edge_attr, batch.batch) - batch.y).abs()
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    torch.save(model.state_dict(), "net.pt")
