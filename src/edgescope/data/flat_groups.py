"""Groups that lie end to end in one tensor, as the nodes and edges of graphs do in a data set."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch_geometric.data import Data


def ragged(ptr: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Find the members of chosen groups among members that lie end to end.

    Args:
        ptr: ``[N + 1]`` int64, group ``i`` holds the members ``ptr[i]:ptr[i + 1]``.
        chosen: ``[G]`` int64, groups, in any order and as often as wanted.

    Returns:
        ``[M]`` int64, the members of the chosen groups in their order, and ``[G + 1]`` int64, the
        pointers of the new groups.
    """
    starts = ptr[chosen]
    lengths = ptr[chosen + 1] - starts
    new_ptr = torch.zeros(len(chosen) + 1, dtype=torch.long)
    torch.cumsum(lengths, 0, out=new_ptr[1:])
    shift = torch.repeat_interleave(starts - new_ptr[:-1], lengths)
    return torch.arange(len(shift)) + shift, new_ptr


def chosen_positions(index: slice | Sequence[int] | Tensor, size: int, name: str) -> Tensor:
    """Turn any way of naming several of ``size`` graphs into their positions, ``[G]`` int64.

    Args:
        index: a slice, positions, negative ones counted from the end, or truth values ``[size]``.
        size: how many graphs there are.
        name: of their data set.

    Raises:
        IndexError: if a position lies outside the data set.
    """
    if isinstance(index, slice):
        return torch.arange(size)[index]
    index = torch.as_tensor(index)
    if index.dtype == torch.bool:
        if index.shape != (size,):
            raise IndexError(
                f"received a mask of shape {tuple(index.shape)}, expected one truth value for "
                f"each of {size} graphs"
            )
        return index.nonzero().flatten()
    if index.is_floating_point() and index.numel():
        raise IndexError(f"received positions of type {index.dtype}, expected whole numbers")
    index = index.long().flatten()
    outside = (index < -size) | (index >= size)
    if outside.any():
        raise IndexError(
            f"position {int(index[outside][0])} lies outside the {size} graphs of {name}"
        )
    return torch.where(index < 0, index + size, index)


def sizes(what: str, ptr: Tensor) -> dict[str, float]:
    """Return the smallest, largest and mean number of members of a group."""
    lengths = ptr.diff()
    if not len(lengths):
        return {f"{measure}_{what}": float("nan") for measure in ("min", "max", "mean")}
    return {
        f"min_{what}": int(lengths.min()),
        f"max_{what}": int(lengths.max()),
        f"mean_{what}": float(lengths.double().mean()),
    }


def note_parts(
    batch: Any,  # noqa: ANN401  (a PyG Batch)
    ptr: Mapping[str, Tensor],
    per_node: Sequence[str],
    per_edge: Sequence[str],
    per_graph: Mapping[str, Any],
) -> None:
    """Note in a batch what PyG needs to take single graphs out of it again.

    Args:
        batch: the batch.
        ptr: where the nodes and the edges of every graph begin, each ``[G + 1]``.
        per_node: what nodes have beside ``x``.
        per_edge: what edges have.
        per_graph: what graphs have, by name.
    """
    graphs = len(ptr["node"]) - 1
    each = torch.arange(graphs + 1)
    none = torch.zeros(graphs, dtype=torch.long)
    texts = [name for name, values in per_graph.items() if isinstance(values, list)]
    shifted = {
        "edge_index": ptr["node"][:-1],
        "reverse_edge": ptr["edge"][:-1],
        **dict.fromkeys(texts),
    }
    slices: dict[str, Any] = {
        **dict.fromkeys(("x", *per_node), ptr["node"]),
        **dict.fromkeys(per_edge, ptr["edge"]),
        **dict.fromkeys((*per_graph, "graph"), each),
    }
    increments: dict[str, Any] = {name: shifted.get(name, none) for name in slices}
    for name, values in per_graph.items():
        if isinstance(values, Mapping):
            slices[name] = dict.fromkeys(values, each)
            increments[name] = dict.fromkeys(values)
    batch._num_graphs = graphs  # noqa: SLF001
    batch._slice_dict = slices  # noqa: SLF001
    batch._inc_dict = increments  # noqa: SLF001


def end_to_end(graphs: "Sequence[Data]") -> dict[str, Any]:
    """Return ``node_ptr``, ``edge_ptr`` and ``edge_index`` of PyG's graphs, as a data set has them.

    Example:
        >>> from torch_geometric.data import Data
        >>> edges = torch.tensor([[0, 1], [1, 0]])
        >>> graphs = [Data(edge_index=edges, num_nodes=2), Data(edge_index=edges, num_nodes=3)]
        >>> end_to_end(graphs)["node_ptr"].tolist()
        [0, 2, 5]
    """
    return {
        "node_ptr": torch.tensor([0, *(graph.num_nodes for graph in graphs)]).cumsum(0),
        "edge_ptr": torch.tensor([0, *(graph.num_edges for graph in graphs)]).cumsum(0),
        "edge_index": torch.cat([graph.edge_index for graph in graphs], dim=1),
    }
