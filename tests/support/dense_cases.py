"""Dense attention to capture: its layers, graphs of three sizes, and every kind of mask."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import edgescope as es

WIDTH, HEADS, SIZES = 8, 2, (3, 1, 4)
LONGEST = max(SIZES)
INF = -math.inf


class Dense(nn.Module):
    """A model on a dense batch: no edges are given to it."""

    def __init__(self, layer: nn.Module, call: Callable[..., Any]) -> None:
        super().__init__()
        self.layer = layer
        self.call = call

    def forward(self, *args: Any, **options: Any) -> Any:
        return self.call(self.layer, *args, **options)


def normal(layer: nn.Module) -> nn.Module:
    """Return a layer with biases and norms as they are after training, in evaluation."""
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer.eval()


def attention(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    return normal(nn.MultiheadAttention(WIDTH, HEADS, **({"batch_first": True} | options)))


def encoder_layer(kind: type[nn.Module] = nn.TransformerEncoderLayer, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return normal(kind(WIDTH, HEADS, 16, dropout=0.3, **({"batch_first": True} | options)))


def call(layer: nn.Module, *args: Any, **options: Any) -> Any:
    """Call a layer as it is, or attention with its only argument as queries, keys and values."""
    if isinstance(layer, nn.MultiheadAttention):
        (x,) = args
        return layer(x, x, x, **options)[0]
    return layer(*args, **options)


def capture(
    layer: nn.Module,
    *args: Any,
    call: Callable[..., Any] = call,
    sites: str | None = None,
    **options: Any,
) -> tuple[Any, Any]:
    """Call a layer in a model of its own; return the tape and the output."""
    model = Dense(layer, call).train(layer.training)
    with es.capture(model, sites) as tape:
        output = model(*args, **options)
    return tape, output


def graphs(dtype: torch.dtype = torch.float32, width: int = WIDTH) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(size, width, generator=generator).to(dtype) for size in SIZES]


def padded(graphs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return graphs as a dense batch ``[B, S, F]``, padded with 9, and where the padding is."""
    dense = nn.utils.rnn.pad_sequence(list(graphs), batch_first=True, padding_value=9.0)
    sizes = torch.tensor([len(graph) for graph in graphs])
    return dense, torch.arange(dense.size(1)) >= sizes[:, None]


def random_mask(*shape: int, seed: int = 2) -> Tensor:
    """Return a boolean mask that forbids a third of the pairs, but none of a node with itself."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(*shape, generator=generator) < 1 / 3
    mask.diagonal(dim1=-2, dim2=-1).fill_(False)
    return mask


def random_bias(*shape: int, seed: int = 3) -> Tensor:
    """Return a float mask that forbids as many and adds something to the others."""
    bias = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return bias.masked_fill(random_mask(*shape, seed=seed), INF)


def additive(mask: Tensor) -> Tensor:
    return torch.zeros(mask.shape).masked_fill(mask, INF) if mask.dtype == torch.bool else mask


SQUARE = (LONGEST, LONGEST)
CAUSAL = torch.ones(SQUARE, dtype=torch.bool).triu(1)
MASKS = {
    "no mask": None,
    "boolean, shared": random_mask(*SQUARE),
    "float, shared": random_bias(*SQUARE),
    "boolean, per head": random_mask(len(SIZES) * HEADS, *SQUARE),
    "float, per head": random_bias(len(SIZES) * HEADS, *SQUARE),
    "causal": CAUSAL,
}


def by_head(mask: Tensor | None) -> Tensor:
    """Return what a mask adds to the logits ``[B, H, S, S]``."""
    shape = (len(SIZES), HEADS, *SQUARE)
    if mask is None:
        return torch.zeros(shape)
    return additive(mask).expand(shape) if mask.dim() == 2 else additive(mask).view(shape)
