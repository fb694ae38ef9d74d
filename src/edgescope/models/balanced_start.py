r"""Initial weights of a GAT in which no neuron is out of balance.

After Mustafa et al., arXiv 2310.07235. Multiply all that enters a neuron ``i`` behind layer ``l``
by a number above 0, and divide all that leaves it by the same: the output of a GAT stays as it was,
if nothing but functions like ReLU stands between its layers. So under gradient flow (their law of
conservation, with the bias and the two vectors of attention that the layers here have)

.. math::
    \Vert W^l_{i \cdot} \Vert^2 + (b^l_i)^2 - \Vert a^l_i \Vert^2
        - \Vert W^{l+1}_{\cdot i} \Vert^2 = \mathrm{const}

Usual initial weights make this constant far from 0, most so in deep networks; then some of the
weights around a neuron hardly move. Here it starts at 0: vectors of attention and biases are 0,
rows of the first map have the squared norm :data:`ROW_NORM`, and every column of a later map is
scaled to the norm of the row before it. The maps are the embedding of the nodes, the layers, and
those of the read-out. Projections of the edges stand outside of this balance and are drawn as ever;
with the vectors of attention at 0 they come in as these grow, and attention is a mean at first.

``"xavier"`` draws each map from Glorot's uniform distribution before it is scaled. ``"orthogonal"``
takes an orthogonal :math:`U`, between functions of ReLU as
:math:`\left(\begin{smallmatrix} U & -U \\ -U & U \end{smallmatrix}\right)`, so that the network is
linear at first (``Bal_X`` and ``Bal_O`` there).
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from edgescope.models.embeddings import ColumnEmbedding
from edgescope.models.property_model import PropertyModel

Balance = Literal["xavier", "orthogonal"]
"""How the maps are drawn before they are balanced."""

ROW_NORM = 2.0
"""Squared norm of the rows of the first map, as recommended there (its beta)."""

_HALVES = 8
"""Widths are halved twice in the read-out, and each has two halves that mirror each other."""


def check_balance(balanced: Balance, config: Mapping[str, Any]) -> None:
    """Refuse a model that has no such balance.

    Raises:
        ValueError: if the kind is unknown, if states go around a layer or are normalised, or if
            a width has no two halves.
    """
    if balanced not in {"xavier", "orthogonal"}:
        raise ValueError(f"balanced must be None, 'xavier' or 'orthogonal', received {balanced!r}")
    against = [name for name in ("residual", "batch_norm", "layer_norm") if config[name]]
    if against:
        raise ValueError(
            f"received balanced={balanced!r} with {' and '.join(f'{n}=True' for n in against)}, "
            "with which the weights around a neuron have no balance to keep; set them to False"
        )
    if balanced == "orthogonal" and config["hidden_dim"] % _HALVES:
        raise ValueError(
            f"balanced='orthogonal' needs a hidden_dim that is a multiple of {_HALVES}, received "
            f"{config['hidden_dim']}; choose another width, or 'xavier'"
        )


def balance(model: PropertyModel, balanced: Balance) -> None:
    """Draw balanced initial weights for a model whose layers hold a ``GATConv`` each, in place.

    Args:
        model: the model, of a configuration that :func:`check_balance` lets pass.
        balanced: how the maps are drawn.
    """
    convs: list[Any] = [layer.conv for layer in model.layers]
    linears: list[Any] = list(model.readout.layers)
    later = [each.weight for each in (*(conv.lin for conv in convs), *linears)]
    with torch.no_grad():
        tables = _tables(model.node_embedding)
        for table in tables:
            table.copy_(_drawn(table, balanced, before=False, behind=False))
        norm = sum(table.square().sum(1) for table in tables)
        assert isinstance(norm, Tensor)
        for table in tables:
            table.mul_((ROW_NORM / norm).sqrt().unsqueeze(1))
        row = torch.full_like(norm, ROW_NORM).sqrt()
        for place, weight in enumerate(later):
            new = _drawn(weight, balanced, before=place > 0, behind=place < len(later) - 1)
            weight.copy_(new * (row / new.norm(dim=0)))
            row = weight.norm(dim=1)
        for conv in convs:
            for parameter in (conv.att_src, conv.att_dst, conv.att_edge, conv.bias):
                parameter.zero_()
        for part in (model.node_embedding, *linears):
            if isinstance(part, nn.Linear):
                part.bias.zero_()


def _tables(embedding: nn.Module) -> list[Tensor]:
    """Return the first map, of which a row is a neuron, one tensor per column of types."""
    if isinstance(embedding, nn.Linear):
        return [embedding.weight]
    several = isinstance(embedding, ColumnEmbedding)
    columns: Any = embedding.columns if several else [embedding]
    return [column.weight.T for column in columns]


def _drawn(weight: Tensor, balanced: Balance, *, before: bool, behind: bool) -> Tensor:
    """Draw a map ``[out, in]``.

    Args:
        weight: of this shape.
        balanced: how.
        before: whether a ReLU stands before it.
        behind: whether one stands behind it.
    """
    new = torch.empty_like(weight)
    if balanced == "xavier":
        return nn.init.xavier_uniform_(new)
    rows, columns = new.size(0) // (1 + behind), new.size(1) // (1 + before)
    part = nn.init.orthogonal_(new.new_empty(rows, columns))
    if before:
        part = torch.cat([part, -part], 1)
    return torch.cat([part, -part]) if behind else part
