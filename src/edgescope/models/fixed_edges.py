"""What SAN and GraphiT share: layers that project the same edge states again and again."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.lib.errors import InputError
from edgescope.models.attention import EdgeAttention
from edgescope.models.blocks import StateBlock
from edgescope.models.logit_bounds import bounding_of
from edgescope.models.node_pairs import full_graph
from edgescope.models.property_model import PropertyModel


class FixedEdgeLayer(nn.Module):
    """Edge attention followed by an update of the node states.

    Args:
        config: the arguments of the model.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.attention = EdgeAttention(
            config["hidden_dim"],
            config["num_heads"],
            config["use_bias"],
            config["explicit_bias"],
            config["full_graph"],
            **bounding_of(config),
        )
        names = ("hidden_dim", "dropout", "residual", "batch_norm", "layer_norm", "norm_first")
        self.node = StateBlock(*(config[name] for name in names))

    def forward(
        self,
        node: Tensor,
        edge: Tensor,
        edge_index: Tensor,
        edge_real: Tensor | None = None,
        factor: Tensor | None = None,
    ) -> Tensor:
        """Return the new node states ``[V, F]``; arguments as :class:`EdgeAttention` takes them."""
        seen = self.node.before(node)
        attended, _ = self.attention(seen, edge, edge_index, edge_real, factor)
        return self.node(node, attended)  # type: ignore[no-any-return]


class FixedEdgeModel(PropertyModel):
    """A model whose layers keep the edge states as they are.

    Args:
        config: the arguments of the constructor.
        node_width: width of the node embedding, if it is not ``hidden_dim``.
    """

    def __init__(self, config: Mapping[str, Any], node_width: int | None = None) -> None:
        make_layer: Callable[[], nn.Module] = lambda: FixedEdgeLayer(config)  # noqa: E731
        super().__init__(config, make_layer, node_width)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor,
        batch: Tensor | None = None,
        edge_real: Tensor | None = None,
        edge_kernel: Tensor | None = None,
    ) -> Tensor:
        """Predict every graph.

        With ``full_graph=True`` the added pairs of nodes are made here, unless ``edge_real`` says
        that ``edge_index`` and ``edge_attr`` hold them already.

        Args:
            x: node types ``[V]``, ``[V, 1]`` or ``[V, C]``, integer.
            edge_index: source and target node of every edge ``[2, E]``.
            edge_attr: edge types ``[E]``, ``[E, 1]`` or ``[E, C]``, integer; with ``edge_dim`` the
                features of the edges ``[E, edge_dim]``.
            batch: graph of every node ``[V]``; without it all nodes are one graph.
            edge_real: whether an edge is one of the graph (1) or an added pair (0) ``[E]``.
            edge_kernel: the random-walk kernel of every pair ``[E]`` or ``[E, 1]``, which GraphiT
                computes if it is not given; SAN ignores it.

        Returns:
            Predictions ``[G, out_dim]``; ``[V, out_dim]`` with ``readout="node"``.

        Raises:
            InputError: if ``x`` or ``edge_attr`` holds a type that the model lacks, if
                ``edge_real`` is given to a model without ``full_graph``, or if the full graph would
                be too large.
        """
        if batch is None:
            batch = edge_index.new_zeros(x.size(0))
        if not self.config["full_graph"] and edge_real is not None:
            raise InputError(
                f"received edge_real, but this {type(self).__name__} was built with "
                "full_graph=False and would take added pairs for edges; pass the edges only"
            )
        given = edge_index
        if edge_real is not None:
            edge_real = edge_real.view(-1) != 0
            given = edge_index[:, edge_real]
        elif self.config["full_graph"]:
            edge_index, edge_attr, edge_real = full_graph(edge_index, edge_attr, batch)
        node = self.start(x, given, batch)
        edge = self.embed_edges(edge_attr)
        factor = None
        if edge_real is not None:
            kernel = edge_kernel.view(-1, 1) if edge_kernel is not None else None
            factor = self.factor(given, edge_index, batch, edge_real, kernel).to(node.dtype)
        for layer in self.layers:
            node = layer(node, edge, edge_index, edge_real, factor)
        return self.read(node, batch)

    def start(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:  # noqa: ARG002
        """Return the node states ``[V, F]`` that enter the first layer."""
        return self.embed_nodes(x)

    def factor(
        self,
        edge_index: Tensor,
        pairs: Tensor,
        batch: Tensor,
        edge_real: Tensor,
        kernel: Tensor | None,
    ) -> Tensor:
        """Return what the attention weights of a full graph are multiplied by ``[P, 1]``.

        Args:
            edge_index: the edges of the graph ``[2, E]``.
            pairs: all pairs ``[2, P]``.
            batch: graph of every node ``[V]``.
            edge_real: whether a pair is an edge of the graph ``[P]``.
            kernel: what the caller gave as random-walk kernel ``[P, 1]``, if anything.
        """
        raise NotImplementedError


def gamma_factor(gamma: Tensor, edge_real: Tensor) -> Tensor:
    r"""Return :math:`1/(1+\gamma)` for edges and :math:`\gamma/(1+\gamma)` for others ``[P, 1]``.

    Args:
        gamma: how much added pairs count beside edges ``[1]``.
        edge_real: whether a pair is an edge of the graph ``[P]``.
    """
    return torch.where(edge_real.unsqueeze(1), 1.0, gamma) / (1 + gamma)
