"""GraphTransformer with edge features, the first of the three published architectures."""

from torch import Tensor, nn
from typing_extensions import Unpack

from edgescope.models.attention import EdgeAttention
from edgescope.models.attention_steps import LOGIT_LIMIT
from edgescope.models.blocks import Readout, StateBlock
from edgescope.models.embeddings import Types
from edgescope.models.explicit_bias import ExplicitBias, check_explicit_bias
from edgescope.models.logit_bounds import Bounding, Sink, bounding_of
from edgescope.models.positions import LaplacianEigenvectors
from edgescope.models.property_model import PropertyModel, arguments


class GraphTransformerLayer(nn.Module):
    """Edge attention followed by an update of the node states and of the edge states.

    The edge states take up the edge scores, so what grows on an edge in one layer is carried
    into the next.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        dropout: float,
        residual: bool,
        batch_norm: bool,
        use_bias: bool,
        layer_norm: bool = False,
        explicit_bias: ExplicitBias | None = None,
        norm_first: bool = False,
        **bounding: Unpack[Bounding],
    ) -> None:
        super().__init__()
        # In the published GraphTransformer the attention stays the scores' own.
        described: ExplicitBias | None = "described" if explicit_bias else None
        self.attention = EdgeAttention(hidden_dim, num_heads, use_bias, described, **bounding)
        block = (hidden_dim, dropout, residual, batch_norm, layer_norm, norm_first)
        self.node, self.edge = StateBlock(*block), StateBlock(*block)

    def forward(
        self, node: Tensor, edge: Tensor, edge_index: Tensor, update_edges: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Return the new node states ``[V, F]`` and edge states ``[E, F]``.

        With ``update_edges=False`` the edge states are returned as they came.
        """
        seen = self.node.before(node), self.edge.before(edge)
        attended, score = self.attention(*seen, edge_index)
        node = self.node(node, attended)
        if update_edges:
            edge = self.edge(edge, score.flatten(1))
        return node, edge


class GraphTransformer(PropertyModel):
    """Graph transformer with an edge stream (Dwivedi and Bresson, arXiv 2012.09699, eqs. 8-17).

    Layer ``n`` computes its edge scores ``[E, H, D]`` in ``layers.n.attention.score``.

    The last layer's edge states feed nothing, so they are not computed; their parameters are
    kept because published checkpoints hold them.

    Args:
        num_atom_types: number of node types; ``x`` holds 0 to ``num_atom_types - 1``. For several
            columns of types their numbers; the embeddings of the columns are summed.
        num_bond_types: number of edge types; ``edge_attr`` holds 0 to ``num_bond_types - 1``. For
            several columns as above.
        edge_dim: number of real-valued features of an edge, instead of ``num_bond_types``;
            they enter through a linear layer, as in the published PROTEINS configuration.
        hidden_dim: width ``F`` of node and edge states; a multiple of ``num_heads``.
        num_heads: number of attention heads ``H``.
        num_layers: number of layers.
        out_dim: number of predictions per graph, or per node.
        readout: ``"mean"`` or ``"sum"`` over the nodes of a graph; ``"node"`` for predictions of
            every node.
        dropout: probability of dropout after attention and inside the feed-forward parts.
        residual: whether each part adds its input to its output.
        batch_norm: whether each part ends in batch normalisation.
        use_bias: whether the attention projections have biases.
        layer_norm: whether each part ends in layer normalisation, instead.
        explicit_bias: the explicit bias term of attention; ``"released"`` and ``"described"``
            are the same in this architecture.
        laplacian_eigenvectors: how many Laplacian eigenvectors encode the position of a node, with
            random signs in training; 0 for none.
        logit_limit: what attention's logits are clamped to, plus or minus, 5 as published; ``None``
            for no clamp. This and what follows: :mod:`edgescope.models.logit_bounds`.
        logit_cap: a soft cap of the logits instead, with ``logit_limit=None``.
        qk_norm: whether queries and keys are normalised per head.
        sink: whether attention has one more, learnt term in its denominator; ``"fixed"`` for a
            term of 1.
        mean_attention: whether the scores do not count, so that attention is a mean.
        gated_output: whether what a node has attended to is multiplied by learnt gates.
        norm_first: whether states are normalised before attention and before the feed-forward part
            instead of after each sum: :class:`~edgescope.models.blocks.StateBlock`.

    Raises:
        ValueError: if the widths do not fit, if ``readout`` or ``explicit_bias`` is unknown, if
            both normalisations or two bounds of logits are asked for, if ``norm_first`` has no
            normalisation or no residual, or unless one of ``num_bond_types`` and ``edge_dim`` is
            given.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GraphTransformer(num_atom_types=5, num_bond_types=4, **sizes)
        >>> x, edge_attr = torch.tensor([0, 3, 1]), torch.tensor([1, 2])
        >>> model(x, torch.tensor([[0, 1], [1, 2]]), edge_attr).shape
        torch.Size([1, 1])
    """

    def __init__(
        self,
        *,
        num_atom_types: Types,
        num_bond_types: Types | None = None,
        edge_dim: int | None = None,
        hidden_dim: int = 64,
        num_heads: int = 8,
        num_layers: int = 10,
        out_dim: int = 1,
        readout: Readout = "mean",
        dropout: float = 0.0,
        residual: bool = True,
        batch_norm: bool = True,
        use_bias: bool = False,
        layer_norm: bool = False,
        explicit_bias: ExplicitBias | None = None,
        laplacian_eigenvectors: int = 0,
        logit_limit: float | None = LOGIT_LIMIT,
        logit_cap: float | None = None,
        qk_norm: bool = False,
        sink: Sink = False,
        mean_attention: bool = False,
        gated_output: bool = False,
        norm_first: bool = False,
    ) -> None:
        config = arguments(locals())
        check_explicit_bias(explicit_bias)

        def make_layer() -> GraphTransformerLayer:
            return GraphTransformerLayer(
                hidden_dim,
                num_heads,
                dropout,
                residual,
                batch_norm,
                use_bias,
                layer_norm,
                explicit_bias,
                norm_first,
                **bounding_of(config),
            )

        super().__init__(config, make_layer)
        if laplacian_eigenvectors:
            self.positions = LaplacianEigenvectors(laplacian_eigenvectors, hidden_dim)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor | None = None
    ) -> Tensor:
        """Predict every graph.

        Args:
            x: node types ``[V]``, ``[V, 1]`` or ``[V, C]``, integer.
            edge_index: source and target node of every edge ``[2, E]``.
            edge_attr: edge types ``[E]``, ``[E, 1]`` or ``[E, C]``, integer; with ``edge_dim`` the
                features of the edges ``[E, edge_dim]``.
            batch: graph of every node ``[V]``; without it all nodes are one graph.

        Returns:
            Predictions ``[G, out_dim]``; ``[V, out_dim]`` with ``readout="node"``.

        Raises:
            InputError: if ``x`` or ``edge_attr`` holds a type that the model lacks.
        """
        node = self.embed_nodes(x)
        if self.config["laplacian_eigenvectors"]:
            graphs = edge_index.new_zeros(x.size(0)) if batch is None else batch
            node = node + self.positions(edge_index, graphs)
        edge = self.embed_edges(edge_attr)
        last = len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            node, edge = layer(node, edge, edge_index, update_edges=number < last)
        return self.read(node, batch)
