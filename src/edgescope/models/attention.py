r"""Attention over edges that carry features: the core that the published architectures share.

For an edge from node j to node i, with ``H`` heads of ``D`` channels (Bini et al.,
arXiv 2409.03463, and the layers of their repository GNN-MAs):

.. math::
    s_{ij} &= \frac{K h_j \odot Q h_i}{\sqrt{D}} \odot W e_{ij} \\
    a_{ij} &= \exp\bigl(\mathrm{clamp}(\textstyle\sum_d s_{ijd}, -5, 5)\bigr) \\
    h_i'   &= \frac{\sum_j a_{ij} V h_j}{\sum_j a_{ij} + 10^{-6}}
"""

from torch import Tensor, nn

LOGIT_LIMIT = 5.0
"""Logits are clamped to plus or minus this value before the exponential (GNN-MAs, every layer)."""

NORMALISER_FLOOR = 1e-6
"""Added to the sum of attention weights, so that a node without edges gets zeros (GNN-MAs)."""


class EdgeScore(nn.Module):
    """The score vector of every edge, before it is summed over channels.

    It has no parameters. It is a module so that its output can be observed and replaced
    through an ordinary forward hook.
    """

    def forward(self, query: Tensor, key: Tensor, edge: Tensor, edge_index: Tensor) -> Tensor:
        """Multiply query, key and edge projection channel by channel.

        Args:
            query: projections of the nodes as targets ``[V, H, D]``.
            key: projections of the nodes as sources ``[V, H, D]``.
            edge: projections of the edge states ``[E, H, D]``.
            edge_index: source and target node of every edge ``[2, E]``.

        Returns:
            The edge scores ``[E, H, D]``.
        """
        source, target = edge_index
        # index_select is several times faster than indexing, forward and backward.
        product = key.index_select(0, source) * query.index_select(0, target)
        score: Tensor = product * query.size(-1) ** -0.5 * edge
        return score


class EdgeAttention(nn.Module):
    """Multi-head attention of every node over its incoming edges.

    Args:
        hidden_dim: width ``F`` of node and edge states; a multiple of ``num_heads``.
        num_heads: number of heads ``H``; each has ``D = F / H`` channels.
        use_bias: whether the four projections have a bias.

    Raises:
        ValueError: if ``hidden_dim`` is not a multiple of ``num_heads``.
    """

    def __init__(self, hidden_dim: int, num_heads: int, use_bias: bool = False) -> None:
        super().__init__()
        if hidden_dim % num_heads:
            raise ValueError(
                f"hidden_dim must be a multiple of num_heads, received {hidden_dim} and {num_heads}"
            )
        self.num_heads = num_heads
        self.head_dim = hidden_dim // num_heads
        self.query = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
        self.key = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
        self.value = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
        self.edge = nn.Linear(hidden_dim, hidden_dim, bias=use_bias)
        self.score = EdgeScore()

    def forward(self, node: Tensor, edge: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        """Attend from every target node to the sources of its edges.

        Args:
            node: node states ``[V, F]``.
            edge: edge states ``[E, F]``.
            edge_index: source and target node of every edge ``[2, E]``.

        Returns:
            The attended values ``[V, F]`` and the edge scores ``[E, H, D]``.
        """
        source, target = edge_index
        heads = (-1, self.num_heads, self.head_dim)
        query, key = self.query(node).view(heads), self.key(node).view(heads)
        score = self.score(query, key, self.edge(edge).view(heads), edge_index)
        weight = score.sum(-1).clamp(-LOGIT_LIMIT, LOGIT_LIMIT).exp()  # [E, H]
        value = self.value(node).view(heads)
        message = value.index_select(0, source) * weight.unsqueeze(-1)
        attended = value.new_zeros(value.shape).index_add(0, target, message)
        normaliser = weight.new_zeros(node.size(0), self.num_heads).index_add(0, target, weight)
        attended = attended / (normaliser + NORMALISER_FLOOR).unsqueeze(-1)
        return attended.flatten(1), score
