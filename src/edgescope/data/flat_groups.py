"""Batches of graphs cut out of the flat tensors of a data set.

``Batch.from_data_list`` makes one small tensor per graph and field and then joins them; here
each field of the batch is one index operation on the whole data set.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch_geometric.data import Batch

from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from edgescope.data.graphs import GraphDataset


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


def joined(dataset: "GraphDataset", chosen: Tensor) -> Any:  # noqa: ANN401  (PyG has no types)
    """Join graphs as one disconnected graph.

    Args:
        dataset: where to take them from.
        chosen: ``[G]`` int64, positions in ``dataset``, at least one.

    Returns:
        What ``Batch.from_data_list([dataset[i] for i in chosen])`` gives, field by field; single
        graphs can be taken out again.

    Raises:
        InputError: if no graph is chosen.
    """
    if not len(chosen):
        raise InputError("received no graph to make a batch of, expected at least one")
    nodes, node_ptr = ragged(dataset.node_ptr, chosen)
    edges, edge_ptr = ragged(dataset.edge_ptr, chosen)
    graphs = torch.arange(len(chosen))
    edge_graph = torch.repeat_interleave(graphs, edge_ptr.diff())
    per_graph = dataset.per_graph(chosen)
    per_edge = ["edge_index", "edge_attr"]

    batch = Batch(_base_cls=dataset.graph_class)
    batch.x = dataset.x[nodes]
    batch.edge_index = dataset.edge_index[:, edges] + node_ptr[edge_graph]
    batch.edge_attr = dataset.edge_attr[edges]
    if dataset.pairs:
        # Every graph has an even number of edges then, so the pairs stay pairs when joined.
        batch.reverse_edge = torch.arange(len(edges)) ^ 1
        per_edge.append("reverse_edge")
    per_node = dataset.per_node(nodes)
    for name, values in (per_node | per_graph).items():
        batch[name] = values
    batch.graph = chosen
    batch.batch = torch.repeat_interleave(graphs, node_ptr.diff())
    batch.ptr = node_ptr

    # What PyG needs to take single graphs out of the batch again.
    each = torch.arange(len(chosen) + 1)
    none = torch.zeros(len(chosen), dtype=torch.long)
    texts = [name for name, values in per_graph.items() if isinstance(values, list)]
    shifted = {"edge_index": node_ptr[:-1], "reverse_edge": edge_ptr[:-1], **dict.fromkeys(texts)}
    slices: dict[str, Any] = {
        **dict.fromkeys(("x", *per_node), node_ptr),
        **dict.fromkeys(per_edge, edge_ptr),
        **dict.fromkeys((*per_graph, "graph"), each),
    }
    increments: dict[str, Any] = {name: shifted.get(name, none) for name in slices}
    for name, values in per_graph.items():
        if isinstance(values, Mapping):
            slices[name] = dict.fromkeys(values, each)
            increments[name] = dict.fromkeys(values)
    batch._num_graphs = len(chosen)  # noqa: SLF001
    batch._slice_dict = slices  # noqa: SLF001
    batch._inc_dict = increments  # noqa: SLF001
    return batch
