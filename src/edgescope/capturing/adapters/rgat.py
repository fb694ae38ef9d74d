"""Sites of RGATConv."""

import torch
import torch.nn.functional as F
from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter


class RGATAdapter(MessagePassingAdapter):
    """RGATConv (Busbridge et al., arXiv 1904.05811): every relation has its own projection.

    Its ``dim`` attention channels each have their own softmax, so here ``D`` is ``dim`` for
    logits and weights.
    """

    layer = "torch_geometric.nn.conv.rgat_conv.RGATConv"
    refuses = ("sparse adjacency", "reversed flow between two sets of nodes")
    options = MESSAGE_PASSING | names(
        "in_channels out_channels num_relations num_bases num_blocks mod attention_mechanism "
        "attention_mode heads dim concat negative_slope dropout edge_dim bias"
    )
    arguments = names("x edge_index edge_type edge_attr size return_attention_weights")
    stages = {
        "logit": Stage(
            "LeakyReLU(Q W_r x_i + K W_r x_j + E W_e e_ij) (additive); "
            "(Q W_r x_i) * (K W_r x_j) * (E W_e e_ij) (multiplicative)",
            "[E, H, dim]",
        ),
        "weight": Stage(
            "softmax_j(logit), over all edges or per relation", "[E, H, dim]", "before"
        ),
        "message": Stage("weight * W_r x_j, changed as mod says", "[E, H, dim * D]", "after"),
    }
    submodules = ("lin_edge",)
    kept_weight = "_alpha"
    edge_option = "edge_dim"

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return the relations, and the features of edges if it is built with ``edge_dim``."""
        return ("edge_type",) if layer.lin_edge is None else ("edge_type", "edge_attr")

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit as ``RGATConv.message`` computes it.

        With the same operations: which others give the same bits is up to the processor.
        """
        weights = _weights(layer, call["edge_type"])
        query = _project(layer, call["x_i"], weights) @ layer.q
        key = _project(layer, call["x_j"], weights) @ layer.k
        edge = _edges(layer, call)
        if layer.attention_mode == "additive-self-attention":
            logit = query + key if edge is None else query + key + edge
            return F.leaky_relu(logit, layer.negative_slope)
        return query * key if edge is None else query * key * edge

    def weight(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the weights that the layer holds until its forward ends."""
        weight: Tensor = getattr(layer, self.kept_weight)
        return weight


def _edges(layer: Layer, call: EdgeCall) -> Tensor | None:
    """Return ``E W_e e`` ``[E, H * dim]``, or ``[1, H * dim]`` for all edges; ``None`` without.

    Where flattening leaves another number of rows than the features had, the layer takes them for
    features of the relations.
    """
    if "lin_edge" not in call.outputs:
        return None
    edge = call.outputs["lin_edge"]
    rows = edge.reshape(-1, layer.heads * layer.out_channels)
    if len(rows) != len(edge):
        rows = rows.index_select(0, call["edge_type"])
    return rows @ layer.e


def _weights(layer: Layer, edge_type: Tensor) -> Tensor:
    """Return ``W_r`` of every edge: ``[E, F, H * C]``; in blocks ``[E, B, F / B, H * C / B]``."""
    if layer.num_bases is None:
        weights = layer.weight
    else:
        flat = torch.matmul(layer.att, layer.basis.view(layer.num_bases, -1))
        weights = flat.view(layer.num_relations, *layer.basis.shape[1:])
    return torch.index_select(weights, 0, edge_type)


def _project(layer: Layer, state: Tensor, weights: Tensor) -> Tensor:
    """Return ``W_r x`` ``[E, H * C]`` of one end of every edge, ``r`` being its relation."""
    if layer.num_blocks is None:
        return torch.bmm(state.unsqueeze(1), weights).squeeze(-2)
    blocks = state.view(-1, 1, weights.size(1), weights.size(2))
    projected: Tensor = torch.einsum("abcd,acde->ace", blocks, weights)
    return projected.contiguous().view(-1, layer.heads * layer.out_channels)
