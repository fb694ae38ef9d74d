"""Graphs of the data set: which of them a batch holds, and which rows belong to which."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.capturing import EdgeIdentity
from edgescope.capturing.edge_sets import edge_sets, graphs_of, node_vectors, of_input
from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import GraphNames
from edgescope.lib.model_call import attribute


def device_of(model: nn.Module) -> torch.device:
    """Return the device of the model's first parameter, or the CPU."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def on_device(batch: Any, device: torch.device) -> Any:  # noqa: ANN401  (any PyG batch)
    """Return ``batch`` on ``device``; the user's own objects stay as and where they are.

    A batch may be several, in tuples, lists and dictionaries: each is handed over as its own copy,
    as a model may put something of its own on it, which the next run would take for its input.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> pair = Data(x=torch.ones(2, 1)), Data(x=torch.ones(3, 1))
        >>> given = on_device(pair, torch.device("cpu"))
        >>> given[0].x = None
        >>> pair[0].x.shape
        torch.Size([2, 1])
    """
    kind = type(batch)
    if kind is dict:
        return {name: on_device(each, device) for name, each in batch.items()}
    if isinstance(batch, list | tuple):
        each = [on_device(part, device) for part in batch]
        return kind(*each) if hasattr(batch, "_fields") else kind(each)
    if not hasattr(batch, "to"):
        return batch
    if isinstance(batch, Tensor):
        return batch.to(device)
    copied = copy.copy(batch)
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
        or _are_texts(value)
        or (isinstance(value, Mapping) and all(map(_are_texts, value.values())))
        for store in stores
        for value in store.values()
    )


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str | None) for each in value)


class BatchOfGraphs:
    """The graphs of one batch.

    Args:
        batch: any PyG batch, or a graph.
        first: position in the data set of its first graph, unless the batch says the positions
            in ``batch.graph`` ``[G]``.
        edges: what the batch calls ``edge_index``.

    Attributes:
        size: number of graphs. Where the batch does not say it, as a dictionary of padded tensors
            does not, it is one until the model has said that there are more.
        is_told: whether the batch says it.
    """

    def __init__(
        self,
        batch: Any,  # noqa: ANN401  (any PyG batch)
        first: int,
        edges: str = "edge_index",
    ) -> None:
        self._batch = batch
        self._edges = edges
        self._first = first
        told = _size(batch)
        self.is_told = told is not None
        self.size = 1 if told is None else told
        positions = attribute(batch, "graph")
        if isinstance(positions, int):
            positions = torch.tensor([positions])
        if not isinstance(positions, Tensor) or positions.shape != (self.size,):
            positions = torch.arange(first, first + self.size)
        self._positions = positions

    @property
    def positions(self) -> list[int]:
        """Positions of the graphs in the data set."""
        return [int(position) for position in self._positions]

    def names(self) -> GraphNames:
        """Return the SMILES and identifiers of the graphs by their position, where there are any.

        Raises:
            InputError: if there are more or fewer than graphs.
        """
        return GraphNames.of_batch(self._batch, self.positions)

    def identify(self, identity: EdgeIdentity) -> EdgeIdentity:
        """Return the same rows with ``graph`` as the position in the data set.

        Raises:
            InputError: if it is not certain which graph a row belongs to.
        """
        if self.size > 1 and not bool(identity.graph.any()):
            identity = self._split(identity)
        above = _above(identity.graph)
        if above > self.size and not self.is_told:
            self.size = above
            self._positions = torch.arange(self._first, self._first + above)
        if above > self.size:
            raise InputError(
                f"the model was given {above} graphs by a batch that says it "
                f"holds {self.size}; let the loader yield PyG's Data or Batch objects"
            )
        positions = self._positions.to(identity.graph.device)
        return identity._replace(graph=positions[identity.graph])

    def graph_of(self, predictions: int) -> Tensor:
        """Return the graph in the batch of each of some predictions ``[predictions]``.

        Raises:
            InputError: if there is neither one per graph nor one per node, or it is not certain
                which set of nodes they are of.
        """
        if predictions == self.size:
            return torch.arange(predictions)
        if self.size == 1:
            return torch.zeros(predictions, dtype=torch.int64)
        vectors = [
            vector.cpu().long()
            for vector in node_vectors(self._batch).values()
            if len(vector) == predictions
        ]
        if not vectors:
            raise InputError(
                f"the model returned {predictions} predictions for a batch of {self.size} graphs, "
                "expected one per graph or per node"
            )
        if any(not vector.equal(vectors[0]) for vector in vectors):
            raise InputError(
                f"the model returned {predictions} predictions for a batch of {self.size} graphs "
                "with several sets of that many nodes, and not of which set; return one per graph"
            )
        return vectors[0]

    def _split(self, identity: EdgeIdentity) -> EdgeIdentity:
        """Tell the graphs apart for a model that works on nodes and knows of one graph only."""
        sets = [] if identity.relations else edge_sets(self._batch, self._edges)
        if not sets:
            raise InputError(
                f"the model was given {self.size} graphs, but not which node belongs to which; "
                "let its forward take batch (batch_dict), or scan with batch_size=1"
            )
        holding = [
            each for each in of_input(sets, identity.input, self._edges) if each.holds(identity)
        ]
        if not holding:
            raise InputError(
                f"the model was given other edges than its batch of {self.size} graphs holds, and "
                "not which node belongs to which graph; let its forward take batch"
            )
        placed, *others = (each.place(identity, self.size) for each in holding)
        for other in others:
            if not (placed.graph.equal(other.graph) and placed.own_source.equal(other.own_source)):
                raise InputError(
                    f"the model was given edges that are both {holding[0].path} and "
                    f"{' and '.join(each.path for each in holding[1:])} of its batch of "
                    f"{self.size} graphs, whose graphs differ; let its forward take the graph "
                    "of every node"
                )
        return placed


def _size(batch: Any) -> int | None:  # noqa: ANN401  (any PyG batch)
    """Return the number of graphs in a batch, or of pairs if it holds several batches.

    It is ``None`` if the batch does not say it.

    Raises:
        InputError: if it holds batches of different sizes.
    """
    told = attribute(batch, "num_graphs")
    if told is not None:
        return int(told)
    vectors = node_vectors(batch)
    if vectors:
        return max(_above(vector) for vector in vectors.values())
    sizes = [1 if (size := _size(each)) is None else size for each in graphs_of(batch)]
    if len(set(sizes)) > 1:
        raise InputError(
            f"a batch holds inputs of {' and '.join(map(str, sizes))} graphs, so which of them "
            "belong together is not certain; let the loader yield as many graphs of each"
        )
    if sizes:
        return sizes[0]
    return 1 if hasattr(batch, "stores") else None


def _above(numbers: Tensor) -> int:
    """Return the smallest number above all of ``numbers``, which are not negative; 0 if none."""
    return int(numbers.max()) + 1 if numbers.numel() else 0
