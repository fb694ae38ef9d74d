"""Edge identity: from what the user gave the model to the rows that a layer computed."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.capture.activations import EdgeIdentity
from edgescope.errors import InputError


class GraphInput:
    """The graph of one call of a model: its edges, their types and their graphs.

    Args:
        edge_index: source and target of every edge ``[2, E]``.
        edge_attr: edge features; types if they are one integer per edge.
        batch: graph of every node ``[V]``; without it all nodes are of one graph.
    """

    def __init__(
        self,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> None:
        self.edge_index = edge_index
        self.edge_type = edge_types(edge_attr, edge_index.size(1))
        self.batch = batch
        self._identity: EdgeIdentity | None = None

    def identify(self, edge_index: Tensor, site: str) -> EdgeIdentity:
        """Return the identity of the rows of a layer that saw ``edge_index`` ``[2, E]``.

        Raises:
            InputError: if the layer saw other edges, or in another order, than the model was
                given.
        """
        same = edge_index is self.edge_index or torch.equal(edge_index, self.edge_index)
        if not same:
            raise InputError(
                f"{site} saw {edge_index.size(1)} edges that are not the "
                f"{self.edge_index.size(1)} edges given to the model in that order; which row "
                "belongs to which edge cannot be told, leave this site out with sites="
            )
        if self._identity is None:
            self._identity = self._identify()
        return self._identity

    def _identify(self) -> EdgeIdentity:
        edges = self.edge_index
        size = edges.size(1)
        position = torch.arange(size, device=edges.device)
        if self.batch is None:
            nowhere = torch.zeros_like(position)
            return EdgeIdentity(edges, position, nowhere, self.edge_type, nowhere)
        local = self.batch[edges[0]]
        num_graphs = int(self.batch.max()) + 1 if self.batch.numel() else 0
        # Number the edges within each graph, in the order in which they were given.
        order = local.argsort(stable=True)
        first_edge = _starts(local.bincount(minlength=num_graphs))
        input_edge = torch.empty_like(position)
        input_edge[order] = position - first_edge[local[order]]
        node_offset = _starts(self.batch.bincount(minlength=num_graphs))[local]
        return EdgeIdentity(edges, input_edge, local, self.edge_type, node_offset)


def read_graph_input(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> GraphInput:
    """Find the graph among the arguments of a call of ``model``.

    It is looked for by name, ``edge_index``, ``edge_attr`` and ``batch``, among the parameters
    of ``forward`` and then among the attributes of each argument (a PyG ``Data`` or ``Batch``).

    Raises:
        InputError: if no argument is called ``edge_index`` or has such an attribute.
    """
    bound = inspect.signature(model.forward).bind(*args, **kwargs).arguments
    sources: list[Any] = [bound, *bound.values()]
    for source in sources:
        edge_index = _field(source, "edge_index")
        if isinstance(edge_index, Tensor):
            edge_attr, batch = (_field(source, name) for name in ("edge_attr", "batch"))
            return GraphInput(edge_index, _tensor(edge_attr), _tensor(batch))
    raise InputError(
        f"{type(model).__name__} was called without an argument named edge_index; captured "
        "edges are identified by it, rename the argument of forward or pass a PyG Data"
    )


def _field(source: Any, name: str) -> Any:  # noqa: ANN401  (arguments of a stranger's model)
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


def _tensor(value: Any) -> Tensor | None:  # noqa: ANN401  (as above)
    return value if isinstance(value, Tensor) else None


def edge_types(edge_attr: Tensor | None, size: int) -> Tensor | None:
    """Take edge features as types if there is exactly one integer per edge."""
    if edge_attr is None or edge_attr.is_floating_point() or edge_attr.numel() != size:
        return None
    return edge_attr.view(-1)


def _starts(sizes: Tensor) -> Tensor:
    """Return where each run of ``sizes`` starts ``[G]``."""
    return sizes.cumsum(0) - sizes
