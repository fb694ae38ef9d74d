"""Graphs of the data set: which of them a batch holds, and which rows belong to which."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.calling import attribute
from edgescope.capture import EdgeIdentity
from edgescope.capture.graph_input import InputEdges, starts
from edgescope.errors import InputError


def device_of(model: nn.Module) -> torch.device:
    """Return the device of the model's first parameter, or the CPU."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def on_device(batch: Any, device: torch.device) -> Any:  # noqa: ANN401  (any PyG batch)
    """Return ``batch`` on ``device``; the user's own object stays as and where it is."""
    if not hasattr(batch, "to"):
        return batch
    copied = copy.copy(batch)  # a model may put something of its own on it
    return copied if _is_on(batch, device) else copied.to(device)


def _is_on(batch: Any, device: torch.device) -> bool:  # noqa: ANN401  (any PyG batch)
    """Return whether all a PyG batch holds is certain to be on ``device``.

    PyG's ``to`` goes through every list, such as 128 SMILES, which takes longer than it seems.
    """
    stores = getattr(batch, "stores", None)
    if not isinstance(stores, list):
        return False
    return all(
        value.device == device
        if isinstance(value, Tensor)
        else isinstance(value, str | int | float | None)
        or (isinstance(value, list) and all(isinstance(each, str) for each in value))
        for store in stores
        for value in store.values()
    )


class BatchOfGraphs:
    """The graphs of one batch.

    Args:
        batch: any PyG batch, or a graph.
        first: position in the data set of its first graph, unless the batch says the positions
            in ``batch.graph`` ``[G]``.
        edges: what the batch calls ``edge_index``.

    Attributes:
        size: number of graphs.
    """

    def __init__(
        self,
        batch: Any,  # noqa: ANN401  (any PyG batch)
        first: int,
        edges: str = "edge_index",
    ) -> None:
        vector = attribute(batch, "batch")
        self._batch = batch
        self._edges = edges
        self._vector = vector if isinstance(vector, Tensor) else None
        size = attribute(batch, "num_graphs")
        if size is None:
            size = 1 if self._vector is None else _above(self._vector)
        self.size = int(size)
        positions = attribute(batch, "graph")
        if isinstance(positions, int):
            positions = torch.tensor([positions])
        if not isinstance(positions, Tensor) or positions.shape != (self.size,):
            positions = torch.arange(first, first + self.size)
        self._positions = positions

    def smiles(self) -> dict[int, str]:
        """Return the SMILES of the graphs by their position, where the batch holds them.

        Raises:
            InputError: if there are more or fewer than graphs.
        """
        smiles = attribute(self._batch, "smiles") or []
        smiles = [smiles] if isinstance(smiles, str) else list(smiles)
        if smiles and len(smiles) != self.size:
            raise InputError(
                f"a batch of {self.size} graphs holds {len(smiles)} SMILES, expected one per "
                "graph; give each graph its own, or rename the attribute smiles"
            )
        return dict(zip(self._positions.tolist(), smiles, strict=bool(smiles)))

    def identify(self, identity: EdgeIdentity) -> EdgeIdentity:
        """Return the same rows with ``graph`` as the position in the data set.

        Raises:
            InputError: if it is not certain which graph a row belongs to.
        """
        if self.size > 1 and not bool(identity.graph.any()):
            identity = self._split(identity)
        if _above(identity.graph) > self.size:
            raise InputError(
                f"the model was given {_above(identity.graph)} graphs by a batch that says it "
                f"holds {self.size}; let the loader yield PyG's Data or Batch objects"
            )
        positions = self._positions.to(identity.graph.device)
        return identity._replace(graph=positions[identity.graph])

    def _split(self, identity: EdgeIdentity) -> EdgeIdentity:
        """Tell the graphs apart for a model that works on nodes and knows of one graph only."""
        edge_index = attribute(self._batch, self._edges)
        if self._vector is None or not isinstance(edge_index, Tensor):
            raise InputError(
                f"the model was given {self.size} graphs, but not which node belongs to which; "
                "let its forward take batch (batch_dict), or scan with batch_size=1"
            )
        device = identity.graph.device
        vector, edge_index = self._vector.to(device), edge_index.to(device)
        real = identity.input_edge >= 0
        whole = identity.input_edge[real]
        known = _above(whole) <= edge_index.size(1)
        if not known or not torch.equal(edge_index[:, whole], identity.edge_index[:, real]):
            raise InputError(
                f"the model was given other edges than its batch of {self.size} graphs holds, and "
                "not which node belongs to which graph; let its forward take batch"
            )
        given = InputEdges(edge_index, batches=(vector, vector))
        input_edge = identity.input_edge.clone()
        input_edge[real] = given.input_edge[whole]
        offset = starts(vector.bincount(minlength=self.size))[vector[identity.edge_index]]
        graph = given.graph_of(identity.edge_index)
        return identity._replace(input_edge=input_edge, graph=graph, node_offset=offset)


def _above(numbers: Tensor) -> int:
    """Return the smallest number above all of ``numbers``, which are not negative; 0 if none."""
    return int(numbers.max()) + 1 if numbers.numel() else 0
