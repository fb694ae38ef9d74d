"""The steps of edge attention, from projections to messages.

Each is a module without parameters, so that what it returns can be observed, and replaced before
anything is computed from it, through an ordinary forward hook.
"""

from torch import Tensor, nn

from edgescope.models.logit_bounds import check_bounds

LOGIT_LIMIT = 5.0
"""Logits are clamped to plus or minus this value before the exponential (GNN-MAs, every layer)."""


class EdgeScore(nn.Module):
    """The score vector of every edge, before it is summed over channels.

    Example:
        >>> import edgescope as es
        >>> attention = es.models.EdgeAttention(hidden_dim=8, num_heads=2)
        >>> isinstance(attention.score, es.models.EdgeScore)
        True
    """

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        edge: Tensor,
        edge_index: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Multiply query, key and edge projection channel by channel.

        Args:
            query: projections of the nodes as targets ``[V, H, D]``.
            key: projections of the nodes as sources ``[V, H, D]``.
            edge: projections of the edge states ``[E, H, D]``.
            edge_index: source and target node of every edge ``[2, E]``.
            bias: what is added to the scores of all edges into a node ``[V, H, D]``, if anything.

        Returns:
            The edge scores ``[E, H, D]``.
        """
        source, target = edge_index
        # index_select is several times faster than indexing, forward and backward.
        product = key.index_select(0, source) * query.index_select(0, target)
        score: Tensor = product * query.size(-1) ** -0.5 * edge
        return score if bias is None else score + bias.index_select(0, target)


class EdgeLogit(nn.Module):
    """The logit of every edge, from its score."""

    def forward(self, score: Tensor, overwriting: Tensor | None = None) -> Tensor:
        """Return the sum of ``score`` ``[E, H, D]`` over channels ``[E, H]``, or ``overwriting``.

        The latter ``[E, H]`` is what the explicit bias term as released puts in its place, and the
        zeros of a plain mean.
        """
        return score.sum(-1) if overwriting is None else overwriting


class EdgeWeight(nn.Module):
    """The attention weight of every edge before normalisation, from its logit.

    Args:
        limit: what logits are clamped to, plus or minus, if anything.
        cap: what logits are softly capped to, if anything.
    """

    def __init__(self, limit: float | None = LOGIT_LIMIT, cap: float | None = None) -> None:
        super().__init__()
        check_bounds(limit, cap)
        self.limit, self.cap = limit, cap

    def bounded(self, logit: Tensor) -> Tensor:
        """Return the logits ``[E, H]`` clamped, capped or as they are."""
        if self.limit is not None:
            return logit.clamp(-self.limit, self.limit)
        return logit if self.cap is None else self.cap * (logit / self.cap).tanh()

    def forward(
        self, logit: Tensor, factor: Tensor | None = None, largest: Tensor | None = None
    ) -> Tensor:
        """Return ``exp(bounded(logit))`` ``[E, H]``, times ``factor`` ``[E, 1]`` if there is one.

        Args:
            logit: logits as the scores give them ``[E, H]``.
            factor: see above.
            largest: what is subtracted from bounded logits ``[E, H]``, if anything.
        """
        bounded = self.bounded(logit)
        if largest is not None:
            bounded = bounded - largest
            if factor is not None:  # edges that do not count were left out of the largest
                bounded = bounded.masked_fill(factor == 0, 0.0)
        weight = bounded.exp()
        return weight if factor is None else weight * factor


class EdgeMessage(nn.Module):
    """What every edge sends to its target, before normalisation."""

    def forward(self, value: Tensor, weight: Tensor, edge_index: Tensor) -> Tensor:
        """Weigh the values of the sources.

        Args:
            value: projections of the nodes as sources ``[V, H, D]``.
            weight: attention weights before normalisation ``[E, H]``.
            edge_index: source and target node of every edge ``[2, E]``.

        Returns:
            ``[E, H, D]``; divided by the sum of the weights at the target, it is the message.
        """
        return value.index_select(0, edge_index[0]) * weight.unsqueeze(-1)


NORMALISER_FLOOR = 1e-6
"""Added to the sum of attention weights, so that a node without edges gets zeros (GNN-MAs)."""
