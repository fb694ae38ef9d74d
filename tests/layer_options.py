"""Every option and every form of input of the layers that pass messages, from their signatures.

``OPTIONS`` and ``ARGUMENTS`` hold what is tried for each parameter of a constructor and of
``forward``, by its name. :func:`drawn` puts a layer and a call of it together from them.
"""

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    GENConv,
    MessagePassing,
    RGATConv,
    SuperGATConv,
    TransformerConv,
)
from torch_geometric.nn.aggr import SoftmaxAggregation
from torch_geometric.nn.models.attentive_fp import GATEConv

Pick = Callable[[Sequence[Any]], Any]
"""Chooses one of several values."""

LAYERS: tuple[type[nn.Module], ...] = (
    GATConv,
    GATv2Conv,
    TransformerConv,
    SuperGATConv,
    RGATConv,
    GATEConv,
    GENConv,
)
NODE_DIM, EDGE_DIM, RELATIONS = 4, 3, 3

OPTIONS: dict[str, Sequence[Any]] = {
    "in_channels": (NODE_DIM, NODE_DIM, (NODE_DIM, 2), (NODE_DIM, NODE_DIM), -1),
    "out_channels": (3, 2, 1),
    "heads": (2, 1, 3),
    "concat": (True, False),
    "negative_slope": (0.2, 0.7, 0.0),
    "dropout": (0.0, 0.4),
    "add_self_loops": (False, True),
    "edge_dim": (None, EDGE_DIM, 1),
    "fill_value": ("mean", "add", "min", "max", "mul", 0.5, torch.full((1,), -0.5)),
    "bias": (True, False),
    "residual": (False, True),
    "share_weights": (False, True),
    "beta": (False, True),
    "root_weight": (True, False),
    "attention_type": ("MX", "SD"),
    "neg_sample_ratio": (0.5, 1.0),
    "edge_sample_ratio": (1.0, 0.5),
    "is_undirected": (False, True),
    "num_relations": (RELATIONS,),
    "num_bases": (None, 2),
    "num_blocks": (None, 2),
    "mod": (None, "additive", "scaled", "f-additive", "f-scaled"),
    "attention_mechanism": ("across-relation", "within-relation"),
    "attention_mode": ("additive-self-attention", "multiplicative-self-attention"),
    "dim": (1, 2),
    "aggr": ("add", "mean", "max"),
    "t": (1.0, 0.3, -2.0),
    "learn_t": (False, True),
    "p": (1.0,),
    "learn_p": (False,),
    "msg_norm": (False, True),
    "learn_msg_scale": (False, True),
    "norm": ("layer", "batch", None),
    "num_layers": (2, 1),
    "expansion": (2, 1),
    "eps": (1e-7, 0.1),
    # Of every layer that passes messages.
    "flow": ("source_to_target", "target_to_source"),
    "aggr_kwargs": (None,),
    "node_dim": (0,),
    "decomposed_layers": (1,),
}
"""Values of the options of a constructor, the ordinary one first."""

OWN: dict[type[nn.Module], dict[str, Sequence[Any]]] = {
    SuperGATConv: {"in_channels": (NODE_DIM, -1)},
    RGATConv: {"in_channels": (NODE_DIM,), "out_channels": (2, 4)},
    GATEConv: {"in_channels": (NODE_DIM,), "out_channels": (NODE_DIM,), "edge_dim": (EDGE_DIM, 1)},
    GENConv: {
        "in_channels": (NODE_DIM, 3, (NODE_DIM, 2), -1),
        "out_channels": (3, 1),
        "aggr": ("softmax", "softmax_sg", SoftmaxAggregation(learn=True, channels=3)),
    },
}
"""Other values where a layer takes those alone."""

BASE = frozenset(inspect.signature(MessagePassing.__init__).parameters) - {"self"}


def options(layer: type[nn.Module]) -> dict[str, Sequence[Any]]:
    """Return what is tried for every option of a layer's constructor.

    Raises:
        KeyError: if it has an option that the tables do not know.
    """
    given = inspect.signature(layer.__init__).parameters.values()
    names = [each.name for each in given if each.kind is each.POSITIONAL_OR_KEYWORD]
    if any(each.kind is each.VAR_KEYWORD for each in given):
        names += [name for name in sorted(BASE) if name in {"aggr", "flow"} - set(names)]
    return {name: OWN.get(layer, {}).get(name, OPTIONS[name]) for name in names if name != "self"}


EDGE_FORMS: dict[str, Callable[..., tuple[int, ...]]] = {
    "[E, D]": lambda E, D, H, C: (E, D),
    "[E]": lambda E, D, H, C: (E,),
    "[E, 1]": lambda E, D, H, C: (E, 1),
    "[1, D]": lambda E, D, H, C: (1, D),
    "[D]": lambda E, D, H, C: (D,),
    "[1, E, D]": lambda E, D, H, C: (1, E, D),
    "[E, 1, D]": lambda E, D, H, C: (E, 1, D),
    "[1, R, D]": lambda E, D, H, C: (1, RELATIONS, D),
    "[]": lambda E, D, H, C: (),
    "[E, 1, 1]": lambda E, D, H, C: (E, 1, 1),
    "[1, 1]": lambda E, D, H, C: (1, 1),
    "[C]": lambda E, D, H, C: (C,),
    "[H, C]": lambda E, D, H, C: (H, C),
    "[E, H, C]": lambda E, D, H, C: (E, H, C),
    "[E, C]": lambda E, D, H, C: (E, C),
}
"""Shapes that features of ``E`` edges may have at a layer of ``H`` heads and ``C`` channels."""
PROJECTED = ("[E, D]", "[E]", "[E, 1]", "[1, D]", "[D]", "[1, E, D]", "[E, 1, D]", "[1, R, D]")
ADDED = ("[]", "[E, 1, 1]", "[1, 1]", "[C]", "[H, C]", "[E, H, C]", "[E, C]", "[E]", "[E, D]")
KINDS = ("own", "integer")
ARGUMENTS = (
    "x",
    "edge_index",
    "edge_attr",
    "edge_type",
    "size",
    "return_attention_weights",
    "neg_edge_index",
    "batch",
)
"""Parameters of ``forward`` that :func:`drawn` knows how to give."""
STATES = ("one", "twice", "pair", "sources alone")
DTYPES = (torch.float32, torch.float32, torch.float64, torch.float16, torch.bfloat16)


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
    form: str

    def build(self) -> nn.Module:
        """Return the layer, with parameters as they may be after training."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            layer = self.kind(**deepcopy(self.options))
            if self.options.get("in_channels") == -1:
                self.run(layer.eval(), plain=True)
            for name, parameter in layer.named_parameters():
                if name in {"w", "l1", "b1", "l2", "b2", "aggr_module.t"} or name.endswith("bias"):
                    nn.init.uniform_(parameter, 0.5, 2)
        return layer.to(self.dtype).train(self.training)

    def run(self, layer: nn.Module, *, plain: bool = False) -> Any:
        """Call the layer; always with the same random numbers."""
        x, arguments = self.x, self.arguments
        if plain:
            x, arguments = _floats(x), {k: _floats(v) for k, v in arguments.items()}
        with torch.random.fork_rng(), self.context():
            torch.manual_seed(1)
            return layer(x, self.edge_index, arguments) if isinstance(layer, Called) else layer(
                x, self.edge_index, **arguments
            )

    def context(self) -> AbstractContextManager[Any]:
        return torch.autocast("cpu", torch.bfloat16) if self.autocast else nullcontext()

    @property
    def target_row(self) -> int:
        return 0 if self.options.get("flow") == "target_to_source" else 1


def _floats(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_floats(each) for each in value)
    narrow = isinstance(value, Tensor) and value.is_floating_point()
    return value.float() if narrow else value


class Called(nn.Module):
    """A model that is one layer, whose other arguments come in a dictionary."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.conv = layer

    def forward(self, x: Any, edge_index: Tensor, arguments: dict[str, Any]) -> Any:
        return self.conv(x, edge_index, **arguments)


def drawn(kind: type[nn.Module], pick: Pick) -> Call:
    """Return a configuration of a layer and a call of it, put together by ``pick``."""
    chosen = {name: pick(values) for name, values in options(kind).items()}
    if kind is RGATConv:
        _agree(chosen)
    if isinstance(chosen.get("fill_value"), Tensor) and chosen.get("edge_dim"):
        chosen["fill_value"] = chosen["fill_value"].expand(chosen["edge_dim"])
    if isinstance(chosen.get("aggr"), SoftmaxAggregation) and chosen["out_channels"] != 3:
        chosen["aggr"] = "softmax"
    taken = inspect.signature(kind.forward).parameters
    known = set(taken) - {"self"} - set(ARGUMENTS)
    assert not known, f"{kind.__name__} takes {known}"
    generator = torch.Generator().manual_seed(pick(range(20)))
    dtype = pick(DTYPES)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    nodes = pick((4, 1, 2, 3, 5))
    form = pick(STATES) if kind not in {SuperGATConv, GATEConv} else "one"
    width = chosen["in_channels"]
    widths = width if isinstance(width, tuple) else (width, width)
    widths = tuple(NODE_DIM if each == -1 else each for each in widths)
    if form in {"one", "twice"} and widths[0] != widths[1]:
        form = "pair"
    sources, targets = numbers(nodes, widths[0]), numbers(pick((nodes, 3)), widths[1])
    x = {
        "one": sources,
        "twice": (sources, sources),
        "pair": (sources, targets),
        "sources alone": (sources, None),
    }[form]
    sizes = (nodes, len(targets) if form == "pair" else nodes)
    edges = pick((6, 9, 0, 1, 2, 3))
    edge_index = torch.stack(
        [torch.randint(size, (edges,), generator=generator) for size in sizes]
    )
    arguments: dict[str, Any] = {}
    if "edge_attr" in taken:
        features = _features(kind, chosen, edges, pick, numbers)
        if features is not None:
            arguments["edge_attr"] = features
    if "edge_type" in taken:
        arguments["edge_type"] = torch.randint(RELATIONS, (edges,), generator=generator)
    if "size" in taken and pick((False, True)):
        arguments["size"] = sizes
    if "return_attention_weights" in taken and pick((False, True)):
        arguments["return_attention_weights"] = True
    if "batch" in taken and pick((False, True)):
        arguments["batch"] = torch.zeros(nodes, dtype=torch.int64)
    if "neg_edge_index" in taken and pick((False, True)):
        arguments["neg_edge_index"] = edge_index.flip(0)
    training = pick((False, False, True))
    autocast = dtype == torch.float32 and pick((False, False, False, True))
    return Call(kind, chosen, x, edge_index, arguments, dtype, training, autocast, form)


def _agree(chosen: dict[str, Any]) -> None:
    """Change options that RGATConv does not take together."""
    if chosen["attention_mode"] == "additive-self-attention":
        chosen["dim"] = 1
    if chosen["mod"] is not None:
        chosen["dropout"] = 0.0
    if chosen["num_bases"] is not None:
        chosen["num_blocks"] = None


def _features(
    kind: type[nn.Module],
    chosen: dict[str, Any],
    edges: int,
    pick: Pick,
    numbers: Callable[..., Tensor],
) -> Tensor | None:
    """Return features of the edges, in a shape and type that the layer may take."""
    width = chosen["edge_dim"]
    projects = width is not None and not (kind is GENConv and width == chosen["out_channels"])
    if projects:
        forms = ("none", *PROJECTED) if kind is RGATConv or kind is GENConv else PROJECTED
        forms = forms if chosen.get("add_self_loops") is not True else ("[E, D]", "[E]", "[E, 1]")
        if kind is GATEConv:
            forms = ("[E, D]", "[E, D]", "[E, 1]")
    else:
        forms = ("none", *ADDED) if kind in {TransformerConv, GENConv, GATConv} else ("none",)
    form = pick(forms)
    if form == "none":
        return None
    D = width if width is not None else chosen["out_channels"]
    features = numbers(*EDGE_FORMS[form](edges, D, chosen.get("heads", 1), chosen["out_channels"]))
    return (features * 3).long() if not projects and pick(KINDS) == "integer" else features
