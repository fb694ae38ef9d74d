"""SAN, the spectral attention network, on the shared attention core."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from edgescope.models.attention_steps import LOGIT_LIMIT
from edgescope.models.blocks import Readout
from edgescope.models.embeddings import Types
from edgescope.models.explicit_bias import ExplicitBias
from edgescope.models.fixed_edges import FixedEdgeModel, gamma_factor
from edgescope.models.logit_bounds import Sink
from edgescope.models.positions import NodeEncoding
from edgescope.models.property_model import arguments


class SAN(FixedEdgeModel):
    r"""Spectral attention network (Kreuzer et al., arXiv 2106.03893).

    Every layer projects the same edge embedding; the edge states are not updated. Without
    ``full_graph`` and without positional encoding, the setting of Bini et al. (arXiv 2409.03463),
    SAN and GraphiT are the same function.

    On the full graph, pairs of nodes without an edge attend too, with edge type 0 and projections
    of their own; attention weights are divided by :math:`1+\gamma` on edges and multiplied by
    :math:`\gamma/(1+\gamma)` on added pairs (eq. 5 there).

    Layer ``n`` computes its edge scores ``[E, H, D]`` in ``layers.n.attention.score``.

    Args:
        num_atom_types: as in :class:`~edgescope.models.GraphTransformer`, like all arguments up to
            ``layer_norm``.
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
        use_bias: see above.
        layer_norm: see above.
        explicit_bias: the explicit bias term; in ``"released"``, what the published code does,
            attention is uniform and the edge scores get no gradient.
        full_graph: whether all pairs of nodes of a graph attend to each other.
        gamma: how much added pairs count beside edges, from 0 to 1.
        learned_gamma: whether ``gamma`` is only where a learnt value starts, which is clamped to
            0 to 1 (Dwivedi et al., arXiv 2110.07875, repository gnn-lspe).
        laplacian_eigenvectors: how many eigenpairs of the Laplacian the learnt positional encoding
            of a node is made of, with random signs in training; 0 for no encoding.
        lpe_dim: width of the encoding; the embedding of the node type takes the rest.
        lpe_layers: layers of the transformer that makes it.
        lpe_heads: heads of that transformer.
        logit_limit: as in :class:`~edgescope.models.GraphTransformer`, like what follows.
        logit_cap: see above.
        qk_norm: see above.
        sink: see above.
        mean_attention: see above.
        gated_output: see above.
        norm_first: see above; the edge states, which are not updated, are not normalised.

    Raises:
        ValueError: if an argument is outside its range or they do not fit each other.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.SAN(num_atom_types=5, num_bond_types=4, **sizes)
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
        hidden_dim: int = 56,
        num_heads: int = 8,
        num_layers: int = 10,
        out_dim: int = 1,
        readout: Readout = "sum",
        dropout: float = 0.0,
        residual: bool = True,
        batch_norm: bool = True,
        use_bias: bool = False,
        layer_norm: bool = False,
        explicit_bias: ExplicitBias | None = None,
        full_graph: bool = False,
        gamma: float = 0.1,
        learned_gamma: bool = False,
        laplacian_eigenvectors: int = 0,
        lpe_dim: int = 8,
        lpe_layers: int = 1,
        lpe_heads: int = 4,
        logit_limit: float | None = LOGIT_LIMIT,
        logit_cap: float | None = None,
        qk_norm: bool = False,
        sink: Sink = False,
        mean_attention: bool = False,
        gated_output: bool = False,
        norm_first: bool = False,
    ) -> None:
        config = arguments(locals())
        if laplacian_eigenvectors and not 0 < lpe_dim < hidden_dim:
            raise ValueError(f"lpe_dim must be from 1 to {hidden_dim - 1}, received {lpe_dim}")
        super().__init__(config, hidden_dim - lpe_dim if laplacian_eigenvectors else None)
        if not 0 <= gamma <= 1:
            raise ValueError(f"gamma must be from 0 to 1, received {gamma}")
        if learned_gamma and not full_graph:
            raise ValueError(
                "learned_gamma=True needs full_graph=True: without added pairs nothing uses gamma"
            )
        if learned_gamma:
            self.gamma = nn.Parameter(torch.empty(1))
        if laplacian_eigenvectors:
            size = laplacian_eigenvectors, lpe_dim
            self.positions = NodeEncoding(*size, lpe_layers, lpe_heads, dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set a learnt gamma to where it starts; everything else resets itself."""
        if self.config["learned_gamma"]:
            nn.init.constant_(self.gamma, self.config["gamma"])

    @override
    def start(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        node = super().start(x, edge_index, batch)
        if not self.config["laplacian_eigenvectors"]:
            return node
        return torch.cat([node, self.positions(edge_index, batch)], 1)

    @override
    def factor(
        self,
        edge_index: Tensor,
        pairs: Tensor,
        batch: Tensor,
        edge_real: Tensor,
        kernel: Tensor | None,
    ) -> Tensor:
        if self.config["learned_gamma"]:
            gamma: Tensor = self.gamma.clamp(0, 1)
        else:
            gamma = torch.tensor([self.config["gamma"]], device=pairs.device, dtype=torch.float64)
        return gamma_factor(gamma, edge_real)
