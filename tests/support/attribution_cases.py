"""Graphs, models and reference computations for the tests of attribution."""

import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv

import edgescope as es
from edgescope.data.graphs import GraphDataset
from edgescope.models.attention import EdgeAttention

NASTY = [
    (4, [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2)]),
    (1, []),
    (5, [(0, 1), (0, 1), (1, 0), (1, 0), (2, 0), (0, 2), (2, 2), (1, 3)]),
    (3, [(0, 0), (1, 2), (2, 1)]),
    (2, []),
]
"""Numbers of nodes and edges: duplicates, self-loops, one direction only, isolated nodes."""


def data_set(graphs=NASTY, task="regression", outputs=1, seed=0):
    """A data set with three types of nodes and of edges; both directions have one type."""
    random = torch.Generator().manual_seed(seed)
    nodes = [count for count, _ in graphs]
    edges = [torch.tensor(each, dtype=torch.int64).reshape(-1, 2).t() for _, each in graphs]
    types = []
    for each in edges:
        ends = each.sort(0).values
        types.append((ends[0] * 2 + ends[1]) % 3)
    ptr = torch.tensor([0, *nodes]).cumsum(0)
    edge_ptr = torch.tensor([0, *[each.size(1) for each in edges]]).cumsum(0)
    return GraphDataset(
        node_ptr=ptr,
        edge_ptr=edge_ptr,
        x=torch.randint(0, 3, (int(ptr[-1]),), generator=random),
        edge_index=torch.cat(edges, 1),
        edge_attr=torch.cat(types),
        y=torch.zeros(len(graphs), outputs),
        vocabulary=("a", "b", "c"),
        edge_type_names=("one", "two", "three"),
        target_names=tuple(f"y{number}" for number in range(outputs)),
        name="nasty",
        task=task,
    )


def random_batch(seed=0, graphs=3, loops=True):
    """A batch of random graphs with duplicate edges."""
    random = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(graphs):
        nodes = int(torch.randint(1, 6, (1,), generator=random))
        size = int(torch.randint(0, 9, (1,), generator=random))
        edges = torch.randint(0, nodes, (2, size), generator=random)
        edges = edges if loops else edges[:, edges[0] != edges[1]]
        made.append(
            Data(
                x=torch.randint(0, 3, (nodes,), generator=random),
                edge_index=edges,
                edge_attr=torch.randint(0, 3, (edges.size(1),), generator=random),
            )
        )
    return Batch.from_data_list(made)


def own_model(architecture="GraphTransformer", seed=0, scale=2.0, **options):
    """A model of edgescope with weights large enough for edges to matter, in eval mode."""
    torch.manual_seed(seed)
    sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 2, "batch_norm": False}
    model = es.models.build(
        architecture, num_atom_types=3, num_bond_types=3, **(sizes | options)
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale if parameter.dim() > 1 else 1.0)
    return model


class Foreign(nn.Module):
    """A model that is not ours: real-valued features of edges, any of PyG's layers."""

    def __init__(self, layer=GATv2Conv, width=3, **options):
        super().__init__()
        self.atom = nn.Embedding(3, 6)
        self.convs = nn.ModuleList(
            layer(6, 3, heads=2, edge_dim=width, **options) for _ in range(2)
        )
        self.head = nn.Linear(6, 1)

    def forward(self, x, edge_index, edge_attr, batch=None):
        state = self.atom(x)
        for conv in self.convs:
            state = conv(state, edge_index, edge_attr).tanh()
        of = edge_index.new_zeros(len(x)) if batch is None else batch
        graphs = int(of.max()) + 1
        return state.new_zeros(graphs, 1).index_add(0, of, self.head(state))


def foreign(layer=GATv2Conv, seed=0, **options):
    torch.manual_seed(seed)
    return Foreign(layer, **options).eval()


def with_features(batch, width=3, seed=0):
    """The same batch with real-valued features of edges."""
    batch = batch.clone()
    random = torch.Generator().manual_seed(seed)
    batch.edge_attr = torch.randn(batch.edge_index.size(1), width, generator=random)
    return batch


class Planted(nn.Module):
    """Sums what nodes take in from nodes of type 1; what comes from others is 0."""

    def __init__(self, layer):
        super().__init__()
        self.node_embedding = nn.Embedding(2, 4)
        self.layer = layer
        with torch.no_grad():
            self.node_embedding.weight.copy_(torch.tensor([[0.0] * 4, [1.0, 0, 0, 0]]))
            for parameter in layer.parameters():
                parameter.zero_()
            values = layer.value if isinstance(layer, EdgeAttention) else value_of(layer)
            values.weight.copy_(torch.eye(4))

    def forward(self, x, edge_index, batch):
        state = self.node_embedding(x)
        if isinstance(self.layer, EdgeAttention):
            taken, _ = self.layer(state, torch.zeros(edge_index.size(1), 4), edge_index)
        else:
            taken = self.layer(state, edge_index)
        # What a node takes in along a self-loop that the layer adds is no edge's doing.
        taken = taken.sum(1, keepdim=True) * (x == 0).unsqueeze(1)
        return taken.new_zeros(int(batch.max()) + 1, 1).index_add(0, batch, taken)


def value_of(layer):
    return layer.lin_value if isinstance(layer, TransformerConv) else layer.lin


def planted_layers():
    return {
        "EdgeAttention": EdgeAttention(4, 1),
        "GATConv": GATConv(4, 4, heads=1),
        "TransformerConv": TransformerConv(4, 4, heads=1, root_weight=False),
    }


def planted_batch():
    """A ring of five nodes, of which node 2 is of type 1; edges 2 -> 1 and 2 -> 3 matter."""
    ring = [(i, (i + 1) % 5) for i in range(5)]
    edges = torch.tensor(ring + [(b, a) for a, b in ring]).t().contiguous()
    x = torch.tensor([0, 0, 1, 0, 0])
    graph = Data(x=x, edge_index=edges, edge_attr=torch.zeros(10, dtype=torch.int64))
    return Batch.from_data_list([graph]), edges[0] == 2
