"""Positional encodings from the Laplacian of each graph, computed from the batch."""

import torch
from torch import Tensor, nn

from edgescope.lib.errors import InputError
from edgescope.models.node_pairs import laplacians

MAX_NODES = 2_000
"""Graphs with more nodes are refused: all eigenvectors of a dense matrix take minutes there."""


def laplacian_eigenpairs(
    edge_index: Tensor, batch: Tensor, count: int, *, skip_first: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the lowest eigenpairs of the normalised Laplacian of every graph, by node.

    The sign of an eigenvector is arbitrary; here its entry of largest magnitude, the first of
    several, is positive. Eigenvectors of equal eigenvalues are any basis of their space.

    Args:
        edge_index: source and target of every edge ``[2, E]``.
        batch: graph of every node ``[V]``.
        count: how many eigenpairs ``m``.
        skip_first: whether to leave out the lowest, whose eigenvector is the same in all
            connected graphs up to degrees.

    Returns:
        Eigenvalues and entries of the eigenvectors ``[V, m]`` each, float64; NaN where a graph
        has fewer.

    Raises:
        InputError: if a graph has more than :data:`MAX_NODES` nodes.
    """
    largest = int(batch.bincount().max()) if len(batch) else 0
    if largest > MAX_NODES:
        raise InputError(
            f"received a graph of {largest:,} nodes, expected at most {MAX_NODES:,} for Laplacian "
            "positional encodings; build the model without them"
        )
    empty = torch.full((len(batch), count), torch.nan, dtype=torch.float64, device=batch.device)
    values, vectors = empty, empty.clone()
    for nodes, laplacian in laplacians(edge_index, batch):
        found, entries = torch.linalg.eigh(laplacian)
        found, entries = found[:, int(skip_first) :], entries[:, :, int(skip_first) :]
        found, entries = found[:, :count], entries[:, :, :count]
        kept = found.size(1)
        # Rounding decides which of two equal magnitudes is larger, so they are rounded first.
        peak = (entries.abs() * 1e6).round().argmax(1, keepdim=True)
        entries = entries * torch.where(entries.gather(1, peak) < 0, -1.0, 1.0)
        values[nodes, :kept] = found.unsqueeze(1).expand_as(entries)
        vectors[nodes, :kept] = entries
    return values, vectors


def flip_signs(vectors: Tensor) -> Tensor:
    """Flip the sign of every eigenvector ``[V, m]`` at random, as in training.

    One sign per column of the batch (Dwivedi et al., arXiv 2003.00982, and Kreuzer et al.,
    arXiv 2106.03893).
    """
    signs = torch.randint(0, 2, (vectors.size(1),), device=vectors.device) * 2 - 1
    return vectors * signs


class LaplacianEigenvectors(nn.Module):
    """Laplacian eigenvectors through a linear layer, to be added to node states.

    Dwivedi and Bresson, arXiv 2012.09699, equation 7: the ``m`` lowest eigenvectors but the first,
    0 where a graph has fewer.

    Args:
        count: how many eigenvectors ``m``.
        width: width ``F`` of the node states.
    """

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.count = count
        self.project = nn.Linear(count, width)

    def forward(self, edge_index: Tensor, batch: Tensor) -> Tensor:
        """Return the encoding of every node ``[V, F]``."""
        _, vectors = laplacian_eigenpairs(edge_index, batch, self.count, skip_first=True)
        vectors = vectors.nan_to_num()
        if self.training:
            vectors = flip_signs(vectors)
        return self.project(vectors.to(self.project.weight.dtype))  # type: ignore[no-any-return]


class NodeEncoding(nn.Module):
    """Learnt Laplacian positional encoding of nodes, the node LPE of SAN.

    Kreuzer et al., arXiv 2106.03893, section 3.1: for every node, the pairs of eigenvalue and entry
    of the eigenvector, ``m`` of them, go through a linear layer and a small transformer and are
    summed. Its attention is between eigenpairs of one node, so it is no site of capture.

    Args:
        count: how many eigenpairs ``m``.
        width: width of the encoding; a multiple of ``heads``.
        layers: layers of the transformer.
        heads: its heads.
        dropout: its dropout.

    Raises:
        ValueError: if ``width`` is not a multiple of ``heads``.
    """

    def __init__(self, count: int, width: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f"lpe_dim must be a multiple of lpe_heads, received {width} and {heads}"
            )
        self.count = count
        self.project = nn.Linear(2, width)
        layer = nn.TransformerEncoderLayer(width, heads, dropout=dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        for module in self.encoder.modules():
            if isinstance(module, nn.TransformerEncoderLayer | nn.MultiheadAttention):
                module.explain = False  # type: ignore[assignment]

    def forward(self, edge_index: Tensor, batch: Tensor) -> Tensor:
        """Return the encoding of every node ``[V, width]``."""
        values, vectors = laplacian_eigenpairs(edge_index, batch, self.count)
        missing = vectors.isnan()
        if self.training:
            vectors = flip_signs(vectors)
        pairs = torch.stack([vectors, values], -1).nan_to_num().to(self.project.weight.dtype)
        state = self.encoder(self.project(pairs), src_key_padding_mask=missing)
        return state.masked_fill(missing.unsqueeze(-1), 0.0).sum(1)  # type: ignore[no-any-return]
