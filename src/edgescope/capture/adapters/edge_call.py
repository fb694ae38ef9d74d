"""One call of a message-passing layer, as its adapter sees it."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from edgescope.capture.adapters.base import Layer, per_head
from edgescope.errors import InputError

if TYPE_CHECKING:
    from edgescope.capture.adapters.message_passing import MessagePassingAdapter


class EdgeCall:
    """One call of a message-passing layer, seen from its edges.

    ``call["x_j"]`` is an argument of ``message`` or ``edge_update``; ``call.get`` gives ``None``
    where there is no such argument.

    Attributes:
        edge_index: source and target of every edge ``[2, E]``, as the layer saw them.
        given: the edges that the layer was called with ``[2, M]``, where it may replace loops.
        num_nodes: number of source and of target nodes, where known.
        message: what ``message`` returned.
        own_weight: the weights as the layer itself gives them, before dropout, where it does.
        outputs: what the submodules named by the adapter returned.
    """

    def __init__(self, adapter: "MessagePassingAdapter", layer: Layer) -> None:
        self.edge_index = torch.empty(0)
        self.given: Tensor | None = None
        self.num_nodes: tuple[int | None, int | None] = (None, None)
        self.message = torch.empty(0)
        self.own_weight: Tensor | None = None
        self.outputs: dict[str, Tensor] = {}
        self.arguments: dict[str, Any] = {}
        self._adapter = adapter
        self._layer = layer
        self._stages: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        """Return an argument of ``message`` or ``edge_update``.

        Raises:
            InputError: if there is no such argument, or it is no tensor.
        """
        value = self.arguments.get(name)
        if not isinstance(value, Tensor):
            tensors = [key for key, each in self.arguments.items() if isinstance(each, Tensor)]
            raise InputError(
                f"message and edge_update of {type(self._layer).__name__} have no tensor {name!r}; "
                f"they have {', '.join(tensors)}"
            )
        return value

    def get(self, name: str) -> Tensor | None:
        """Return an argument of ``message`` or ``edge_update`` if it is a tensor."""
        value = self.arguments.get(name)
        return value if isinstance(value, Tensor) else None

    @property
    def target_row(self) -> int:
        """Row of ``edge_index`` that holds the nodes that receive messages."""
        return 1 if self._layer.flow == "source_to_target" else 0

    @property
    def target(self) -> Tensor:
        """Node that receives the message of every edge ``[E]``."""
        return self.edge_index[self.target_row]

    @property
    def num_targets(self) -> int | None:
        """Number of nodes that can receive messages, if known."""
        return self.num_nodes[self.target_row]

    def stage(self, name: str) -> Tensor:
        """Return what the adapter computes for a stage; computed once."""
        if name not in self._stages:
            self._stages[name] = getattr(self._adapter, name)(self._layer, self)
        return self._stages[name]

    def per_head(self, values: Tensor) -> Tensor:
        """View values of the edges as ``[E, H, D]``.

        Raises:
            InputError: if they are not one row per edge, or cannot be divided among the heads.
        """
        edges = self.edge_index.size(1)
        if not values.dim() or len(values) != edges:
            raise InputError(
                f"received values of shape {list(values.shape)} for {edges} edges, expected one "
                "row per edge; the features of the edges may have another number of rows"
            )
        return per_head(values, self._adapter.heads(self._layer))

    def softmax(self, logit: Tensor) -> Tensor:
        """Return the softmax of ``logit`` ``[E, ...]`` over the edges of each target."""
        from torch_geometric.utils import softmax

        if not logit.size(0):
            return logit
        return softmax(logit, self.target, num_nodes=self.num_targets)
