r"""Attention over edges that carry features: the core that the published architectures share.

For an edge from node j to node i, with ``H`` heads of ``D`` channels (Bini et al.,
arXiv 2409.03463, and the layers of their repository GNN-MAs):

.. math::
    s_{ij} &= \frac{K h_j \odot Q h_i}{\sqrt{D}} \odot W e_{ij} \\
    a_{ij} &= \exp\bigl(\mathrm{clamp}(\textstyle\sum_d s_{ijd}, -5, 5)\bigr) \\
    h_i'   &= \frac{\sum_j a_{ij} V h_j}{\sum_j a_{ij} + 10^{-6}}

On a full graph the pairs of nodes that have no edge attend too, through projections
:math:`Q_2, K_2, W_2` of their own, and :math:`a_{ij}` is multiplied by a factor that SAN and
GraphiT define. What other bounds of the logits there are says :mod:`edgescope.models.logit_bounds`.
"""

import torch
from torch import Tensor, nn

from edgescope.models.attention_steps import (
    LOGIT_LIMIT,
    NORMALISER_FLOOR,
    EdgeLogit,
    EdgeMessage,
    EdgeScore,
    EdgeWeight,
)
from edgescope.models.explicit_bias import BiasTerm, ExplicitBias, check_explicit_bias
from edgescope.models.logit_bounds import (
    QK_NORM_EPS,
    AttentionSink,
    OutputGate,
    Sink,
    check_sink,
    largest_logit,
)


def check_heads(hidden_dim: int, num_heads: int) -> None:
    """Refuse a width that heads cannot share.

    Raises:
        ValueError: if ``hidden_dim`` is not a multiple of ``num_heads``.
    """
    if hidden_dim % num_heads:
        raise ValueError(
            f"hidden_dim must be a multiple of num_heads, received {hidden_dim} and {num_heads}"
        )


class EdgeAttention(nn.Module):
    """Multi-head attention of every node over its incoming edges.

    Args:
        hidden_dim: width ``F`` of node and edge states; a multiple of ``num_heads``.
        num_heads: number of heads ``H``; each has ``D = F / H`` channels.
        use_bias: whether the projections have a bias.
        explicit_bias: the explicit bias term, ``"described"`` or ``"released"`` (in which the
            scores reach nothing); see :mod:`edgescope.models.explicit_bias`.
        full_graph: whether some of the edges are added pairs of nodes, which have projections
            of their own.
        logit_limit: what logits are clamped to, plus or minus. Without a clamp the weights are an
            exact softmax, computed after the largest logit of a node is subtracted; the floor of
            the normaliser is then no more than what keeps nodes without edges at zero.
        logit_cap: a soft cap instead of the clamp, which takes ``logit_limit=None``; the weights
            are an exact softmax too.
        qk_norm: whether queries and keys are normalised per head, those of added pairs with gains
            of their own. An explicit bias is computed from the normalised query.
        sink: whether a learnt term is added to every normaliser; ``"fixed"`` for a term of 1.
        mean_attention: whether all logits are 0 instead of what the scores give.
        gated_output: whether what a node has attended to is multiplied by learnt gates.

    Raises:
        ValueError: if ``hidden_dim`` is not a multiple of ``num_heads``, if ``explicit_bias``
            or ``sink`` is unknown or the former given for a full graph, if a limit and a cap are
            given or one of them bounds nothing, or if ``mean_attention`` is to have a bias term
            or a sink.

    Example:
        >>> import torch
        >>> from edgescope.models import EdgeAttention
        >>> attention = EdgeAttention(hidden_dim=8, num_heads=2)
        >>> edge_index = torch.tensor([[0, 1], [1, 0]])
        >>> x, score = attention(torch.rand(2, 8), torch.rand(2, 8), edge_index)
        >>> x.shape, score.shape
        (torch.Size([2, 8]), torch.Size([2, 2, 4]))
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        use_bias: bool = False,
        explicit_bias: ExplicitBias | None = None,
        full_graph: bool = False,
        *,
        logit_limit: float | None = LOGIT_LIMIT,
        logit_cap: float | None = None,
        qk_norm: bool = False,
        sink: Sink = False,
        mean_attention: bool = False,
        gated_output: bool = False,
    ) -> None:
        super().__init__()
        check_heads(hidden_dim, num_heads)
        check_sink(sink)
        check_explicit_bias(explicit_bias, full_graph)
        if mean_attention and (explicit_bias or sink):
            raise ValueError(
                "mean_attention=True is a mean of the neighbours' values, received it with "
                f"{'explicit_bias' if explicit_bias else 'sink'}, which makes it another"
            )
        self.num_heads = num_heads
        self.head_dim = hidden_dim // num_heads
        self.explicit_bias = explicit_bias
        self.full_graph = full_graph
        self.qk_norm = qk_norm
        self.mean_attention = mean_attention
        self.query = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
        self.key = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
        self.value = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
        self.edge = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
        if full_graph:
            self.added_query = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
            self.added_key = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
            self.added_edge = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
        if explicit_bias:
            self.bias_term = BiasTerm(num_heads, self.head_dim)
        if qk_norm:
            self.query_norm = nn.RMSNorm(self.head_dim, eps=QK_NORM_EPS)
            self.key_norm = nn.RMSNorm(self.head_dim, eps=QK_NORM_EPS)
        if qk_norm and full_graph:
            self.added_query_norm = nn.RMSNorm(self.head_dim, eps=QK_NORM_EPS)
            self.added_key_norm = nn.RMSNorm(self.head_dim, eps=QK_NORM_EPS)
        self.sink = AttentionSink(num_heads, learnt=sink != "fixed") if sink else None
        self.gate = OutputGate(hidden_dim) if gated_output else None
        self.score = EdgeScore()
        self.logit = EdgeLogit()
        self.weight = EdgeWeight(logit_limit, logit_cap)
        self.message = EdgeMessage()

    def forward(
        self,
        node: Tensor,
        edge: Tensor,
        edge_index: Tensor,
        edge_real: Tensor | None = None,
        factor: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attend from every target node to the sources of its edges.

        Args:
            node: node states ``[V, F]``.
            edge: edge states ``[E, F]``.
            edge_index: source and target node of every edge ``[2, E]``.
            edge_real: of a full graph, whether an edge is one of the graph and not an added pair
                ``[E]``, boolean.
            factor: what the attention weights are multiplied by ``[E, 1]``, if anything.

        Returns:
            The attended values ``[V, F]`` and the edge scores ``[E, H, D]``.

        Raises:
            ValueError: if ``edge_real`` is missing for a full graph.
        """
        target = edge_index[1]
        heads = (-1, self.num_heads, self.head_dim)
        query, key, ends = self.query(node).view(heads), self.key(node).view(heads), edge_index
        if self.qk_norm:
            query, key = self.query_norm(query), self.key_norm(key)
        projected, value = self._project(edge, edge_real), self.value(node).view(heads)
        if edge_real is not None and self.full_graph:
            # Added pairs find their own projections behind those of the edges.
            own = self.added_query(node).view(heads), self.added_key(node).view(heads)
            if self.qk_norm:
                own = self.added_query_norm(own[0]), self.added_key_norm(own[1])
            query, key = torch.cat([query, own[0]]), torch.cat([key, own[1]])
            ends = edge_index + ~edge_real * node.size(0)
        bias, added = None, None
        if self.explicit_bias:
            bias = self.bias_term(query)
            added = bias.unsqueeze(-1) * self.bias_term.edge
            value = value + self.bias_term.value
        score = self.score(query, key, projected.view(heads), ends, added)
        overwriting = None
        if bias is not None and self.explicit_bias == "released":
            overwriting = bias.index_select(0, target)
        elif self.mean_attention:
            overwriting = score.new_zeros(score.shape[:2])
        logit = self.logit(score, overwriting)
        largest = self._largest(logit, target, node.size(0), factor)
        shift = None if largest is None else largest.index_select(0, target)
        weight = self.weight(logit, factor, shift)  # [E, H]
        normaliser = weight.new_zeros(node.size(0), self.num_heads).index_add(0, target, weight)
        if self.sink is not None:
            normaliser = normaliser + self.sink(largest)
        message = self.message(value, weight, edge_index)
        attended = value.new_zeros(value.shape).index_add(0, target, message)
        attended = (attended / (normaliser + self.floor(weight.dtype)).unsqueeze(-1)).flatten(1)
        if self.gate is not None:
            attended = attended * self.gate(node)
        return attended, score

    def floor(self, dtype: torch.dtype) -> float:
        """Return what is added to the normaliser: where it only avoids 0 / 0, next to nothing."""
        return NORMALISER_FLOOR if self.weight.limit is not None else torch.finfo(dtype).tiny

    def _largest(
        self, logit: Tensor, target: Tensor, num_nodes: int, factor: Tensor | None
    ) -> Tensor | None:
        """Return what is subtracted from a node's logits ``[V, H]``; nothing under a clamp."""
        if self.weight.limit is not None:
            return None
        sink = None if self.sink is None else self.sink.logit
        return largest_logit(self.weight.bounded(logit), target, num_nodes, factor, sink)

    def _project(self, edge: Tensor, edge_real: Tensor | None) -> Tensor:
        """Project edge states ``[E, F]``, those of added pairs in their own way."""
        if not self.full_graph:
            return self.edge(edge)  # type: ignore[no-any-return]
        if edge_real is None:
            raise ValueError("full_graph=True needs edge_real, which edges are those of the graph")
        real, added = edge_real.nonzero().squeeze(1), (~edge_real).nonzero().squeeze(1)
        parts = [
            self.edge(edge.index_select(0, real)),
            self.added_edge(edge.index_select(0, added)),
        ]
        order = torch.cat([real, added]).argsort()
        return torch.cat(parts).index_select(0, order)
