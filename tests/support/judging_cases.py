"""Data sets with nasty graphs, and models small enough to work out by hand."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn

from edgescope.attribute import Method
from edgescope.data.graphs import GraphDataset

TYPES = 3


def graph_dataset(graphs, *, y=None, task="regression", truth=None):
    """Return a data set of ``(nodes, edges, types)`` with edges as pairs of nodes."""
    nodes = torch.tensor([size for size, _, _ in graphs])
    counts = torch.tensor([len(edges) for _, edges, _ in graphs])
    edges = [torch.tensor(edges, dtype=torch.long).reshape(-1, 2) for _, edges, _ in graphs]
    types = [torch.tensor(types, dtype=torch.long) for _, _, types in graphs]
    start = torch.zeros(1, dtype=torch.long)
    return GraphDataset(
        node_ptr=torch.cat([start, nodes.cumsum(0)]),
        edge_ptr=torch.cat([start, counts.cumsum(0)]),
        x=torch.zeros(int(nodes.sum()), dtype=torch.long),
        edge_index=torch.cat(edges).T.contiguous(),
        edge_attr=torch.cat(types),
        y=torch.zeros(len(graphs), 1) if y is None else y,
        vocabulary=("n",),
        edge_type_names=tuple(f"t{number}" for number in range(TYPES)),
        target_names=("y",),
        name="made up",
        task=task,
        edge_truth=truth,
    )


def random_graph(random, nodes, bonds, *, loops=True):
    """Return a graph with duplicates and self-loops, both directions of every bond."""
    edges, types = [], []
    for _ in range(bonds):
        a, b = random.integers(nodes, size=2).tolist()
        kind = int(random.integers(TYPES))
        if a == b:
            if loops:
                edges, types = [*edges, (a, b)], [*types, kind]
            continue
        edges, types = [*edges, (a, b), (b, a)], [*types, kind, kind]
    order = random.permutation(len(edges)).tolist()
    return nodes, [edges[i] for i in order], [types[i] for i in order]


@st.composite
def datasets(draw, max_graphs=5, **options):
    """Draw data sets, some of whose graphs have one node, no edges, duplicates or loops."""
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    sizes = draw(
        st.lists(st.tuples(st.integers(1, 5), st.integers(0, 7)), min_size=1, max_size=max_graphs)
    )
    return graph_dataset([random_graph(random, *size) for size in sizes], **options)


def simple_dataset(graphs=20, seed=0, **options):
    """Return graphs of several bonds each, with no duplicates: every pair of nodes at most once."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(graphs):
        nodes = int(random.integers(4, 8))
        pairs = [(a, b) for a in range(nodes) for b in range(a) if random.random() < 0.6]
        pairs = pairs or [(0, 1)]
        kinds = random.integers(TYPES, size=len(pairs)).tolist()
        edges = [edge for a, b in pairs for edge in ((a, b), (b, a))]
        made.append((nodes, edges, [kind for kind in kinds for _ in range(2)]))
    return graph_dataset(made, **options)


def bond_of_every_edge(dataset):
    """Return ``(graph, two nodes, which copy)`` of every directed edge, found edge by edge."""
    found = []
    for graph in range(len(dataset)):
        seen = {}
        first, last = dataset.edge_ptr[graph : graph + 2].tolist()
        for source, target in dataset.edge_index[:, first:last].T.tolist():
            copy = seen.get((source, target), 0)
            seen[source, target] = copy + 1
            found.append((graph, *sorted((source, target)), copy))
    return found


class SumOfTypes(nn.Module):
    """Predicts the sum of a number per edge type over the directed edges of a graph."""

    def __init__(self, *numbers, bias=0.0):
        super().__init__()
        self.numbers = nn.Parameter(torch.tensor(numbers, dtype=torch.float64).reshape(TYPES, -1))
        self.bias = bias

    def forward(self, edge_index, edge_attr, batch):
        """Return ``[G, T]``."""
        graphs = int(batch.max()) + 1
        sums = self.numbers.new_full((graphs, self.numbers.size(1)), self.bias)
        return sums.index_add(0, batch[edge_index[0]], self.numbers[edge_attr])


VALUES = (0.0, 1.0, -2.0)
"""What an edge of each type adds to the prediction: edges of type 0 do not matter."""


class Additive(nn.Module):
    """Predicts the sum of a number per edge, out of its embedding: what matters is known."""

    def __init__(self, *values):
        super().__init__()
        self.edge_embedding = nn.Embedding(TYPES, 2)
        with torch.no_grad():
            self.edge_embedding.weight[:, 0] = torch.tensor(values)
            self.edge_embedding.weight[:, 1] = 1.0

    def forward(self, edge_index, edge_attr, batch):
        """Return ``[G, 1]``."""
        each = self.edge_embedding(edge_attr)[:, 0]
        graphs = int(batch.max()) + 1
        return each.new_zeros(graphs).index_add(0, batch[edge_index[0]], each).unsqueeze(1)


class Given(Method):
    """A method whose importances are a number per edge type."""

    def __init__(self, name, *numbers):
        self.name = name
        self.numbers = torch.tensor(numbers)

    def attribute(self, model, batch, *, call=None):  # noqa: ARG002  (every method's arguments)
        """Return ``[E]``."""
        return self.numbers[batch.edge_attr]


def planted(graphs=60):
    """Return graphs in which the edges of types 1 and 2 matter, and a target they decide."""
    dataset = simple_dataset(graphs)
    truth = (dataset.edge_attr > 0).float().unsqueeze(1)
    graph = torch.repeat_interleave(torch.arange(graphs), dataset.edge_ptr.diff())
    added = torch.tensor(VALUES)[dataset.edge_attr]
    y = torch.zeros(graphs).index_add(0, graph, added).unsqueeze(1)
    return replace(dataset, edge_truth=truth, y=y)


GOOD, BAD = Given("good", 0.0, 1.0, 2.0), Given("bad", 2.0, 1.0, 0.0)
