"""Property models of PyG's attention layers: GAT, GATv2, TransformerConv and GPS."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GATv2Conv, GINEConv, GPSConv
from torch_geometric.nn import TransformerConv as TransformerLayer
from typing_extensions import override

from edgescope.models.attention import check_heads
from edgescope.models.balanced_start import Balance, balance, check_balance
from edgescope.models.blocks import Readout, make_norm
from edgescope.models.embeddings import Types
from edgescope.models.property_model import PropertyModel, arguments


class ConvolutionLayer(nn.Module):
    """A layer of PyG, then ReLU, dropout, a residual and a norm.

    Args:
        conv: the layer; it takes node states, ``edge_index`` and edge states.
        config: the arguments of the model.
    """

    def __init__(self, conv: nn.Module, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.conv = conv
        self.dropout: float = config["dropout"]
        self.residual: bool = config["residual"]
        self.norm = make_norm(config["hidden_dim"], config["batch_norm"], config["layer_norm"])

    def forward(
        self,
        node: Tensor,
        edge: Tensor,
        edge_index: Tensor,
        batch: Tensor | None,  # noqa: ARG002  (as GPSLayer has it)
    ) -> Tensor:
        """Return the new node states ``[V, F]``."""
        mixed = F.dropout(self.conv(node, edge_index, edge).relu(), self.dropout, self.training)
        return self.norm(node + mixed if self.residual else mixed)  # type: ignore[no-any-return]


class GPSLayer(nn.Module):
    """A GPS layer: message passing and global attention, with their own norms and residuals.

    Args:
        config: the arguments of the model.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width = config["hidden_dim"]
        mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        norm = "batch_norm" if config["batch_norm"] else None
        norm = "layer_norm" if config["layer_norm"] else norm
        self.conv = GPSConv(
            width,
            GINEConv(mlp, edge_dim=width),
            heads=config["num_heads"],
            dropout=config["dropout"],
            norm=norm,
        )

    def forward(
        self, node: Tensor, edge: Tensor, edge_index: Tensor, batch: Tensor | None
    ) -> Tensor:
        """Return the new node states ``[V, F]``."""
        return self.conv(node, edge_index, batch, edge_attr=edge)  # type: ignore[no-any-return]


class ConvolutionModel(PropertyModel):
    """Embeddings of nodes and edges, layers of PyG and a read-out.

    Args:
        num_atom_types: as in :class:`~edgescope.models.GraphTransformer`, like all arguments but
            ``node_dim``.
        node_dim: number of real-valued features of a node, in place of types.
        num_bond_types: see above.
        edge_dim: see above.
        hidden_dim: see above.
        num_heads: see above.
        num_layers: see above.
        out_dim: see above.
        readout: see above.
        dropout: see above.
        residual: see above.
        batch_norm: see above.
        layer_norm: see above.
        balanced: initial weights in balance, of :class:`GAT` alone, without residuals and norms:
            :mod:`edgescope.models.balanced_start`.

    Raises:
        ValueError: if the arguments do not fit each other.
    """

    def __init__(
        self,
        *,
        num_atom_types: Types | None = None,
        node_dim: int | None = None,
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
        layer_norm: bool = False,
        balanced: Balance | None = None,
    ) -> None:
        config = arguments(locals())
        check_heads(hidden_dim, num_heads)
        make_norm(hidden_dim, batch_norm, layer_norm)  # refuses both, for every kind of layer
        if balanced is not None:
            if not isinstance(self, GAT):
                raise ValueError(
                    f"balanced is a start of GAT, received it for {type(self).__name__}; leave it "
                    "out or build a GAT"
                )
            check_balance(balanced, config)
        super().__init__(config, lambda: self.make_layer(config))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw balanced weights, if there are to be; everything else resets itself."""
        if self.config["balanced"] is not None:
            balance(self, self.config["balanced"])

    @abstractmethod
    def make_layer(self, config: Mapping[str, Any]) -> nn.Module:
        """Return a layer; called with node and edge states, ``edge_index`` and ``batch``."""

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor | None = None
    ) -> Tensor:
        """Predict every graph.

        Args:
            x: node types ``[V]``, ``[V, 1]`` or ``[V, C]``, integer; with ``node_dim`` the features
                of the nodes ``[V, node_dim]``.
            edge_index: source and target node of every edge ``[2, E]``.
            edge_attr: edge types ``[E]``, ``[E, 1]`` or ``[E, C]``, integer; with ``edge_dim`` the
                features of the edges ``[E, edge_dim]``.
            batch: graph of every node ``[V]``; without it all nodes are one graph.

        Returns:
            Predictions ``[G, out_dim]``; ``[V, out_dim]`` with ``readout="node"``.

        Raises:
            InputError: if ``x`` or ``edge_attr`` holds a type that the model lacks.
        """
        node, edge = self.embed_nodes(x), self.embed_edges(edge_attr)
        for layer in self.layers:
            node = layer(node, edge, edge_index, batch)
        return self.readout(node, batch)  # type: ignore[no-any-return]


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what PyG's attention layers are built with; heads are concatenated."""
    width, heads = config["hidden_dim"], config["num_heads"]
    return {
        "in_channels": width,
        "out_channels": width // heads,
        "heads": heads,
        "edge_dim": width,
    }


class GAT(ConvolutionModel):
    """Graph attention network (Velickovic et al., arXiv 1710.10903): PyG's ``GATConv``.

    PyG's layer adds a self-loop to every node, whose edge state is the mean of the node's others.
    Arguments as in :class:`ConvolutionModel`.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GAT(num_atom_types=5, num_bond_types=4, **sizes)
        >>> x, edge_attr = torch.tensor([0, 3, 1]), torch.tensor([1, 2])
        >>> model(x, torch.tensor([[0, 1], [1, 2]]), edge_attr).shape
        torch.Size([1, 1])
    """

    @override
    def make_layer(self, config: Mapping[str, Any]) -> nn.Module:
        return ConvolutionLayer(GATConv(**_options(config)), config)


class GATv2(ConvolutionModel):
    """Graph attention network with dynamic attention (Brody et al., arXiv 2105.14491).

    PyG's ``GATv2Conv``, which adds self-loops as ``GATConv`` does. Arguments as in
    :class:`ConvolutionModel`.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GATv2(num_atom_types=5, num_bond_types=4, **sizes)
        >>> x, edge_attr = torch.tensor([0, 3, 1]), torch.tensor([1, 2])
        >>> model(x, torch.tensor([[0, 1], [1, 2]]), edge_attr).shape
        torch.Size([1, 1])
    """

    @override
    def make_layer(self, config: Mapping[str, Any]) -> nn.Module:
        return ConvolutionLayer(GATv2Conv(**_options(config)), config)


class TransformerConv(ConvolutionModel):
    """Layers of PyG's ``TransformerConv`` (Shi et al., arXiv 2009.03509).

    Arguments as in :class:`ConvolutionModel`.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.TransformerConv(num_atom_types=5, num_bond_types=4, **sizes)
        >>> x, edge_attr = torch.tensor([0, 3, 1]), torch.tensor([1, 2])
        >>> model(x, torch.tensor([[0, 1], [1, 2]]), edge_attr).shape
        torch.Size([1, 1])
    """

    @override
    def make_layer(self, config: Mapping[str, Any]) -> nn.Module:
        return ConvolutionLayer(TransformerLayer(**_options(config)), config)


class GPS(ConvolutionModel):
    """General, powerful, scalable graph transformer (Rampasek et al., arXiv 2205.12454).

    PyG's ``GPSConv`` around ``GINEConv`` with global attention. Its residuals are part of it.
    Arguments as in :class:`ConvolutionModel`.

    Raises:
        ValueError: with ``residual=False``, besides.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GPS(num_atom_types=5, num_bond_types=4, **sizes)
        >>> x, edge_attr = torch.tensor([0, 3, 1]), torch.tensor([1, 2])
        >>> model(x, torch.tensor([[0, 1], [1, 2]]), edge_attr).shape
        torch.Size([1, 1])
    """

    @override
    def make_layer(self, config: Mapping[str, Any]) -> nn.Module:
        if not config["residual"]:
            raise ValueError("received residual=False, which PyG's GPSConv cannot do")
        return GPSLayer(config)
