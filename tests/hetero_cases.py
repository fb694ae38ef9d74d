"""Random heterogeneous graphs, and a heterogeneous layer alone with what it aggregates."""

from typing import Any, NamedTuple

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric.data import HeteroData

import edgescope as es
from edgescope.capture.activations import EdgeActivations

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


def columns(edges: list[tuple[int, int]]) -> Tensor:
    """Return pairs as an ``edge_index`` ``[2, E]``."""
    return torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t().contiguous()


class HeteroLayer(nn.Module):
    """A model that is one heterogeneous layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.conv = layer

    def forward(self, x_dict: Any, edge_index_dict: Any) -> Any:
        return self.conv(x_dict, edge_index_dict)


class Observed(NamedTuple):
    """What one call of a layer gave."""

    stages: dict[str, EdgeActivations]
    """The captured stages by name."""
    aggregated: list[Tensor]
    """What the layer made of its messages, each time that it passed them."""


def observe(layer: nn.Module, x_dict: Any, edge_index_dict: Any) -> Observed:
    """Call a layer once and return all its stages."""
    aggregated: list[Tensor] = []

    def keep(_: nn.Module, __: Any, out: Tensor) -> None:
        aggregated.append(out)

    hook = layer.register_aggregate_forward_hook(keep)
    model = HeteroLayer(layer)
    try:
        with torch.no_grad(), es.capture(model) as tape:
            model(x_dict, edge_index_dict)
    finally:
        hook.remove()
    return Observed({site.partition(":")[2]: tape[site] for site in tape.sites}, aggregated)
