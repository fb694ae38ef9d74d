"""A layer in any configuration, called with any form of input, put together from its signature."""

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric.nn import GENConv, PointTransformerConv, RGATConv
from torch_geometric.nn.aggr import SoftmaxAggregation

from support.option_values import NODE_DIM, RELATIONS, STATES, edge_shapes, options

Pick = Callable[[Sequence[Any]], Any]
"""Chooses one of several values."""

ARGUMENTS = frozenset(
    {
        "x",
        "edge_index",
        "edge_attr",
        "edge_type",
        "size",
        "return_attention_weights",
        "neg_edge_index",
        "batch",
        "x_0",
        "edge_weight",
        "node_type",
        "pos",
    }
)
"""Parameters of ``forward`` that :func:`drawn` knows how to give."""

DTYPES = (torch.float32, torch.float32, torch.float64, torch.float16, torch.bfloat16)


class Called(nn.Module):
    """A model that is one layer, whose other arguments come in a dictionary."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.conv = layer

    def forward(self, x: Any, edge_index: Tensor, arguments: dict[str, Any]) -> Any:
        return self.conv(x=x, edge_index=edge_index, **arguments)


@dataclass(frozen=True)
class Call:
    """A layer in one configuration, and a call of it."""

    kind: type[nn.Module]
    options: dict[str, Any]
    x: Any
    edge_index: Tensor
    arguments: dict[str, Any]
    dtype: torch.dtype
    training: bool
    autocast: bool

    def build(self) -> Called:
        """Return the layer in a model of its own, with parameters as they are after training.

        A layer that takes its width from the first call is left as it is before that call.
        """
        with torch.random.fork_rng():
            torch.manual_seed(0)
            layer = self.kind(**deepcopy(self.options))
            for name, parameter in layer.named_parameters():
                # What starts as zeros or ones would hide an error, and RGATConv leaves some unset.
                told = {"w", "l1", "b1", "l2", "b2", "aggr_module.t", "beta"}
                if name in told or name.endswith("bias"):
                    nn.init.uniform_(parameter, 0.5, 2)
        return Called(layer.to(self.dtype).train(self.training))

    def run(self, model: Called) -> Any:
        """Call the layer, always with the same random numbers."""
        with torch.no_grad(), torch.random.fork_rng(), self.context():
            torch.manual_seed(1)
            return model(self.x, self.edge_index, self.arguments)

    def context(self) -> AbstractContextManager[Any]:
        return torch.autocast("cpu", torch.bfloat16) if self.autocast else nullcontext()

    @property
    def precision(self) -> torch.dtype:
        """The coarsest type that is computed in."""
        return torch.bfloat16 if self.autocast else self.dtype

    @property
    def target_row(self) -> int:
        return 0 if self.options.get("flow") == "target_to_source" else 1


def drawn(kind: type[nn.Module], pick: Pick, **fixed: Any) -> Call:
    """Return a configuration of a layer and a call of it, put together by ``pick``.

    Args:
        kind: class of the layer.
        pick: chooses one of several values.
        fixed: options that are given, and ``edges``, ``dtype``, ``training`` and ``autocast``.
    """

    def choose(name: str, values: Sequence[Any]) -> Any:
        return fixed[name] if name in fixed else pick(values)

    chosen = {name: choose(name, values) for name, values in options(kind).items()}
    chosen = _networks(chosen) if kind is PointTransformerConv else _agreeing(kind, chosen)
    taken = set(inspect.signature(kind.forward).parameters) - {"self"}
    assert taken <= ARGUMENTS, f"no values are known for {taken - ARGUMENTS} of {kind.__name__}"
    generator = torch.Generator().manual_seed(pick(range(20)))
    dtype = choose("dtype", DTYPES)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    width = chosen.get("in_channels", chosen.get("channels", NODE_DIM))
    x, sizes = _states(kind, width, pick, numbers)
    edges = choose("edges", (6, 9, 0, 1, 2, 3))
    ends = [torch.randint(size, (edges,), generator=generator) for size in sizes]
    edge_index = torch.stack(ends)
    given = {
        "edge_attr": lambda: _features(kind, chosen, edges, pick, numbers),
        "edge_type": lambda: torch.randint(RELATIONS, (edges,), generator=generator),
        "size": lambda: pick((None, sizes)),
        "return_attention_weights": lambda: pick((None, True)),
        "neg_edge_index": lambda: pick((None, edge_index.flip(0))),
        "batch": lambda: pick((None, torch.zeros(sizes[0], dtype=torch.int64))),
        "x_0": lambda: numbers(*x.shape),
        "edge_weight": lambda: None if chosen["normalize"] else numbers(edges),
        "node_type": lambda: torch.randint(2, (sizes[0],), generator=generator),
        "pos": lambda: _positions(x, numbers),
    }
    arguments = {name: make() for name, make in given.items() if name in taken}
    arguments = {name: value for name, value in arguments.items() if value is not None}
    autocast = dtype == torch.float32 and choose("autocast", (False, False, False, True))
    training = choose("training", (False, False, True))
    return Call(kind, chosen, x, edge_index, arguments, dtype, training, autocast)


def calls(kind: type[nn.Module], **fixed: Any) -> st.SearchStrategy[Call]:
    """Return a strategy of configurations and calls of a layer."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> Call:
        return drawn(kind, lambda values: draw(st.sampled_from(values)), **fixed)

    return draw_one()


def _agreeing(kind: type[nn.Module], chosen: dict[str, Any]) -> dict[str, Any]:
    """Return options that the layer takes together."""
    if kind is RGATConv:
        if chosen["attention_mode"] == "additive-self-attention":
            chosen["dim"] = 1
        if chosen["mod"] is not None:
            chosen["dropout"] = 0.0
        if chosen["num_bases"] is not None:
            chosen["num_blocks"] = None
    if kind is GENConv:
        if isinstance(chosen["aggr"], SoftmaxAggregation) and chosen["out_channels"] != 3:
            chosen["aggr"] = "softmax"
        if chosen["aggr"] == "softmax_sg":
            chosen["learn_t"] = False
    if isinstance(chosen.get("fill_value"), Tensor) and chosen["edge_dim"] is not None:
        chosen["fill_value"] = chosen["fill_value"].expand(chosen["edge_dim"])
    return chosen


def _states(
    kind: type[nn.Module], width: Any, pick: Pick, numbers: Callable[..., Tensor]
) -> tuple[Any, tuple[int, int]]:
    """Return node states in a form that the layer takes, and the numbers of nodes."""
    widths = width if isinstance(width, tuple) else (width, width)
    first, second = (NODE_DIM if each == -1 else each for each in widths)
    form = pick(STATES.get(kind, ("one", "twice", "pair")))
    if form in {"one", "twice"} and first != second:
        form = "pair"
    nodes = pick((4, 1, 2, 3, 5))
    x = numbers(nodes, first)
    if form == "pair":
        y = numbers(pick((3, 5, 1)), second)
        return (x, y), (nodes, len(y))
    return {"one": x, "twice": (x, x), "sources alone": (x, None)}[form], (nodes, nodes)


def _networks(chosen: dict[str, Any]) -> dict[str, Any]:
    """Put networks of the right widths in the place of their names."""
    width = chosen["out_channels"]
    if chosen.get("pos_nn") is not None:
        chosen["pos_nn"] = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, width))
    if chosen.get("attn_nn") is not None:
        chosen["attn_nn"] = nn.Linear(width, 1 if chosen["attn_nn"] == "one" else width)
    return chosen


def _positions(x: Any, numbers: Callable[..., Tensor]) -> Any:
    """Return positions of the nodes, one set for one set of states."""
    if isinstance(x, Tensor):
        return numbers(len(x), 3)
    first = numbers(len(x[0]), 3)
    return (first, first if x[1] is x[0] else numbers(len(x[1]), 3))


def _features(
    kind: type[nn.Module],
    chosen: dict[str, Any],
    edges: int,
    pick: Pick,
    numbers: Callable[..., Tensor],
) -> Tensor | None:
    """Return features of the edges, in a shape and type that the layer may take."""
    shape = pick(edge_shapes(kind, chosen))
    if shape == "none":
        return None
    channels = chosen["out_channels"]
    width = chosen.get("edge_dim", chosen.get("in_edge_channels"))
    sizes = {"E": edges, "R": RELATIONS, "H": chosen.get("heads", 1), "C": channels, "1": 1}
    sizes["D"] = channels if width is None else width
    features = numbers(*(sizes[name] for name in shape.strip("[]").split(", ") if name))
    whole = width is None and pick((False, True))
    return (3 * features).long() if whole else features
