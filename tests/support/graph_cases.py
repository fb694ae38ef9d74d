"""Graphs to run the models of ``layer_cases`` on: random ones, and always the same."""

import torch
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

WIDTH, EDGE_DIM, TYPES = 8, 3, 3


@st.composite
def graphs(draw, min_edges: int = 0, max_nodes: int = 5) -> Data:
    """Graphs with self-loops, duplicate edges and isolated nodes, with random features."""
    nodes = draw(st.integers(1, max_nodes))
    end = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(end, end), min_size=min_edges, max_size=8))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    return Data(
        x=torch.randn(nodes, WIDTH, generator=generator),
        edge_index=torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t().contiguous(),
        edge_attr=torch.randn(len(edges), EDGE_DIM, generator=generator),
        edge_type=torch.randint(TYPES, (len(edges),), generator=generator),
    )


def some_graphs() -> Batch:
    """Three graphs with self-loops, duplicate edges and isolated nodes."""
    generator = torch.Generator().manual_seed(0)
    edges = [
        [(0, 1), (1, 0), (2, 2), (1, 2), (0, 1)],
        [(0, 0)],
        [(0, 3), (3, 0), (1, 1), (1, 3), (3, 1), (2, 0)],
    ]
    return Batch.from_data_list(
        [
            Data(
                x=torch.randn(5, WIDTH, generator=generator),
                edge_index=torch.tensor(each).t().contiguous(),
                edge_attr=torch.randn(len(each), EDGE_DIM, generator=generator),
                edge_type=torch.randint(TYPES, (len(each),), generator=generator),
            )
            for each in edges
        ]
    )
