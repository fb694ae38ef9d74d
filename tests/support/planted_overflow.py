"""A model of which one edge has a score that float16 does not reach, and its graphs."""

import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from edgescope.models import EdgeAttention

LARGE = 300.0
"""Two of them multiplied are more than 65,504; alone each is far below."""

GRAPH, EDGE = 6, 2
"""The graph with the edge between two nodes of type 0, and its number there."""

BATCH_SIZE = 4


class PlantedOverflow(nn.Module):
    """One attention layer over nodes, of which those of type 0 have a large channel.

    Args:
        large: the size of that channel.
        edge: what the states of edges are multiplied by in that channel. With 1 the score itself
            is beyond float16, with 0.1 only the product of query and key that it is made of.
    """

    def __init__(self, large=LARGE, edge=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.node_embedding = nn.Embedding(4, 8)
        self.attention = EdgeAttention(8, 2)
        self.read = nn.Linear(8, 1)
        with torch.no_grad():
            self.attention.query.weight.copy_(torch.eye(8))
            self.attention.key.weight.copy_(torch.eye(8))
            self.attention.edge.weight[5] = edge / 8
            self.node_embedding.weight[:, 5] = torch.tensor([large, 0.5, 0.5, 0.5])

    def forward(self, x, edge_index, edge_attr, batch):
        edge = edge_attr.unsqueeze(1).expand(-1, 8)
        attended, _ = self.attention(self.node_embedding(x), edge, edge_index)
        graphs = int(batch.max()) + 1
        return self.read(attended.new_zeros(graphs, 8).index_add(0, batch, attended))


def graphs(number=10):
    """Paths of four nodes; in one of them two neighbours are of type 0."""
    made = []
    for position in range(number):
        x = torch.tensor([0, 1 + position % 3, 2, 0])
        if position == GRAPH:
            x = torch.tensor([1, 2, 0, 0])
        edge_index = torch.tensor([[0, 1, 2], [1, 2, 3]])
        edge_attr = torch.tensor([1.0, 0.7, 2.0]) + 0.01 * position
        y = torch.tensor([[float(position % 4)]])
        made.append(Data(x=x, edge_index=edge_index, edge_attr=edge_attr, y=y))
    return made


def loader(number=10):
    return DataLoader(graphs(number), batch_size=BATCH_SIZE)
