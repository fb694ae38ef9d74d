"""Which row, edge and graph a number belongs to, in a batch or in what a model computes."""

from typing import Any

from torch import Tensor

from edgescope.calling import attribute
from edgescope.diagnose.first_place import Place
from edgescope.diagnose.sources import Key

Numbers = dict[str, Any]


def in_the_batch(batch: Any, key: Key, first: tuple[int, ...]) -> tuple[Numbers, str]:  # noqa: ANN401  (any PyG batch)
    """Return the row and the graph of a number in a tensor of a batch, and how to say it.

    Args:
        batch: the batch.
        key: which of its tensors.
        first: position of the number in it.
    """
    if not first:
        return {}, ""
    row = first[0]
    graph = _graph_of_row(batch, key, row)
    found = {"row": row} | ({} if graph is None else {"graph": graph})
    return found, f" in row {row}{'' if graph is None else f' (graph {graph} of the batch)'}"


def in_the_model(found: Place, batch: Any) -> tuple[Numbers, str]:  # noqa: ANN401  (as above)
    """Return the row, the graph and the edge of the first number at a place, and how to say it."""
    first = found.broken.first
    if not first:
        return {}, ""
    row = first[0]
    if found.identity is not None:
        graph, edge = int(found.identity.graph[row]), int(found.identity.input_edge[row])
        what = f"edge {edge}" if edge >= 0 else "a row that is no edge of the input"
        numbers = {"row": row, "graph": graph, "edge": edge, "head": first[1]}
        return numbers, f" at {what} of graph {graph} of the batch, head {first[1]}"
    of_node = attribute(batch, "batch")
    graphs = getattr(batch, "num_graphs", 1)
    at: int | None = None
    if isinstance(of_node, Tensor) and len(of_node) == len(found.broken.values):
        at = int(of_node[row])
    elif graphs == len(found.broken.values) or graphs == 1:
        at = row if graphs > 1 else 0
    numbers = {"row": row} | ({} if at is None else {"graph": at})
    return numbers, f" in row {row}{'' if at is None else f' (graph {at} of the batch)'}"


def _graph_of_row(batch: Any, key: Key, row: int) -> int | None:  # noqa: ANN401  (as above)
    """Return the graph of a row of one of a batch's tensors, if that can be told."""
    if not hasattr(batch, "stores"):
        return None
    number, name = key
    store = batch.stores[number]
    nodes = store
    if store.is_edge_attr(name):
        edges = store.get("edge_index")
        if not isinstance(edges, Tensor):
            return None
        kind = getattr(store, "_key", None)
        nodes = store if kind is None else batch[kind[0]]
        row = int(edges[0, row])
    elif not store.is_node_attr(name):
        return row if getattr(batch, "num_graphs", 1) == len(store[name]) else None
    of_node = nodes.get("batch")
    if not isinstance(of_node, Tensor):
        return 0 if getattr(batch, "num_graphs", 1) == 1 else None
    return int(of_node[row])
