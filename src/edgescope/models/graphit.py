"""GraphiT, attention weighed by a random walk, on the shared attention core."""

from torch import Tensor
from typing_extensions import override

from edgescope.models.attention_steps import LOGIT_LIMIT
from edgescope.models.blocks import Readout
from edgescope.models.embeddings import Types
from edgescope.models.explicit_bias import ExplicitBias
from edgescope.models.fixed_edges import FixedEdgeModel
from edgescope.models.logit_bounds import Sink
from edgescope.models.node_pairs import random_walk_kernel
from edgescope.models.property_model import arguments


class GraphiT(FixedEdgeModel):
    r"""GraphiT (Mialon et al., arXiv 2106.05667) with edge features, as in gnn-lspe.

    Every layer projects the same edge embedding; the edge states are not updated. Without
    ``full_graph`` and without positional encoding, the setting of Bini et al. (arXiv 2409.03463),
    SAN and GraphiT are the same function.

    On the full graph, pairs of nodes without an edge attend too, with edge type 0 and projections
    of their own, and all attention weights are multiplied by the random-walk kernel
    :math:`(I - \gamma L)^p` (:func:`edgescope.models.random_walk_kernel`).

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
        gamma: how far one step of the random walk goes.
        kernel_steps: number of steps ``p``.
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
        >>> model = es.models.GraphiT(num_atom_types=5, num_bond_types=4, **sizes)
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
        readout: Readout = "sum",
        dropout: float = 0.0,
        residual: bool = True,
        batch_norm: bool = True,
        use_bias: bool = False,
        layer_norm: bool = False,
        explicit_bias: ExplicitBias | None = None,
        full_graph: bool = False,
        gamma: float = 0.25,
        kernel_steps: int = 16,
        logit_limit: float | None = LOGIT_LIMIT,
        logit_cap: float | None = None,
        qk_norm: bool = False,
        sink: Sink = False,
        mean_attention: bool = False,
        gated_output: bool = False,
        norm_first: bool = False,
    ) -> None:
        super().__init__(arguments(locals()))
        if kernel_steps < 1:
            raise ValueError(f"kernel_steps must be at least 1, received {kernel_steps}")

    @override
    def factor(
        self,
        edge_index: Tensor,
        pairs: Tensor,
        batch: Tensor,
        edge_real: Tensor,
        kernel: Tensor | None,
    ) -> Tensor:
        if kernel is not None:
            return kernel
        gamma, steps = self.config["gamma"], self.config["kernel_steps"]
        return random_walk_kernel(edge_index, pairs, batch, gamma=gamma, steps=steps)
