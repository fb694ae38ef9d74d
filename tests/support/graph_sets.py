"""Data sets of plain graphs, and networkx's view of one."""

import networkx as nx
import numpy as np
import torch

from edgescope.data.graphs import GraphDataset


def dataset_of(graphs, types=2):
    """Make a data set from pairs of a number of nodes and a list of directed edges."""
    nodes = [size for size, _ in graphs]
    edges = [len(pairs) for _, pairs in graphs]
    index = [torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T for _, pairs in graphs]
    index = torch.cat([torch.zeros(2, 0, dtype=torch.long), *index], dim=1)
    ends = index.sort(dim=0).values  # both directions of an edge are of one type
    return GraphDataset(
        node_ptr=torch.tensor([0, *np.cumsum(nodes)], dtype=torch.long),
        edge_ptr=torch.tensor([0, *np.cumsum(edges)], dtype=torch.long),
        x=torch.zeros(sum(nodes), dtype=torch.long),
        edge_index=index,
        edge_attr=(ends[0] * 3 + ends[1] * 5) % types,
        y=torch.zeros(len(graphs), 1),
        vocabulary=("atom",),
        edge_type_names=tuple(f"type {number}" for number in range(types)),
        target_names=("y",),
        name="made up",
    )


def both_ways(graph):
    """Return a networkx graph as a number of nodes and directed edges."""
    graph = nx.convert_node_labels_to_integers(graph)
    pairs = [pair for u, v in graph.edges for pair in ((u, v), (v, u))]
    return graph.number_of_nodes(), pairs


def random_multigraph(random, nodes, edges):
    """Draw directed edges at random: self-loops, duplicates and one-way edges among them."""
    return nodes, random.integers(nodes, size=(edges, 2)).tolist()


def simple(graph):
    """Return the simple undirected graph of a number of nodes and directed edges."""
    nodes, pairs = graph
    made = nx.Graph()
    made.add_nodes_from(range(nodes))
    made.add_edges_from((u, v) for u, v in pairs if u != v)
    return made
