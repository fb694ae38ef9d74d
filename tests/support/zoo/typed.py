"""Models of graphs with several types of nodes and relations."""

import torch
from torch import nn
from torch_geometric.nn import GATConv, HANConv, HeteroConv, HGTConv, to_hetero

from support.zoo.graphs import WIDTH, scholarly

METADATA = scholarly()[0].metadata()


class ByHeteroConv(nn.Module):
    """One GATConv for every relation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = HeteroConv(
            {kind: GATConv((WIDTH, WIDTH), 4, add_self_loops=False) for kind in METADATA[1]}
        )
        self.head = nn.Linear(4, 1)

    def forward(self, x_dict, edge_index_dict):
        return self.head(self.conv(x_dict, edge_index_dict)["author"])


class OfType(nn.Module):
    """A layer for all relations at once."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv, self.head = conv, nn.Linear(4, 1)

    def forward(self, x_dict, edge_index_dict):
        return self.head(self.conv(x_dict, edge_index_dict)["author"])


def hgt() -> nn.Module:
    return OfType(HGTConv(WIDTH, 4, METADATA, heads=2))


def han() -> nn.Module:
    return OfType(HANConv(WIDTH, 4, METADATA, heads=2))


class Homogeneous(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = GATConv((WIDTH, WIDTH), 4, add_self_loops=False)
        self.conv2 = GATConv((4, 4), 4, add_self_loops=False)

    def forward(self, x, edge_index):
        return self.conv2(self.conv1(x, edge_index).relu(), edge_index)


class Transformed(nn.Module):
    """A homogeneous model that PyG has made heterogeneous."""

    def __init__(self) -> None:
        super().__init__()
        self.model = to_hetero(Homogeneous(), METADATA)
        self.head = nn.Linear(4, 1)

    def forward(self, x_dict, edge_index_dict):
        return self.head(self.model(x_dict, edge_index_dict)["author"])


def relations() -> list[str]:
    """Return the relations in the words of a capture."""
    return [" ".join(kind) for kind in METADATA[1]]


def given_edges(relation: str) -> torch.Tensor:
    """Return the edges of a relation as the user gives them ``[2, E]``."""
    return scholarly()[0][tuple(relation.split())].edge_index
