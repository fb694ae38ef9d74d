r"""The edge stream of a GraphTransformer in eval mode, in as few products as possible.

In eval mode batch normalisation is an affine map, :math:`\mathrm{BN}(v) = a \odot v + c` with
:math:`a = \gamma / \sqrt{\sigma^2 + \epsilon}` and :math:`c = \beta - a \mu` (Ioffe and Szegedy,
arXiv 1502.03167, algorithm 2), and affine maps in a row are one. So a layer without residuals is
two products, scores to hidden layer and hidden layer to the next layer's projections. With
residuals the two sums stay, and the projection is a product of its own.
"""

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgescope.models.blocks import StateBlock
from edgescope.models.graph_transformer import GraphTransformer, GraphTransformerLayer

_ONEDNN = (
    getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch._C._has_mkldnn else None  # noqa: SLF001
)


def linear(x: Tensor, weight: Tensor, bias: Tensor, relu: bool = False) -> Tensor:
    """Return ``x weight^T + bias``, or its positive part.

    In float32 oneDNN computes it, through the operation that ``torch.compile`` uses for linear
    layers on CPUs; torch's own goes to MKL, which leaves AVX-512 unused on other makers'
    processors, and needs a second pass over memory for the positive part. 64 to 128 channels, AMD
    EPYC, one thread: 73 ns an edge against 168 ns. Where torch was built without oneDNN, and in
    float64, which oneDNN does not compute, torch's own does it; the sums are rounded differently.

    Args:
        x: inputs ``[n, in]``.
        weight: ``[out, in]``.
        bias: ``[out]``.
        relu: whether negative results become zero.
    """
    if x.dtype == torch.float32 and _ONEDNN is not None:
        result: Tensor = _ONEDNN(x, weight, bias, "relu" if relu else "none", [], "")
        return result
    result = F.linear(x, weight, bias)
    return result.relu_() if relu else result


class Affine(NamedTuple):
    """``y = weight x + bias``."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layer: nn.Linear) -> "Affine":
        """Take a linear layer's parameters, in float64."""
        weight = layer.weight.detach().double()
        bias = weight.new_zeros(weight.size(0)) if layer.bias is None else layer.bias.detach()
        return cls(weight, bias.double())

    def after(self, first: "Affine") -> "Affine":
        """Return the map that does ``first`` and then this."""
        return Affine(self.weight @ first.weight, self.weight @ first.bias + self.bias)

    def scaled(self, scale: Tensor, shift: Tensor) -> "Affine":
        """Return this map followed by ``scale * y + shift``."""
        return Affine(scale.unsqueeze(1) * self.weight, scale * self.bias + shift)

    def to(self, dtype: torch.dtype) -> "Affine":
        """Round to the model's type."""
        return Affine(self.weight.to(dtype).contiguous(), self.bias.to(dtype))

    def __call__(self, x: Tensor, relu: bool = False) -> Tensor:
        """Apply to ``x`` ``[n, in]``."""
        return linear(x, self.weight, self.bias, relu)


class EdgeUpdate(NamedTuple):
    """From a layer's edge states and scores to the next layer's states and projections."""

    mix: Affine
    """Scores to the sum inside the first norm; unused without residuals."""
    keep1: Tensor | None
    """Factor of the old states in that sum; ``None`` without residuals."""
    expand: Affine
    """To the hidden layer: from the sum, or without residuals straight from the scores."""
    contract: Affine
    """To the new states, or without residuals straight to their projections."""
    keep2: Tensor | None
    """Factor of the first sum in the new states."""
    project: Affine
    """New states to the next layer's projections; unused without residuals."""

    def __call__(self, state: Tensor | None, score: Tensor) -> tuple[Tensor | None, Tensor]:
        """Return the new states, ``None`` where nobody needs them, and their projections."""
        if self.keep1 is None or self.keep2 is None or state is None:
            return None, self.contract(self.expand(score, relu=True))
        mixed = self.mix(score).addcmul_(state, self.keep1)
        new = self.contract(self.expand(mixed, relu=True)).addcmul_(mixed, self.keep2)
        return new, self.project(new)


class EdgeStream:
    """The edge stream of a model.

    Args:
        model: the model; its parameters and running statistics are taken as they are now.
    """

    def __init__(self, model: GraphTransformer) -> None:
        dtype = next(model.parameters()).dtype
        layers = layers_of(model)
        project = [Affine.of(layer.attention.edge) for layer in layers]
        embedding = model.edge_embedding
        self.by_type = isinstance(embedding, nn.Embedding)
        embed = Affine.of(embedding) if isinstance(embedding, nn.Linear) else _table(embedding)
        self.residual = layers[0].edge.residual
        self.embed = embed.to(dtype)
        self.first = project[0].after(embed).to(dtype)
        self.updates = [
            _fold(layer.edge, following, dtype)
            for layer, following in zip(layers, project[1:], strict=False)
        ]

    def start(self, edge_attr: Tensor, with_state: bool) -> tuple[Tensor | None, Tensor]:
        """Return the first layer's edge states, if they are wanted, and its projections."""
        state = self._embed(self.embed, edge_attr) if with_state and self.residual else None
        return state, self._embed(self.first, edge_attr)

    def _embed(self, affine: Affine, edge_attr: Tensor) -> Tensor:
        if self.by_type:  # column t of the weight is what type t maps to
            table = affine.weight.t() + affine.bias
            return table.index_select(0, edge_attr)
        return affine(edge_attr)


def layers_of(model: GraphTransformer) -> list[GraphTransformerLayer]:
    """Return the layers of a model, as what they are."""
    return cast("list[GraphTransformerLayer]", list(model.layers))


def _table(embedding: nn.Module) -> Affine:
    """Return an embedding as a map of one-hot types."""
    assert isinstance(embedding, nn.Embedding)
    weight = embedding.weight.detach().double().t()
    return Affine(weight, weight.new_zeros(weight.size(0)))


def _fold(block: StateBlock, following: Affine, dtype: torch.dtype) -> EdgeUpdate:
    scale1, shift1 = _norm(block.norm1, block.output)
    scale2, shift2 = _norm(block.norm2, block.output)
    mix = Affine.of(block.output).scaled(scale1, shift1)
    expand = Affine.of(block.expand)
    contract = Affine.of(block.contract).scaled(scale2, shift2)
    if not block.residual:
        expand, contract = expand.after(mix).to(dtype), following.after(contract).to(dtype)
        return EdgeUpdate(mix, None, expand, contract, None, following)
    return EdgeUpdate(
        mix.to(dtype),
        scale1.to(dtype),
        expand.to(dtype),
        contract.to(dtype),
        scale2.to(dtype),
        following.to(dtype),
    )


def _norm(norm: nn.Module, like: nn.Linear) -> tuple[Tensor, Tensor]:
    """Return scale and shift of a batch norm in eval mode, or of nothing."""
    if not isinstance(norm, nn.BatchNorm1d):
        one = torch.ones(like.out_features, dtype=torch.float64)
        return one, torch.zeros_like(one)
    mean, var = norm.running_mean, norm.running_var
    assert mean is not None
    assert var is not None
    scale = norm.weight.detach().double() / (var.double() + norm.eps).sqrt()
    return scale, norm.bias.detach().double() - scale * mean.double()
