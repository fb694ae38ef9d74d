"""Every message-passing layer of ``attention_options`` on nasty graphs.

The formula of each layer (``adapters/test_gat.py`` and so on) and what holds for all of them
(``adapters/test_message_passing_layers.py``) are tested on the examples of this table.
"""

import inspect
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import wraps
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import FAConv, FeaStConv, HEATConv, PointTransformerConv, RGATConv

from support.attention_options import DEFAULTS, OPTIONS
from support.layer_reference import (
    BIPARTITE,
    GRAPHS,
    NODE_DIM,
    Array,
    Observed,
    numbers,
    observe,
    with_loops,
)


class Seen(NamedTuple):
    """What a layer passes messages along."""

    source: Tensor
    """States of the sources ``[V_s, F]``."""
    target: Tensor
    """States of the targets ``[V_t, F]``."""
    edges: Array
    """The edges ``[2, E]``, after the layer replaced self-loops if it does."""
    features: Array | None
    """Their features ``[E, F]``, if the layer is given any."""
    kind: Array
    """Their relation ``[E]``, where no loop was added."""
    position: Array
    """Which edge of the input each of them is, or -1 for an added self-loop ``[E]``."""


@dataclass(frozen=True)
class Example:
    """A layer and a graph to call it on."""

    layer: type[nn.Module]
    options: dict[str, Any]
    graph: Data
    dtype: torch.dtype = torch.float32

    def build(self, **more: Any) -> nn.Module:
        """Return the layer with its parameters as they may be after training."""
        torch.manual_seed(0)
        widths = {"in_channels": NODE_DIM, "out_channels": 3}
        taken = inspect.signature(self.layer.__init__).parameters
        given = {name: width for name, width in widths.items() if name in taken}
        given |= DEFAULTS[self.layer] | self.options
        layer = self.layer(**deepcopy(given) | more).eval()
        for name, parameter in layer.named_parameters():
            # What starts as zeros or ones would hide an error, and RGATConv leaves some unset.
            told = {"w", "l1", "b1", "l2", "b2", "aggr_module.t", "beta"}
            if name in told or name.endswith("bias"):
                nn.init.uniform_(parameter, 0.5, 2)
        return layer.to(self.dtype)

    @property
    def x(self) -> Any:
        """States of all nodes, or of sources and of targets."""
        x = self.graph.x
        if isinstance(x, tuple):
            return tuple(part.to(self.dtype) for part in x)
        return x[:, : self.options.get("in_channels", NODE_DIM)].to(self.dtype)

    @property
    def edge_attr(self) -> Tensor | None:
        """Features of the edges, if the layer takes any."""
        given = DEFAULTS[self.layer] | self.options
        width = given.get("edge_dim", given.get("in_edge_channels"))
        return None if width is None else self.graph.edge_attr[:, :width].to(self.dtype)

    @property
    def more(self) -> dict[str, Any]:
        """What the layer takes beside states, edges and their features."""
        if self.layer is FAConv:
            given = self.graph.edge_attr[:, 0].to(self.dtype)
            weight = {} if self.options.get("normalize", True) else {"edge_weight": given}
            return {"x_0": self.x, **weight}
        if self.layer is HEATConv:
            return {"node_type": self.node_type, "edge_type": self.graph.edge_type}
        if self.layer is PointTransformerConv:
            return {"pos": self.pos}
        return {"edge_type": self.graph.edge_type} if self.layer is RGATConv else {}

    @property
    def node_type(self) -> Tensor:
        """Type of every node ``[V]``."""
        return torch.arange(len(self.graph.x)) % 2

    @property
    def pos(self) -> Any:
        """Positions of all nodes, or of sources and of targets, each ``[V, 3]``."""
        x = self.graph.x
        sizes = [len(part) for part in x] if isinstance(x, tuple) else [len(x)]
        generator = torch.Generator().manual_seed(1)
        pos = [torch.randn(size, 3, generator=generator).to(self.dtype) for size in sizes]
        return tuple(pos) if isinstance(x, tuple) else pos[0]

    def observe(self, layer: nn.Module, edge_attr: Tensor | None = None, **more: Any) -> Observed:
        """Call the layer, by default with the features of the example."""
        more = self.more | more
        edge_attr = self.edge_attr if edge_attr is None else edge_attr
        return observe(layer, self.x, self.graph.edge_index, edge_attr, **more)

    def seen_by(self, layer: nn.Module) -> Seen:
        """Return what the layer passes messages along, for its formula."""
        source, target = self.x if isinstance(self.x, tuple) else (self.x, self.x)
        edges, features = self.graph.edge_index.numpy(), self.edge_attr
        position, kind = np.arange(edges.shape[1]), self.graph.edge_type.numpy()
        if getattr(layer, "add_self_loops", False) and getattr(layer, "normalize", True):
            fill = getattr(layer, "fill_value", "mean")
            fill = numbers(fill) if isinstance(fill, Tensor) else fill
            nodes = min(len(source), len(target))
            edges, features, position = with_loops(self.graph.edge_index, features, nodes, fill)
        elif features is not None:
            features = numbers(features)
        return Seen(source, target, edges, features, kind, position)


def examples(layer: type[nn.Module], options: dict[str, Any]) -> Iterator[tuple[str, Example]]:
    """Give a layer with some options on every graph, and on one of them in narrow numbers."""
    graphs = BIPARTITE if isinstance(options.get("in_channels"), tuple) else GRAPHS
    if layer is FeaStConv and not options.get("add_self_loops", True):  # it takes no empty graph
        graphs = {where: graph for where, graph in graphs.items() if graph.num_edges}
    first = next(iter(graphs.values()))
    for where, graph in graphs.items():
        yield where, Example(layer, options, graph)
    for dtype in (torch.float16, torch.bfloat16):
        yield str(dtype), Example(layer, options, first, dtype)


def over(*layers: type[nn.Module]) -> Callable[[Callable[..., None]], Any]:
    """Run a test over all options of some layers, or of all layers, each on every graph."""
    table = [
        pytest.param((layer, options), id=f"{layer.__name__}, {name}")
        for layer in layers or OPTIONS
        for name, options in OPTIONS[layer].items()
    ]

    def decorate(test: Callable[..., None]) -> Any:
        @wraps(test)
        def on_every_graph(example: tuple[type[nn.Module], dict[str, Any]], **fixtures: Any):
            for where, each in examples(*example):
                try:
                    test(each, **fixtures)
                except AssertionError as error:
                    error.add_note(f"on {where}")
                    raise

        return pytest.mark.parametrize("example", table)(on_every_graph)

    return decorate
