"""What all models have in common: embeddings, layers, a read-out and their configuration."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from edgescope.models.blocks import GraphReadout, Readout, make_norm
from edgescope.models.embeddings import Types, edge_embedding, embed, node_embedding


class PropertyModel(nn.Module):
    """A model that predicts properties of graphs, or of nodes.

    Attributes:
        config: the arguments of the constructor, in plain values that JSON can hold.
        layers: the layers.
        last_norm: what normalises the sum of all layers where they normalise first; else None.
        readout: from node states to predictions.

    Args:
        config: the arguments of the constructor.
        make_layer: makes a layer.
        node_width: width of the node embedding, if it is not ``hidden_dim``.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        make_layer: Callable[[], nn.Module],
        node_width: int | None = None,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = dict(config)
        for name in ("num_atom_types", "num_bond_types"):
            self.config[name] = _plain(self.config[name])
        width: int = config["hidden_dim"]
        readout: Readout = config["readout"]
        types, features = config["num_atom_types"], config.get("node_dim")
        self.node_embedding = node_embedding(types, features, node_width or width)
        self.edge_embedding = edge_embedding(config["num_bond_types"], config["edge_dim"], width)
        self.layers = nn.ModuleList(make_layer() for _ in range(config["num_layers"]))
        self.last_norm: nn.Module | None = None
        if config.get("norm_first"):
            self.last_norm = make_norm(width, config["batch_norm"], config["layer_norm"])
        self.readout = GraphReadout(width, config["out_dim"], readout)

    def embed_nodes(self, x: Tensor) -> Tensor:
        """Return the node states ``[V, F]`` that enter the first layer."""
        return embed(self.node_embedding, x, "node type in x", "num_atom_types")

    def embed_edges(self, edge_attr: Tensor) -> Tensor:
        """Return the edge states ``[E, F]`` that enter the first layer."""
        return embed(self.edge_embedding, edge_attr, "edge type in edge_attr", "num_bond_types")

    def read(self, node: Tensor, batch: Tensor | None) -> Tensor:
        """Return the predictions from the node states ``[V, F]`` that leave the last layer."""
        state = node if self.last_norm is None else self.last_norm(node)
        return self.readout(state, batch)  # type: ignore[no-any-return]


def arguments(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a constructor from its ``locals()``."""
    return {name: value for name, value in scope.items() if name not in {"self", "__class__"}}


def _plain(types: Types | None) -> int | list[int] | None:
    return types if types is None or isinstance(types, int) else list(types)
