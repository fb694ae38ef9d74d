"""From node and edge types, or features of edges, to the states that enter the first layer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgescope.lib.errors import InputError

Types = int | Sequence[int]
"""How many types there are: of one column, or of every column of a featuriser."""


class ColumnEmbedding(nn.Module):
    """One embedding per column of integers, summed.

    As in OGB's atom and bond encoders (Hu et al., arXiv 2005.00687).

    Args:
        sizes: number of types in every column.
        width: width ``F`` of the result.
    """

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.columns = nn.ModuleList(nn.Embedding(size, width) for size in sizes)

    def forward(self, types: Tensor) -> Tensor:
        """Return the sum over the columns of ``types`` ``[N, C]``: ``[N, F]``."""
        embedded = [column(types[:, place]) for place, column in enumerate(self.columns)]
        return torch.stack(embedded).sum(0)


def type_embedding(types: Types, width: int) -> nn.Module:
    """Return an embedding of one column of types, or of several."""
    if isinstance(types, int):
        return nn.Embedding(types, width)
    return ColumnEmbedding(types, width)


def node_embedding(types: Types | None, features: int | None, width: int) -> nn.Module:
    """Return an embedding of node types, or a linear layer for real-valued features.

    Raises:
        ValueError: unless exactly one of the two is given.
    """
    return _types_or_features(types, features, width, ("num_atom_types", "node"))


def edge_embedding(types: Types | None, features: int | None, width: int) -> nn.Module:
    """Return an embedding of edge types, or a linear layer for real-valued features.

    Raises:
        ValueError: unless exactly one of the two is given.
    """
    return _types_or_features(types, features, width, ("num_bond_types", "edge"))


def _types_or_features(
    types: Types | None, features: int | None, width: int, words: tuple[str, str]
) -> nn.Module:
    """Return what embeds nodes or edges; ``words`` are the option for types and what they are."""
    if features is not None and types is None:
        return nn.Linear(features, width)
    if types is not None and features is None:
        return type_embedding(types, width)
    option, what = words
    raise ValueError(
        f"expected either {option} ({what}s of integer types) or {what}_dim ({what}s with "
        f"real-valued features), received {types} and {features}"
    )


def embed(embedding: nn.Module, values: Tensor, what: str, option: str) -> Tensor:
    """Embed nodes or edges.

    Args:
        embedding: from :func:`type_embedding` or :func:`edge_embedding`.
        values: types ``[N]``, ``[N, 1]`` or ``[N, C]``; features ``[N, edge_dim]``.
        what: what a type is, for messages.
        option: the argument that sets the number of types, for messages.

    Returns:
        States ``[N, F]``.

    Raises:
        InputError: if there are types that the embedding lacks, or another number of
            columns.
    """
    if isinstance(embedding, nn.Linear):
        return embedding(values)  # type: ignore[no-any-return]
    tables = list(embedding.columns) if isinstance(embedding, ColumnEmbedding) else [embedding]
    columns = values.unsqueeze(1) if values.dim() == 1 else values
    if columns.size(1) != len(tables):
        raise InputError(
            f"received {columns.size(1)} columns of {what}, the model was built for "
            f"{len(tables)}; give {option} one number per column"
        )
    given = columns if isinstance(embedding, ColumnEmbedding) else columns[:, 0]
    try:
        return embedding(given)  # type: ignore[no-any-return]
    except IndexError as error:
        raise InputError(_unknown(tables, columns, what, option)) from error


def _unknown(tables: Sequence[nn.Module], columns: Tensor, what: str, option: str) -> str:
    """Say which types of which column are unknown."""
    for place, table in enumerate(tables):
        assert isinstance(table, nn.Embedding)
        known, types = table.num_embeddings, columns[:, place]
        unknown = sorted(set(types[(types < 0) | (types >= known)].tolist()))
        if unknown:
            column = f" (column {place})" if len(tables) > 1 else ""
            return (
                f"unknown {what}{column}: received {unknown[:5]}, the model knows 0 to "
                f"{known - 1}; encode the graphs as for training or build the model with a "
                f"larger {option}"
            )
    return f"{what}: expected integers, received {columns.dtype}"
