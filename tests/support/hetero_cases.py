"""Random heterogeneous graphs, and a heterogeneous layer alone with what it aggregates."""

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from support import layer_reference
from support.layer_reference import Observed

Relation = tuple[str, str, str]

NODE_DIMS = {"paper": 4, "author": 3}
RELATIONS: list[Relation] = [
    ("author", "writes", "paper"),
    ("paper", "cites", "paper"),
    ("paper", "written_by", "author"),
    ("author", "writes_to", "author"),
]
METADATA = (list(NODE_DIMS), RELATIONS)


@st.composite
def hetero_graphs(draw: st.DrawFn, min_edges: int = 0) -> HeteroData:
    """Graphs with loops, duplicate edges, isolated nodes and relations without edges."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    data = HeteroData()
    for kind, width in NODE_DIMS.items():
        data[kind].x = torch.randn(draw(st.integers(1, 4)), width, generator=generator)
    for relation in RELATIONS:
        ends = [st.integers(0, len(data[kind].x) - 1) for kind in (relation[0], relation[2])]
        edges = draw(st.lists(st.tuples(*ends), min_size=min_edges, max_size=6))
        data[relation].edge_index = columns(edges)
    return data


# What a call may be given: some of the relations, in any order.
some_relations = st.lists(st.sampled_from(RELATIONS), min_size=1, unique=True)
in_order = some_relations.map(lambda relations: sorted(relations, key=RELATIONS.index))


def columns(edges: list[tuple[int, int]]) -> Tensor:
    """Return pairs as an ``edge_index`` ``[2, E]``."""
    return torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t().contiguous()


def joint_layer(kind: type[nn.Module], heads: int = 2, width: int = 6, **options: Any) -> nn.Module:
    """Return a layer for all relations, with its parameters as they may be after training."""
    with torch.random.fork_rng():
        torch.manual_seed(heads)
        layer = kind(NODE_DIMS, width, METADATA, heads=heads, **options)
        for prior in getattr(layer, "p_rel", {}).values():  # ones at the start
            nn.init.normal_(prior)
    return layer.eval()


class HeteroLayer(nn.Module):
    """A model that is one heterogeneous layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.conv = layer

    def forward(self, x_dict: Any, edge_index_dict: Any) -> Any:
        return self.conv(x_dict, edge_index_dict)


def observe(layer: nn.Module, x_dict: Any, edge_index_dict: Any) -> Observed:
    """Call a layer once and return all its stages."""
    return layer_reference.observe(layer, x_dict, edge_index_dict, model=HeteroLayer(layer))
