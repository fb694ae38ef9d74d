"""A model of authors and papers, with sizes that follow from the first batch."""

import torch
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv, HeteroConv
from toy_molecules import papers

RELATIONS = [
    ("author", "writes", "paper"),
    ("paper", "written_by", "author"),
    ("paper", "cites", "paper"),
]


class Papers(torch.nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.convs = torch.nn.ModuleList(
            HeteroConv({r: GATv2Conv((-1, -1), width, 2, add_self_loops=False) for r in RELATIONS})
            for _ in range(2)
        )
        self.out = torch.nn.LazyLinear(1)

    def forward(self, x_dict, edge_index_dict):
        for conv in self.convs:
            x_dict = {kind: x.relu() for kind, x in conv(x_dict, edge_index_dict).items()}
        return self.out(x_dict["paper"])


def build():
    return Papers(), DataLoader(papers(), batch_size=1)
