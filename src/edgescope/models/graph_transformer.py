"""GraphTransformer with edge features, the first of the three published architectures."""

from typing import Any

from torch import Tensor, nn

from edgescope.errors import InputError
from edgescope.models.attention import EdgeAttention
from edgescope.models.blocks import GraphReadout, Readout, StateBlock


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
    ) -> None:
        super().__init__()
        self.attention = EdgeAttention(hidden_dim, num_heads, use_bias)
        self.node = StateBlock(hidden_dim, dropout, residual, batch_norm)
        self.edge = StateBlock(hidden_dim, dropout, residual, batch_norm)

    def forward(
        self, node: Tensor, edge: Tensor, edge_index: Tensor, update_edges: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Return the new node states ``[V, F]`` and edge states ``[E, F]``.

        With ``update_edges=False`` the edge states are returned as they came.
        """
        attended, score = self.attention(node, edge, edge_index)
        node = self.node(node, attended)
        if update_edges:
            edge = self.edge(edge, score.flatten(1))
        return node, edge


class GraphTransformer(nn.Module):
    """Graph transformer with an edge stream (Dwivedi and Bresson, arXiv 2012.09699, eqs. 8-17).

    Layer ``n`` computes its edge scores ``[E, H, D]`` in ``layers.n.attention.score``.

    The last layer's edge states feed nothing, so they are not computed; their parameters are
    kept because published checkpoints hold them.

    Args:
        num_atom_types: number of node types; ``x`` holds 0 to ``num_atom_types - 1``.
        num_bond_types: number of edge types; ``edge_attr`` holds 0 to ``num_bond_types - 1``.
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

    Raises:
        ValueError: if the widths do not fit, if ``readout`` is unknown, or unless one of
            ``num_bond_types`` and ``edge_dim`` is given.
    """

    def __init__(
        self,
        *,
        num_atom_types: int,
        num_bond_types: int | None = None,
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
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "num_atom_types": num_atom_types,
            "num_bond_types": num_bond_types,
            "edge_dim": edge_dim,
            "hidden_dim": hidden_dim,
            "num_heads": num_heads,
            "num_layers": num_layers,
            "out_dim": out_dim,
            "readout": readout,
            "dropout": dropout,
            "residual": residual,
            "batch_norm": batch_norm,
            "use_bias": use_bias,
        }
        self.node_embedding = nn.Embedding(num_atom_types, hidden_dim)
        self.edge_embedding = _edge_embedding(num_bond_types, edge_dim, hidden_dim)
        self.layers = nn.ModuleList(
            GraphTransformerLayer(hidden_dim, num_heads, dropout, residual, batch_norm, use_bias)
            for _ in range(num_layers)
        )
        self.readout = GraphReadout(hidden_dim, out_dim, readout)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor | None = None
    ) -> Tensor:
        """Predict every graph.

        Args:
            x: node types ``[V]`` or ``[V, 1]``, integer.
            edge_index: source and target node of every edge ``[2, E]``.
            edge_attr: edge types ``[E]`` or ``[E, 1]``, integer; with ``edge_dim`` the features
                of the edges ``[E, edge_dim]``.
            batch: graph of every node ``[V]``; without it all nodes are one graph.

        Returns:
            Predictions ``[G, out_dim]``; ``[V, out_dim]`` with ``readout="node"``.

        Raises:
            InputError: if ``x`` or ``edge_attr`` holds a type that the model has not got.
        """
        node = self.embed_nodes(x)
        edge = self.embed_edges(edge_attr)
        last = len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            node, edge = layer(node, edge, edge_index, update_edges=number < last)
        return self.readout(node, batch)  # type: ignore[no-any-return]

    def embed_nodes(self, x: Tensor) -> Tensor:
        """Return the node states ``[V, F]`` that enter the first layer."""
        return _embed(self.node_embedding, x, "node type in x", "num_atom_types")

    def embed_edges(self, edge_attr: Tensor) -> Tensor:
        """Return the edge states ``[E, F]`` that enter the first layer."""
        if isinstance(self.edge_embedding, nn.Linear):
            return self.edge_embedding(edge_attr)  # type: ignore[no-any-return]
        return _embed(self.edge_embedding, edge_attr, "edge type in edge_attr", "num_bond_types")


def _edge_embedding(
    types: int | None, features: int | None, width: int
) -> nn.Embedding | nn.Linear:
    if features is not None and types is None:
        return nn.Linear(features, width)
    if types is not None and features is None:
        return nn.Embedding(types, width)
    raise ValueError(
        "expected either num_bond_types (edges of integer types) or edge_dim (edges with "
        f"real-valued features), received {types} and {features}"
    )


def _embed(embedding: nn.Embedding, types: Tensor, what: str, option: str) -> Tensor:
    try:
        return embedding(types.view(-1))  # type: ignore[no-any-return]
    except IndexError as error:
        known = embedding.num_embeddings
        unknown = sorted(set(types[(types < 0) | (types >= known)].tolist()))
        raise InputError(
            f"unknown {what}: received {unknown[:5]}, the model knows 0 to {known - 1}; "
            f"encode the graphs as for training or build the model with a larger {option}"
        ) from error
