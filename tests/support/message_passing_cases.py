"""Every message-passing layer with every option that changes its attention, on nasty graphs.

The formula of each layer (``adapters/test_gat.py`` and so on) and what holds for all of them
(``adapters/test_message_passing_layers.py``) are tested on the examples of this table.
"""

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
from torch_geometric.nn import GATConv, GATv2Conv, GENConv, RGATConv, SuperGATConv, TransformerConv
from torch_geometric.nn.aggr import SoftmaxAggregation
from torch_geometric.nn.models.attentive_fp import GATEConv

from support.layer_reference import (
    BIPARTITE,
    EDGE_DIM,
    GRAPHS,
    NODE_DIM,
    Array,
    Observed,
    numbers,
    observe,
    with_loops,
)

RELATIONS = 4  # one of them has no edges
TWO_KINDS = {"in_channels": (NODE_DIM, 2)}
EDGES = {"edge_dim": EDGE_DIM}
TWO = {"heads": 2}
MULTIPLY = {"attention_mode": "multiplicative-self-attention", "dim": 2}

DEFAULTS: dict[type[nn.Module], dict[str, Any]] = {
    GATConv: {},
    GATv2Conv: {},
    TransformerConv: {},
    SuperGATConv: TWO,
    RGATConv: TWO | {"num_relations": RELATIONS},
    GATEConv: {"out_channels": NODE_DIM} | EDGES,  # it works only where both widths agree
    GENConv: {"norm": "layer"},
}

OPTIONS: dict[type[nn.Module], dict[str, dict[str, Any]]] = {
    GATConv: {
        "plain": {},
        "heads": TWO,
        "one channel": TWO | {"out_channels": 1},
        "edges": TWO | EDGES,
        "one number per edge": TWO | {"edge_dim": 1},
        "edges filled with a number": EDGES | {"fill_value": 0.5},
        "edges filled with a tensor": EDGES | {"fill_value": torch.arange(3.0)},
        "no loops": TWO | EDGES | {"add_self_loops": False},
        "averaged heads, residual": TWO | {"concat": False, "residual": True},
        "two kinds of nodes": TWO | TWO_KINDS,
        "two kinds of nodes, no loops": TWO | TWO_KINDS | {"add_self_loops": False},
    },
    GATv2Conv: {
        "plain": {},
        "shared weights": TWO | {"share_weights": True},
        "one channel": TWO | {"out_channels": 1},
        "edges": TWO | EDGES,
        "one number per edge": TWO | {"edge_dim": 1},
        "edges filled with a number": EDGES | {"fill_value": 0.5},
        "no loops": TWO | EDGES | {"add_self_loops": False},
        "averaged heads, residual": TWO | {"concat": False, "residual": True},
        "two kinds of nodes, no loops": TWO | TWO_KINDS | {"add_self_loops": False},
    },
    TransformerConv: {
        "plain": {},
        "heads": TWO,
        "one channel": TWO | {"out_channels": 1},
        "edges": TWO | EDGES,
        "no bias": TWO | EDGES | {"bias": False},
        "beta": TWO | EDGES | {"beta": True},
        "averaged heads, no root": TWO | {"concat": False, "root_weight": False},
        "two kinds of nodes": TWO | EDGES | TWO_KINDS,
    },
    SuperGATConv: {
        "mixed": {},
        "product": {"attention_type": "SD"},
        "product, one head, one channel": {"attention_type": "SD", "heads": 1, "out_channels": 1},
        "no loops": {"add_self_loops": False},
        "averaged heads": {"attention_type": "SD", "concat": False, "negative_slope": 0.7},
    },
    RGATConv: {
        "plain": {},
        "one head, one channel": {"heads": 1, "out_channels": 1},
        "edges": EDGES,
        "one number per edge": {"edge_dim": 1},
        "within relation": EDGES | {"attention_mechanism": "within-relation"},
        "bases": {"num_bases": 2},
        "bases, edges": EDGES | {"num_bases": 2},
        "blocks": {"num_blocks": 2} | EDGES,
        "averaged heads": {"concat": False},
        "multiplicative": MULTIPLY,
        "multiplicative, edges": MULTIPLY | {"edge_dim": EDGE_DIM, "num_bases": 2},
    }
    | {
        f"{mod}, dim {mode.get('dim', 1)}": mode | {"mod": mod}
        for mod in ("additive", "scaled", "f-additive", "f-scaled")
        for mode in ({}, MULTIPLY)
    },
    GATEConv: {"plain": {}},
    GENConv: {
        "plain": {},
        "no edges": {"edge_dim": None},
        "edges as wide as the layer": {"out_channels": EDGE_DIM} | EDGES,
        "nodes as wide as the layer": {"out_channels": NODE_DIM} | EDGES,
        "edges": EDGES,
        "one channel": {"out_channels": 1} | EDGES,
        "temperature": {"t": 0.3} | EDGES,
        "learnt temperature": {"learn_t": True} | EDGES,
        "temperature per channel": EDGES | {"aggr": SoftmaxAggregation(learn=True, channels=3)},
        "half of the gradient": {"aggr": "softmax_sg", "t": 2.0} | EDGES,
        "messages normalised": {"msg_norm": True, "in_channels": 3} | EDGES,
        "two kinds of nodes": TWO_KINDS,
    },
}


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
        given = {"in_channels": NODE_DIM, "out_channels": 3} | DEFAULTS[self.layer] | self.options
        layer = self.layer(**deepcopy(given) | more).eval()
        for name, parameter in layer.named_parameters():
            # What starts as zeros or ones would hide an error, and RGATConv leaves some unset.
            if name in {"w", "l1", "b1", "l2", "b2", "aggr_module.t"} or name.endswith("bias"):
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
        width = (DEFAULTS[self.layer] | self.options).get("edge_dim")
        return None if width is None else self.graph.edge_attr[:, :width].to(self.dtype)

    def observe(self, layer: nn.Module, edge_attr: Tensor | None = None, **more: Any) -> Observed:
        """Call the layer, by default with the features of the example."""
        if self.layer is RGATConv:
            more["edge_type"] = self.graph.edge_type
        edge_attr = self.edge_attr if edge_attr is None else edge_attr
        return observe(layer, self.x, self.graph.edge_index, edge_attr, **more)

    def seen_by(self, layer: nn.Module) -> Seen:
        """Return what the layer passes messages along, for its formula."""
        source, target = self.x if isinstance(self.x, tuple) else (self.x, self.x)
        edges, features = self.graph.edge_index.numpy(), self.edge_attr
        position, kind = np.arange(edges.shape[1]), self.graph.edge_type.numpy()
        if getattr(layer, "add_self_loops", False):
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
