"""Which row, edge and graph a number belongs to, in a batch or in what a model computes."""

from typing import Any

from torch import Tensor

from edgescope.diagnosis.first_non_finite import Place
from edgescope.diagnosis.non_finite_inputs import Key
from edgescope.lib.graph_names import GraphNames, called
from edgescope.lib.model_call import attribute

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
    return _in_graph(batch, row, _graph_of_row(batch, key, row))


def in_the_model(found: Place, batch: Any) -> tuple[Numbers, str]:  # noqa: ANN401  (as above)
    """Return the row, the graph and the edge of the first number at a place, and how to say it."""
    first = found.broken.first
    if not first:
        return {}, ""
    row = first[0]
    if found.identity is not None:
        graph, edge = int(found.identity.graph[row]), int(found.identity.input_edge[row])
        what = f"edge {edge}" if edge >= 0 else "a row that is no edge of the input"
        identifiers = _identifiers(batch, graph)
        numbers = {"row": row, "graph": graph, **identifiers, "edge": edge, "head": first[1]}
        where = called(graph, identifiers.get("identifiers", {}))
        return numbers, f" at {what} of {where} of the batch, head {first[1]}"
    of_node = attribute(batch, "batch")
    graphs = getattr(batch, "num_graphs", 1)
    at: int | None = None
    if isinstance(of_node, Tensor) and len(of_node) == len(found.broken.values):
        at = int(of_node[row])
    elif graphs == len(found.broken.values) or graphs == 1:
        at = row if graphs > 1 else 0
    return _in_graph(batch, row, at)


def _in_graph(batch: Any, row: int, graph: int | None) -> tuple[Numbers, str]:  # noqa: ANN401  (as above)
    """Return the row and the graph of a number, and how to say it."""
    if graph is None:
        return {"row": row}, f" in row {row}"
    identifiers = _identifiers(batch, graph)
    where = called(graph, identifiers.get("identifiers", {}))
    return {"row": row, "graph": graph, **identifiers}, f" in row {row} ({where} of the batch)"


def _identifiers(batch: Any, graph: int) -> Numbers:  # noqa: ANN401  (as above)
    """Return the identifiers of a graph of a batch, by column, under that name; if it has any."""
    graphs = range(int(getattr(batch, "num_graphs", 1)))
    known = GraphNames.of_batch(batch, graphs).identify(graph)
    return {"identifiers": known} if known else {}


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
