"""The small models of the study: two layers of GCN, GAT or GATv2, as the literature has them."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GATv2Conv, GCNConv, global_mean_pool

Kind = Literal["GCN", "GAT", "GATv2"]

CHANNELS = 8
"""Channels of a head."""

DROPOUT = 0.5
"""Share of the values between the layers that are zeroed in training; inputs, which are sparse
already, are left whole."""


class ConvStack(nn.Module):
    """Two layers, and a mean over each graph where graphs have classes.

    The sizes are those of GAT on citation graphs (Velickovic et al., arXiv 1710.10903, section
    3.3): heads of 8 channels, ELU between the layers, and for classes of nodes a second layer of
    one head (there several heads are averaged in the largest graph only) with a channel per class.
    Where graphs have classes, the second layer is like the first, and a linear layer reads the mean
    over the nodes. A GCN is as wide. There are no edge features, norms or residuals.

    Args:
        kind: ``"GCN"``, ``"GAT"`` or ``"GATv2"``.
        in_channels: features of a node, or its number of types.
        classes: number of classes.
        heads: heads of the first layer.
        self_loops: whether the layers add self-loops, as they do by default.
        pooled: whether graphs have classes, rather than nodes.

    Example:
        >>> import torch
        >>> from edgescope.study.node_classes.conv_stack import ConvStack
        >>> model = ConvStack("GAT", 4, 3, heads=2)
        >>> model(torch.randn(5, 4), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        kind: Kind,
        in_channels: int,
        classes: int,
        *,
        heads: int = 8,
        self_loops: bool = True,
        pooled: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        width = heads * CHANNELS

        def made(size: int, out: int, of_heads: int) -> nn.Module:
            if kind == "GCN":
                gcn: nn.Module = GCNConv(size, out * of_heads, add_self_loops=self_loops)
                return gcn
            conv = GATConv if kind == "GAT" else GATv2Conv
            layer: nn.Module = conv(size, out, heads=of_heads, add_self_loops=self_loops)
            return layer

        last = made(width, CHANNELS, heads) if pooled else made(width, classes, 1)
        self.convs = nn.ModuleList([made(in_channels, CHANNELS, heads), last])
        self.readout = nn.Linear(width, classes) if pooled else None

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor | None = None) -> Tensor:
        """Return the logits of the classes, of every node ``[V, C]`` or graph ``[G, C]``.

        Args:
            x: features ``[V, F]``, or types ``[V]``, which become unit vectors.
            edge_index: source and target of every edge ``[2, E]``.
            batch: graph of every node ``[V]``; without it all nodes are one graph.
        """
        if not x.is_floating_point():
            x = F.one_hot(x, self.in_channels).to(next(self.parameters()).dtype)
        first, second = self.convs
        x = F.elu(first(x, edge_index))
        x = second(F.dropout(x, DROPOUT, self.training), edge_index)
        if self.readout is None:
            return x
        return self.readout(global_mean_pool(F.elu(x), batch))  # type: ignore[no-any-return]


def initial_stack(
    kind: Kind, sizes: tuple[int, int, bool], seed: int, heads: int, *, self_loops: bool = True
) -> ConvStack:
    """Build a model whose weights follow from a seed; torch's random state is left as it was.

    Args:
        kind: as for :class:`ConvStack`, like all but the seed.
        sizes: features of a node, number of classes, and whether graphs have them.
        seed: of the weights.
        heads: of the first layer.
        self_loops: see above.
    """
    inputs, classes, pooled = sizes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ConvStack(kind, inputs, classes, heads=heads, self_loops=self_loops, pooled=pooled)
