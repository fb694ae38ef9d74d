"""Edge importance from attention weights: their mean, and relevance that flows back along them."""

from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from edgescope.attribute.layer_edges import Inputs, layer_rows, sites_at
from edgescope.attribute.method import ModelMethod
from edgescope.capturing.discovery.unknown_attention import discover_unknown
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call

RESIDUAL = 0.5
"""Share of a node's relevance that its residual connection carries (Abnar and Zuidema,
arXiv 2005.00928, section 3: ``0.5 W_att + 0.5 I``)."""


class AttentionWeight(ModelMethod):
    """Importance of an edge is its attention weight, the mean over heads and layers.

    The weights are those at the sites ``:weight``, after the softmax, also of attention that no
    adapter knows and that is discovered on the first graphs. A layer that has no row for
    an edge, such as a self-loop that it drops, counts 0.

    Args:
        inputs: see :func:`edgescope.capture`.
        name: what it is called in tables.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.attribute.importances(model, graphs, [es.attribute.AttentionWeight()])
        >>> bool((found["attention"].edge <= 1).all())
        True
    """

    def __init__(self, *, inputs: Inputs = None, name: str = "attention") -> None:
        self.inputs = inputs
        self.name = name

    @override
    def explain(self, model: nn.Module, batch: Any, call: Call) -> Tensor:
        rows = _weights(model, batch, call, self.inputs)
        size = batch.edge_index.size(1)
        return torch.stack([each.on_edges(size, 0.0) for each in rows]).mean(0)


class AttentionRollout(ModelMethod):
    r"""Importance of an edge is the relevance that flows back over it, through all layers.

    Attention rollout (Abnar and Zuidema, arXiv 2005.00928, eq. 1) multiplies the layers'
    matrices

    .. math:: \tilde A^l = D^{-1} \bigl((1 - \rho) A^l + \rho I\bigr),

    where :math:`A^l_{ij}` is the weight, averaged over heads, with which node i attends to node j,
    and :math:`D` makes rows sum to 1. Here it gives a number per edge: every node of the last layer
    has a relevance :math:`r^L_i = 1`, and going back

    .. math::
        e^l_{ij} &= r^l_i D^{-1}_i (1 - \rho) A^l_{ij} \\
        r^{l-1}_j &= \sum_i r^l_i \tilde A^l_{ij},

    the importance of an edge is :math:`\sum_l e^l_{ij}`. Relevance is neither lost nor made: it
    sums to the number of nodes at every layer. What flows over self-loops that a layer adds, or
    over pairs of nodes without an edge, counts for no edge but flows on.

    Args:
        residual: :math:`\rho`, from 0 (inclusive) to 1.
        inputs: see :func:`edgescope.capture`.
        name: what it is called in tables.

    Raises:
        InputError: if ``residual`` is out of range.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> rollout = es.attribute.AttentionRollout(residual=0.5)
        >>> found = es.attribute.importances(model, graphs, [rollout])
        >>> found["rollout"].forward_passes
        1.0
    """

    def __init__(
        self, residual: float = RESIDUAL, *, inputs: Inputs = None, name: str = "rollout"
    ) -> None:
        if not 0 <= residual < 1:
            raise InputError(f"received residual={residual}, expected a number from 0 to below 1")
        self.residual = residual
        self.inputs = inputs
        self.name = name

    @override
    def explain(self, model: nn.Module, batch: Any, call: Call) -> Tensor:
        rows = _weights(model, batch, call, self.inputs)
        nodes, size = int(batch.num_nodes), batch.edge_index.size(1)
        relevance = torch.ones(nodes, dtype=torch.float64, device=batch.edge_index.device)
        importance = relevance.new_zeros(size)
        for layer in reversed(rows):
            source, target = layer.identity.source, layer.identity.target
            weight = layer.values.double() * (1 - self.residual)
            total = relevance.new_full((nodes,), self.residual).index_add(0, target, weight)
            # Without residual, a node that attends to nothing keeps its relevance.
            alone = total <= 0
            share = relevance / total.where(~alone, 1)
            flow = share[target] * weight
            real = layer.position >= 0
            importance = importance.index_add(0, layer.position[real], flow[real])
            kept = (share * self.residual).where(~alone, relevance)
            relevance = kept.index_add(0, source, flow)
        return importance


def _weights(model: nn.Module, batch: Any, call: Call, inputs: Inputs) -> Any:  # noqa: ANN401
    """Return the attention weights of all layers, averaged over heads.

    Raises:
        InputError: if a layer's weights are no shares of a node's edges.
    """
    discover_unknown(model, batch, call, inputs)
    sites = sites_at(model, "weight")
    for site in sites:
        if not site.adapter.normalised or site.adapter.two_sets(site.layer):
            raise InputError(
                f"{site.name} is of a {type(site.layer).__name__}, whose weights are no shares of "
                f"the edges into a node: {site.about.formula}; use another method"
            )
    names = [site.name for site in sites]
    return layer_rows(
        model,
        names,
        lambda: call(model, batch),
        batch.edge_index,
        lambda values: values.float().mean((1, 2)),
        inputs,
    )
