"""Graphs with two sets of nodes, pairs of graphs, and batches of them."""

from types import SimpleNamespace

import torch
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from edgescope.capturing import EdgeIdentity


class BipartiteData(Data):
    """Edges from ``x_s`` to ``x_t``, as on PyG's page on batching."""

    def __inc__(self, key, value, *args, **kwargs):
        if key == "edge_index":
            return torch.tensor([[self.x_s.size(0)], [self.x_t.size(0)]])
        return super().__inc__(key, value, *args, **kwargs)


class PairData(Data):
    """Two graphs that belong together, as on PyG's page on batching."""

    def __inc__(self, key, value, *args, **kwargs):
        if key == "edge_index_s":
            return self.x_s.size(0)
        if key == "edge_index_t":
            return self.x_t.size(0)
        return super().__inc__(key, value, *args, **kwargs)


@st.composite
def sizes_and_edges(draw, two_sided, graphs=(1, 4)):
    """Per graph the numbers of nodes at either end and its edges, numbered within the graph."""
    found = []
    for _ in range(draw(st.integers(*graphs))):
        first = draw(st.integers(1, 4))
        second = draw(st.integers(1, 4)) if two_sided else first
        pair = st.tuples(st.integers(0, first - 1), st.integers(0, second - 1))
        found.append((first, second, draw(st.lists(pair, max_size=6))))
    return found


def edges_of(pairs):
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t().contiguous()


def bipartite(made):
    return [
        BipartiteData(x_s=torch.randn(s, 6), x_t=torch.randn(t, 6), edge_index=edges_of(edges))
        for s, t, edges in made
    ]


def pairs(left, right):
    return [
        PairData(
            x_s=torch.randn(s[0], 6),
            edge_index_s=edges_of(s[2]),
            x_t=torch.randn(t[0], 6),
            edge_index_t=edges_of(t[2]),
        )
        for s, t in zip(left, right, strict=True)
    ]


def plain(made):
    return [Data(x=torch.randn(n, 6), edge_index=edges_of(edges)) for n, _, edges in made]


def without_notes(batch, *names):
    """A batch of no known class, with some attributes only."""
    kept = {name: getattr(batch, name) for name in names}
    return SimpleNamespace(**kept, num_graphs=batch.num_graphs)


def joined(made, follow=()):
    return Batch.from_data_list(made, follow_batch=list(follow))


def blind(edge_index, name="", target_row=1, rows=None):
    """The rows of a layer in a model that knows of one graph only."""
    rows = torch.arange(edge_index.size(1)) if rows is None else rows
    zero = torch.zeros(len(rows), dtype=torch.long)
    return EdgeIdentity(
        edge_index[:, rows],
        rows,
        zero,
        None,
        torch.zeros(2, len(rows), dtype=torch.long),
        position=rows,
        target_row=target_row,
        input=name,
    )


def expected(made):
    """Graph, position in it and ends of every edge, in the order of the graphs."""
    return [
        (graph, place, *edge)
        for graph, (_, _, edges) in enumerate(made)
        for place, edge in enumerate(edges)
    ]


def told(identity):
    """The same of rows that have been placed, with the ends as in ``edge_index``."""
    own = identity.edge_index - identity.node_offset
    columns = (identity.graph, identity.input_edge, own[0], own[1])
    return list(zip(*(column.tolist() for column in columns), strict=True))
