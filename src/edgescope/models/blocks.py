"""What follows attention in a layer, and what follows the layers in a model."""

from itertools import pairwise
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Readout = Literal["mean", "sum", "node"]
"""How node states become one state per graph, or that every node keeps its own."""


class StateBlock(nn.Module):
    """Update a stream of states, of nodes or of edges, from what attention gave for it.

    ``y = norm1(x + O update)``, then ``norm2(y + W2 relu(W1 y))`` with ``W1: F -> 2F``, as
    published. With ``norm_first`` the sums themselves are never normalised: attention is given
    ``norm1(x)`` (:meth:`before`), then ``y = x + O update`` and ``y + W2 relu(W1 norm2(y))`` (Xiong
    et al., arXiv 2002.04745, figure 1). The parameters are the same.

    Args:
        hidden_dim: width ``F`` of the stream.
        dropout: probability of zeroing a value of the update and of the hidden layer.
        residual: whether the two sums include ``x`` and ``y``.
        batch_norm: whether ``norm`` is batch normalisation.
        layer_norm: whether ``norm`` is layer normalisation; without both it is nothing.
        norm_first: see above.

    Raises:
        ValueError: if both normalisations are asked for; with ``norm_first``, if neither is, or
            there is no residual.
    """

    def __init__(
        self,
        hidden_dim: int,
        dropout: float = 0.0,
        residual: bool = True,
        batch_norm: bool = True,
        layer_norm: bool = False,
        norm_first: bool = False,
    ) -> None:
        super().__init__()
        if norm_first and not (residual and (batch_norm or layer_norm)):
            lacking = "a normalisation to put first" if residual else "residual=True to go around"
            raise ValueError(
                f"received norm_first=True without {lacking}; set "
                f"{'batch_norm or layer_norm' if residual else 'residual'}, or leave it out"
            )
        self.dropout = dropout
        self.residual = residual
        self.norm_first = norm_first
        self.output = nn.Linear(hidden_dim, hidden_dim)
        self.norm1 = make_norm(hidden_dim, batch_norm, layer_norm)
        self.expand = nn.Linear(hidden_dim, 2 * hidden_dim)
        self.contract = nn.Linear(2 * hidden_dim, hidden_dim)
        self.norm2 = make_norm(hidden_dim, batch_norm, layer_norm)

    def before(self, state: Tensor) -> Tensor:
        """Return what attention is given for states ``[N, F]``."""
        return self.norm1(state) if self.norm_first else state

    def forward(self, state: Tensor, update: Tensor) -> Tensor:
        """Return the new states ``[N, F]`` from ``state`` and ``update``, both ``[N, F]``."""
        mixed = self.output(self._drop(update))
        if self.norm_first:
            state = state + mixed
            hidden = self.expand(self.norm2(state)).relu()
            return state + self.contract(self._drop(hidden))  # type: ignore[no-any-return]
        state = self.norm1(state + mixed if self.residual else mixed)
        mixed = self.contract(self._drop(self.expand(state).relu()))
        return self.norm2(state + mixed if self.residual else mixed)  # type: ignore[no-any-return]

    def _drop(self, value: Tensor) -> Tensor:
        return F.dropout(value, self.dropout, self.training) if self.dropout else value


def make_norm(hidden_dim: int, batch_norm: bool, layer_norm: bool) -> nn.Module:
    """Return batch norm, layer norm or nothing.

    Raises:
        ValueError: if both are asked for.
    """
    if batch_norm and layer_norm:
        raise ValueError(
            "received batch_norm=True and layer_norm=True, expected one of them or none"
        )
    if batch_norm:
        return nn.BatchNorm1d(hidden_dim)
    return nn.LayerNorm(hidden_dim) if layer_norm else nn.Identity()


class GraphReadout(nn.Module):
    """Pool node states over each graph and map them to predictions with three linear layers.

    A model that was trained on standardised targets predicts in the unit of the targets all the
    same: with :meth:`set_unit` the last layer's numbers are multiplied and moved.

    Attributes:
        scale: ``[out_dim]``, what the last layer's numbers are multiplied by; None for nothing.
        shift: ``[out_dim]``, what is added then; None for nothing.

    Args:
        hidden_dim: width ``F`` of the node states.
        out_dim: number of predictions per graph, or per node.
        readout: ``"mean"`` or ``"sum"`` over the nodes of a graph; ``"node"`` for predictions of
            every node.

    Raises:
        ValueError: if ``readout`` is none of these.
    """

    def __init__(self, hidden_dim: int, out_dim: int, readout: Readout = "mean") -> None:
        super().__init__()
        if readout not in {"mean", "sum", "node"}:
            raise ValueError(f"readout must be 'mean', 'sum' or 'node', received {readout!r}")
        self.readout = readout
        widths = (hidden_dim, hidden_dim // 2, hidden_dim // 4, out_dim)
        self.layers = nn.ModuleList(
            nn.Linear(width, following) for width, following in pairwise(widths)
        )
        self.scale: Tensor | None
        self.shift: Tensor | None
        # In the state dict once they are set, so that they cannot be lost on the way unnoticed.
        self.register_buffer("scale", None)
        self.register_buffer("shift", None)
        self._unit: tuple[Tensor, Tensor] | None = None

    def set_unit(self, scale: Tensor, shift: Tensor) -> None:
        """Predict ``scale`` times the last layer's numbers, plus ``shift``, both ``[out_dim]``."""
        self._unit = scale.clone(), shift.clone()
        self.scale, self.shift = scale.clone(), shift.clone()

    def reset_parameters(self) -> None:
        """Set the unit, which is no parameter, to what it was; the layers reset themselves."""
        if self._unit is not None and self.scale is not None and self.shift is not None:
            self.scale.copy_(self._unit[0])
            self.shift.copy_(self._unit[1])

    def forward(self, node: Tensor, batch: Tensor | None = None) -> Tensor:
        """Return ``[G, out_dim]`` from node states ``[V, F]`` and the graph of each node ``[V]``.

        Without ``batch`` all nodes belong to one graph. With ``readout="node"``: ``[V, out_dim]``.
        """
        state = node if self.readout == "node" else self._pool(node, batch)
        for layer in self.layers[:-1]:
            state = layer(state).relu()
        prediction: Tensor = self.layers[-1](state)
        if self.scale is None or self.shift is None:
            return prediction
        return prediction * self.scale + self.shift

    def _pool(self, node: Tensor, batch: Tensor | None) -> Tensor:
        if batch is None:
            batch = node.new_zeros(node.size(0), dtype=node.long().dtype)
        num_graphs = int(batch.max()) + 1 if batch.numel() else 0
        total = node.new_zeros(num_graphs, node.size(1)).index_add(0, batch, node)
        if self.readout == "sum":
            return total
        count = batch.bincount(minlength=num_graphs).clamp(min=1)
        return total / count.unsqueeze(1).to(total.dtype)
