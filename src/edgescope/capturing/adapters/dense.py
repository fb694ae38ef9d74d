"""Attention on a dense batch, recomputed for every pair of nodes that may attend to each other."""

import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from edgescope.capturing.adapters.adapter import Emit, Layer, Stage, observing
from edgescope.capturing.adapters.head_shapes import per_head
from edgescope.capturing.edge_rows import PairRows
from edgescope.capturing.graph_input import starts
from edgescope.lib.errors import InputError

STAGES: Mapping[str, Stage] = {
    "score": Stage("W_q x_i * W_k x_j / sqrt(D)", "[P, H, D]"),
    "logit": Stage("sum_d score, plus the masks", "[P, H, 1]"),
    "weight": Stage("softmax_j(logit)", "[P, H, 1]", "before"),
    "message": Stage("weight * W_v x_j", "[P, H, D]", "before"),
}
"""Stages of dense attention with ``P`` pairs. A fused kernel draws its dropout inside, so the
message too is the one before dropout."""


class DenseCall(NamedTuple):
    """One call of dense attention on ``B`` graphs of up to ``S`` nodes, all in one form."""

    query: Tensor
    """States of the queries ``[B, S, F]``."""
    key: Tensor
    """States of the keys ``[B, S, F]``."""
    value: Tensor
    """States of the values ``[B, S, F]``."""
    padding: Tensor | None
    """Which keys are padding, boolean, or what is added to their logits ``[B, S]``."""
    mask: Tensor | None
    """Which pairs are forbidden, boolean, or what is added to their logits ``[S, S]`` or
    ``[B * H, S, S]``."""


def emit_pairs(layer: Layer, call: DenseCall, stages: Collection[str], emit: Emit) -> None:
    """Recompute ``stages`` of a call of ``torch.nn.MultiheadAttention`` and emit them.

    Half precision is computed in float32, as the kernels do inside: the products of large queries
    and keys, which are what one looks for, would overflow.

    Args:
        layer: the attention module, whose weights are read.
        call: what it was given.
        stages: names of the stages that are wanted.
        emit: receives each.

    Raises:
        InputError: if queries and keys are not the same nodes, or the padding has gaps.
    """
    check_self_attention(layer, call)
    with observing():
        pairs = _Pairs(layer, call)
    for stage in STAGES:
        if stage in stages:
            with observing():
                values = getattr(pairs, stage)()
            emit(stage, values, pairs.rows)


def check_self_attention(layer: Layer, call: DenseCall) -> None:
    """Refuse queries that are other nodes than the keys.

    Raises:
        InputError: if they are.
    """
    if not same_states(call.query, call.key):
        raise InputError(
            f"{type(layer).__name__} was called with a query other than its key, as in "
            "cross-attention, so its pairs are not pairs of nodes of one graph; leave this layer "
            "out with sites=; where its keys are tables of neighbours, "
            "es.capture.discover(model, batch, known=True) finds whose"
        )


class _Pairs:
    """The stages of one call, each computed when it is asked for."""

    def __init__(self, layer: Layer, call: DenseCall) -> None:
        self.rows, self._present, self._first = _rows(call, layer.num_heads)
        self._layer = layer
        self._call = call
        first = starts(self.rows.sizes)[self.rows.graph]
        self._query, self._key = first + self.rows.query, first + self.rows.key
        self._known: dict[str, Tensor] = {}

    def score(self) -> Tensor:
        """Return the product of query and key ``[P, H, D]``."""
        queries = self._project(0, self._call.query) / math.sqrt(self._layer.head_dim)
        score = queries[self._query] * self._project(1, self._call.key)[self._key]
        self._known["sum"] = score.sum(-1)
        return score

    def logit(self) -> Tensor:
        """Return the sum of the score with what the masks add ``[P, H, 1]``."""
        if "sum" not in self._known:
            self.score()
        return _add_masks(self._known["sum"], self._call, self._places()).unsqueeze(-1)

    def weight(self) -> Tensor:
        """Return the softmax over the keys of each query ``[P, H, 1]``.

        A head that may attend to none of the nodes has weights of 0.
        """
        from torch_geometric.utils import softmax

        if "weight" not in self._known:
            logit = self.logit()
            nodes = int(self.rows.sizes.sum())
            weight = softmax(logit, self._query, num_nodes=nodes) if len(logit) else logit
            self._known["weight"] = weight.masked_fill(logit == -math.inf, 0)
        return self._known["weight"]

    def message(self) -> Tensor:
        """Return the value by its weight ``[P, H, D]``."""
        return self.weight() * self._project(2, self._call.value)[self._key]

    def _places(self) -> PairRows:
        """Return the pairs by their places in the dense batch."""
        first = self._first[self.rows.graph]
        rows = self.rows
        return rows._replace(query=rows.query + first, key=rows.key + first)

    def _project(self, part: int, states: Tensor) -> Tensor:
        """Return the queries (part 0), keys (1) or values (2) of all nodes ``[V, H, D]``."""
        layer = self._layer
        if layer.in_proj_weight is None:
            weight = (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)[part]
        else:
            weight = layer.in_proj_weight.chunk(3)[part]
        bias = None if layer.in_proj_bias is None else layer.in_proj_bias.chunk(3)[part]
        projected = F.linear(states[self._present], weight, bias)
        projected = projected.to(torch.promote_types(projected.dtype, torch.float32))
        return per_head(projected, layer.num_heads)


def same_states(query: Tensor, key: Tensor) -> bool:
    """Return whether queries and keys are the same states."""
    alike = query.shape == key.shape and query.dtype == key.dtype
    return query is key or (alike and torch.equal(query, key))


def _rows(call: DenseCall, heads: int) -> tuple[PairRows, Tensor, Tensor]:
    """Return the pairs of nodes of which at least one head may attend to the other.

    Also which places hold nodes ``[B, S]``, and the place of the first node of each graph ``[B]``.
    """
    present = present_places(call, heads)
    sizes = present.sum(1)
    first = present.to(torch.uint8).argmax(1) if present.size(1) else torch.zeros_like(sizes)
    allowed = present[:, :, None] & present[:, None, :]
    if call.mask is not None:
        allowed &= _allowed(_by_head(call.mask, heads)).any(1)
    graph, query, key = allowed.nonzero().unbind(1)
    rows = PairRows(graph, query - first[graph], key - first[graph], sizes)
    return rows, present, first


def first_places(sizes: Tensor, length: int) -> Tensor:
    """Return which of ``length`` places hold the nodes of each graph ``[B, S]``."""
    return torch.arange(length, device=sizes.device) < sizes[:, None]


def present_places(call: DenseCall, heads: int) -> Tensor:
    """Return which places hold the nodes of every graph ``[B, S]``.

    Raises:
        InputError: if there is padding between the nodes of a graph.
    """
    batch, length = call.key.shape[:2]
    device = call.key.device
    if call.padding is not None:
        present = _allowed(call.padding)
        at = torch.arange(length, device=device)
        span = at.where(present, -1).amax(1) - at.where(present, length).amin(1) + 1
        if length and not torch.equal(span.where(present.any(1), 0), present.sum(1)):
            raise InputError(
                "a key_padding_mask has padding between the nodes of a graph, so their numbers "
                "cannot be told; put the nodes together, as "
                "torch_geometric.utils.to_dense_batch does"
            )
        return present
    if call.mask is not None and call.mask.dim() == 3 and batch > 1:  # noqa: PLR2004  (one per head)
        # The padding may be in the mask: keys at the end to which nothing attends.
        used = _allowed(_by_head(call.mask, heads)).flatten(1, 2).any(1)
        return first_places((used * torch.arange(1, length + 1, device=device)).amax(1), length)
    return torch.ones(batch, length, dtype=torch.bool, device=device)


def _allowed(mask: Tensor) -> Tensor:
    return ~mask if mask.dtype == torch.bool else mask != -math.inf


def _by_head(mask: Tensor, heads: int) -> Tensor:
    """View a mask of pairs as ``[B, H, S, S]``, with 1 in place of ``B`` and ``H`` if shared."""
    if mask.dim() == 2:  # noqa: PLR2004  (the same for all graphs and heads)
        return mask[None, None]
    return mask.reshape(-1, heads, *mask.shape[1:])


def _add_masks(logit: Tensor, call: DenseCall, rows: PairRows) -> Tensor:
    """Add what the masks hold for every pair to its logits ``[P, H]``."""
    if call.mask is not None:
        mask = _by_head(call.mask, logit.size(1))
        graph = rows.graph if mask.size(0) > 1 else torch.zeros_like(rows.graph)
        logit = _add(logit, mask[graph, :, rows.query, rows.key])
    if call.padding is not None:
        logit = _add(logit, call.padding[rows.graph, rows.key, None])
    return logit


def _add(logit: Tensor, mask: Tensor) -> Tensor:
    if mask.dtype == torch.bool:
        return logit.masked_fill(mask, -math.inf)
    return logit + mask.to(logit.dtype)


def dense_call(layer: Layer, arguments: Mapping[str, Any]) -> DenseCall:
    """Bring the arguments of a call of ``torch.nn.MultiheadAttention`` into one form.

    Args:
        layer: the attention module.
        arguments: the arguments of its ``forward`` by name.
    """
    query, key, value = (arguments[name] for name in ("query", "key", "value"))
    padding, mask = arguments["key_padding_mask"], arguments["attn_mask"]
    if query.is_nested:
        dense, padding = unnest(query)
        return DenseCall(dense, dense, dense, padding, mask)
    is_self = query is key
    if query.dim() == 2:  # noqa: PLR2004  (one graph without a batch dimension)
        query, key, value = query[None], key[None], value[None]
        padding = None if padding is None else padding[None]
    elif not layer.batch_first:
        query, key, value = (states.transpose(0, 1) for states in (query, key, value))
    return DenseCall(query, query if is_self else key, value, padding, mask)


def unnest(states: Tensor) -> tuple[Tensor, Tensor]:
    """Return a nested tensor as states ``[B, S, F]`` and which of them are padding ``[B, S]``."""
    dense = states.to_padded_tensor(0.0)
    sizes = torch.tensor([len(each) for each in states.unbind()], device=dense.device)
    return dense, ~first_places(sizes, dense.size(1))
