"""Copies of the graphs of a batch with some of their edges left out."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from edgescope.attribute.outputs import count_graphs, graph_of_edges, graph_of_nodes
from edgescope.data.flat_groups import ragged
from edgescope.lib.model_call import attribute

REMADE = frozenset({"edge_index", "batch", "ptr", "num_nodes", "reverse_edge"})
"""What copies do not take over but get anew. Positions of reverse edges go, as others would be
left when edges are."""


class Copies:
    """Makes batches of copies of the graphs of a batch.

    Args:
        batch: any PyG batch of homogeneous graphs, or one graph.

    Attributes:
        edge_ptr: where the edges of every graph begin in ``edges`` ``[G + 1]``.
        edges: positions in the batch of its edges by graph ``[E]``; their own order, if the batch
            holds one graph after the other.
    """

    def __init__(self, batch: Any) -> None:  # noqa: ANN401  (any PyG batch)
        if attribute(batch, "batch") is None:
            batch = Batch.from_data_list([batch])
        self._batch = batch
        graphs = count_graphs(batch)
        self.edges, self.edge_ptr = _by_graph(graph_of_edges(batch), graphs)
        self._nodes, self._node_ptr = _by_graph(graph_of_nodes(batch), graphs)

    def edges_of(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Return the edges of copies ``[M]``, as positions in the batch, and their copy ``[M]``.

        Args:
            chosen: the graph that every copy is of ``[C]``.
        """
        places, ptr = ragged(self.edge_ptr, chosen.cpu())
        copy = torch.repeat_interleave(torch.arange(len(chosen)), ptr.diff())
        return self.edges[places.to(self.edges.device)], copy.to(self.edges.device)

    def make(self, chosen: Tensor, keep: Tensor | None = None) -> Any:  # noqa: ANN401  (a PyG batch)
        """Return copies of graphs as a batch; all keep their nodes.

        Args:
            chosen: the graph that every copy is of ``[C]``.
            keep: which edges of :meth:`edges_of` the copies have ``[M]``, boolean; all by default.
        """
        given, device = self._batch, self.edges.device
        edges, edge_copy = self.edges_of(chosen)
        if keep is not None:
            edges, edge_copy = edges[keep], edge_copy[keep]
        places, ptr = ragged(self._node_ptr, chosen.cpu())
        nodes, ptr = self._nodes[places.to(device)], ptr.to(device)
        # Position of a node within its graph, and of an edge among those kept of its copy.
        place = torch.empty_like(self._nodes)
        place[self._nodes] = torch.arange(len(place), device=device)
        place = place - self._node_ptr.to(device)[graph_of_nodes(given)]
        made = Batch(_base_cls=Data)
        for name in given.keys():  # noqa: SIM118  (a PyG batch is no mapping)
            if name not in REMADE:
                rows = {"node": nodes, "edge": edges, "graph": chosen.to(device)}
                known = getattr(given, "_slice_dict", {}).get(name)
                made[name] = self._taken(name, given[name], known, rows)
        made.edge_index = place[given.edge_index[:, edges]] + ptr[edge_copy]
        made.batch = torch.repeat_interleave(torch.arange(len(chosen), device=device), ptr.diff())
        made.ptr = ptr
        made.num_nodes = len(nodes)
        made._num_graphs = len(chosen)  # noqa: SLF001  (as from_data_list sets it)
        return made

    def _taken(self, name: str, value: Any, known: Any, rows: Mapping[str, Tensor]) -> Any:  # noqa: ANN401  (whatever a batch holds, and where PyG noted that it begins)
        """Return those rows of an attribute of the batch that copies have."""
        if isinstance(value, Mapping):
            notes = known if isinstance(known, Mapping) else {}
            return {key: self._taken(name, v, notes.get(key), rows) for key, v in value.items()}
        return _taken(value, rows.get(self._kind(name, value, known)))

    def _kind(self, name: str, value: Any, known: Tensor | None) -> str:  # noqa: ANN401  (as above)
        """Return what an attribute of the batch has one of: ``"node"``, ``"edge"``, ``"graph"``.

        A batch that PyG joined says where those of every graph begin. Else the number tells.
        Where edges are as many as something else, as PyG has it, the name must say that it is
        theirs. ``"other"`` is none of the three.
        """
        graphs = len(self.edge_ptr) - 1
        ptrs = {"node": self._node_ptr, "edge": self.edge_ptr, "graph": torch.arange(graphs + 1)}
        if known is not None:
            kinds = [kind for kind, ptr in ptrs.items() if torch.equal(ptr, known.cpu())]
        else:
            counted = isinstance(value, list) or (isinstance(value, Tensor) and value.dim() > 0)
            size = len(value) if counted else -1
            kinds = [kind for kind, ptr in ptrs.items() if int(ptr[-1]) == size]
        if "edge" in kinds and (len(kinds) == 1 or "edge" in name):
            return "edge"
        return next((kind for kind in kinds if kind != "edge"), "other")


def without_edges(batch: Any, keep: Tensor) -> Any:  # noqa: ANN401  (as above)
    """Return a batch with only some of its edges; nodes and graphs stay.

    Args:
        batch: any PyG batch of homogeneous graphs.
        keep: which edges stay ``[E]``, boolean.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> batch = graphs.batch([0])
        >>> fewer = es.attribute.without_edges(batch, batch.edge_attr != 0)
        >>> fewer.num_nodes == batch.num_nodes
        True
    """
    copies = Copies(batch)
    everything = torch.arange(count_graphs(batch))
    return copies.make(everything, keep[copies.edges_of(everything)[0]])


def _taken(value: Any, rows: Tensor | None) -> Any:  # noqa: ANN401  (whatever a batch holds)
    """Return some rows of a tensor or a list, or anything else as it is."""
    if rows is None:
        return value
    return value[rows] if isinstance(value, Tensor) else [value[row] for row in rows.tolist()]


def _by_graph(of: Tensor, graphs: int) -> tuple[Tensor, Tensor]:
    """Return the members sorted by graph ``[N]`` and where each graph begins ``[G + 1]``."""
    ptr = torch.zeros(graphs + 1, dtype=torch.long)
    ptr[1:] = of.bincount(minlength=graphs).cumsum(0)
    return of.argsort(stable=True), ptr
