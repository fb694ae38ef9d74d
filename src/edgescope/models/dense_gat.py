r"""A graph attention layer on a dense adjacency matrix, small enough to compute by hand.

For node i with neighbours j (Velickovic et al., arXiv 1710.10903, equations 1 to 6):

.. math::
    \alpha_{ij} &= \mathrm{softmax}_j \,
        \mathrm{LeakyReLU}(a_t \cdot W h_i + a_s \cdot W h_j) \\
    h_i' &= \textstyle\sum_j \alpha_{ij} W h_j

The layer is for study and teaching: it holds ``[B, V, V, H]`` logits, and is equal to PyG's
``GATConv(add_self_loops=False)`` on the same graph with the same weights.
"""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from torch_geometric.nn import GATConv

XAVIER_GAIN = 1.414
"""Gain of Glorot's uniform distribution in the UvA deep-learning tutorial 7 on graph networks."""


class DenseGAT(nn.Module):
    """Graph attention on an adjacency matrix; self-loops are entries on its diagonal.

    ``out_channels`` are the channels of one head, as PyG counts them. The UvA deep-learning
    tutorial 7 counts those of all heads together: its ``c_out = 2`` with two concatenated heads is
    ``out_channels = 1, heads = 2`` here.

    Args:
        in_channels: features ``F`` of a node.
        out_channels: channels ``D`` of each head.
        heads: number of heads ``H``.
        concat: whether the heads are concatenated, to ``H * D`` channels, or averaged, to ``D``.
        negative_slope: slope of the LeakyReLU below zero.
        bias: whether a bias is added to the output, as in PyG's layer.
        projection_bias: whether the projection W has a bias, as in the tutorial. It enters the
            logits, so a layer with one is no ``GATConv``.

    Attributes:
        projection: W, a linear map to ``[..., H * D]``.
        att_src: a_s ``[H, D]``, for the node that is looked at.
        att_dst: a_t ``[H, D]``, for the node that looks.
        bias: ``[H * D]`` or ``[D]``; ``None`` without.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> layer = es.models.DenseGAT(2, 4, heads=3)
        >>> out, weight = layer(torch.randn(1, 5, 2), torch.eye(5)[None], return_weights=True)
        >>> out.shape, weight.shape
        (torch.Size([1, 5, 12]), torch.Size([1, 5, 5, 3]))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        *,
        bias: bool = True,
        projection_bias: bool = False,
    ) -> None:
        super().__init__()
        for name, number in (
            ("in_channels", in_channels),
            ("out_channels", out_channels),
            ("heads", heads),
        ):
            if number < 1:
                raise InputError(f"received {name}={number}, expected 1 or more")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.concat = concat
        self.negative_slope = negative_slope
        self.projection_bias = projection_bias
        self.projection = nn.Linear(in_channels, heads * out_channels, bias=projection_bias)
        self.att_src = nn.Parameter(torch.empty(heads, out_channels))
        self.att_dst = nn.Parameter(torch.empty(heads, out_channels))
        width = heads * out_channels if concat else out_channels
        self.bias = nn.Parameter(torch.empty(width)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights as the tutorial does.

        Glorot's uniform distribution with a gain of 1.414, for W and for ``[a_t | a_s]`` as one
        matrix ``[H, 2 D]``; the bias of the projection as ``torch.nn.Linear`` draws it, that of the
        output zero.
        """
        self.projection.reset_parameters()
        nn.init.xavier_uniform_(self.projection.weight, gain=XAVIER_GAIN)
        both = nn.init.xavier_uniform_(
            self.att_src.new_empty(self.heads, 2 * self.out_channels), gain=XAVIER_GAIN
        )
        with torch.no_grad():
            self.att_dst.copy_(both[:, : self.out_channels])
            self.att_src.copy_(both[:, self.out_channels :])
            if self.bias is not None:
                self.bias.zero_()

    def forward(
        self, x: Tensor, adjacency: Tensor, return_weights: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attend from every node to its neighbours.

        Args:
            x: node features ``[B, V, F]``.
            adjacency: ``[B, V, V]``; entry ``[b, i, j]`` is how many edges lead from j to i, so
                that node i attends to node j: 0 or 1, or more for parallel edges. Boolean, integer
                or floating point.
            return_weights: whether to return the attention weights as well.

        Returns:
            New node states ``[B, V, H * D]``, or ``[B, V, D]`` if heads are averaged. A node
            without neighbours gets zeros, before the bias. With ``return_weights`` also the
            weights ``[B, V, V, H]``: how much node i takes from node j, parallel edges together.

        Raises:
            InputError: if the shapes do not fit, or an entry is not a number of edges.
        """
        self._check(x, adjacency)
        batch, nodes = x.shape[:2]
        state = self.projection(x).view(batch, nodes, self.heads, self.out_channels)
        logit = F.leaky_relu(self.logits(state), self.negative_slope)
        edges = adjacency.unsqueeze(-1).to(logit)
        # n parallel edges are n equal terms of the softmax, and log 0 leaves a pair out.
        alone = ~adjacency.bool().any(dim=2)[:, :, None, None]
        masked = (logit + edges.log()).masked_fill(alone, 0)
        weight = masked.softmax(dim=2).masked_fill(alone, 0)
        out = torch.einsum("bijh,bjhd->bihd", weight, state)
        out = out.flatten(2) if self.concat else out.mean(dim=2)
        if self.bias is not None:
            out = out + self.bias
        return (out, weight) if return_weights else out

    def logits(self, state: Tensor) -> Tensor:
        """Return the logits before the LeakyReLU ``[B, V, V, H]`` of all pairs.

        Args:
            state: the projected states ``W h``, ``[B, V, H, D]``.
        """
        own, other = (state * self.att_dst).sum(-1), (state * self.att_src).sum(-1)
        return own.unsqueeze(2) + other.unsqueeze(1)

    def _check(self, x: Tensor, adjacency: Tensor) -> None:
        if x.dim() != 3 or x.size(2) != self.in_channels:  # noqa: PLR2004  ([B, V, F])
            raise InputError(
                f"received x of shape {list(x.shape)}, expected [B, V, {self.in_channels}]; add a "
                "batch dimension with x[None] if there is one graph"
            )
        expected = [x.size(0), x.size(1), x.size(1)]
        if list(adjacency.shape) != expected:
            raise InputError(
                f"received an adjacency of shape {list(adjacency.shape)}, expected {expected} "
                "for x; one matrix per graph, self-loops on its diagonal"
            )
        counts = adjacency.to(x.dtype)
        if bool((counts < 0).any()) or not torch.equal(counts, counts.round()):
            raise InputError(
                "received an adjacency with entries that are no numbers of edges, expected 0, 1, "
                "2, ...; edge weights have no place in this layer"
            )

    @classmethod
    def from_conv(cls, conv: "GATConv") -> "DenseGAT":
        """Return the dense layer with the weights of one of PyG's.

        Self-loops that ``conv`` adds itself have to be in the adjacency.

        Raises:
            InputError: if ``conv`` has something that this layer has not: edge features, different
                projections of sources and targets, or a residual.
        """
        if conv.lin is None or conv.edge_dim is not None or conv.residual:
            raise InputError(
                f"received a {type(conv).__name__} with edge features, two projections or a "
                "residual, expected none of them; build it with in_channels as one number, "
                "edge_dim=None and residual=False"
            )
        layer = cls(
            conv.in_channels,
            conv.out_channels,
            conv.heads,
            conv.concat,
            conv.negative_slope,
            bias=conv.bias is not None,
        ).to(conv.att_src)
        with torch.no_grad():
            layer.projection.weight.copy_(conv.lin.weight)
            layer.att_src.copy_(conv.att_src[0])
            layer.att_dst.copy_(conv.att_dst[0])
            if layer.bias is not None:
                layer.bias.copy_(conv.bias)
        return layer

    def to_conv(self) -> "GATConv":
        """Return PyG's ``GATConv`` with the weights of this layer, and ``add_self_loops=False``.

        Raises:
            InputError: if the projection has a bias, which ``GATConv`` cannot have.
        """
        from torch_geometric.nn import GATConv

        if self.projection_bias:
            raise InputError(
                "received a layer with projection_bias=True, which GATConv lacks; build "
                "DenseGAT without it"
            )
        conv = GATConv(
            self.in_channels,
            self.out_channels,
            self.heads,
            self.concat,
            self.negative_slope,
            add_self_loops=False,
            bias=self.bias is not None,
        ).to(self.att_src)
        with torch.no_grad():
            conv.lin.weight.copy_(self.projection.weight)
            conv.att_src.copy_(self.att_src[None])
            conv.att_dst.copy_(self.att_dst[None])
            if self.bias is not None:
                conv.bias.copy_(self.bias)
        return conv
