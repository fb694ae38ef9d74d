"""The formulas of a message-passing layer, and a call of it as they see it: from its edges."""

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from edgescope.capturing.adapters.adapter import Adapter, Layer
from edgescope.capturing.adapters.head_shapes import per_head
from edgescope.capturing.edge_rows import EdgeRows
from edgescope.lib.errors import InputError


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
        returned: the same call by call, for a submodule that the layer calls several times.

    Example:
        >>> from edgescope.capturing import MessagePassingAdapter, Stage
        >>> class MyAdapter(MessagePassingAdapter):
        ...     layer = "my_package.MyLayer"
        ...     stages = {"score": Stage("x_i * x_j", "[E, 1, D]")}
        ...     def score(self, layer, call):  # call is an EdgeCall
        ...         return (call["x_i"] * call["x_j"]).unsqueeze(1)
    """

    def __init__(self, adapter: "EdgeFormulas", layer: Layer) -> None:
        self.edge_index = torch.empty(0)
        self.given: Tensor | None = None
        self.num_nodes: tuple[int | None, int | None] = (None, None)
        self.message = torch.empty(0)
        self.own_weight: Tensor | None = None
        self.outputs: dict[str, Tensor] = {}
        self.returned: dict[str, list[Tensor]] = {}
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

    def rows(self) -> EdgeRows:
        """Return which rows the values of a stage are."""
        replaces_loops = self._adapter.replaces_loops(self._layer)
        return EdgeRows(
            self.edge_index, self.num_nodes, replaces_loops, self.given, target_row=self.target_row
        )

    def stage(self, name: str) -> Tensor:
        """Return what the adapter computes for a stage; computed once."""
        if name not in self._stages:
            self._stages[name] = getattr(self._adapter, name)(self._layer, self)
        return self._stages[name]

    def keep_output(self, name: str, output: Tensor) -> None:
        """Note what a submodule returned."""
        self.outputs[name] = output
        self.returned.setdefault(name, []).append(output)

    def per_head(self, values: Tensor, stage: str) -> Tensor:
        """View values of the edges as ``[E, H, D]``; a message that joins the heads has one.

        Raises:
            InputError: if they are not one row per edge, or cannot be divided among the heads.
        """
        edges = self.edge_index.size(1)
        if not values.dim() or len(values) != edges:
            raise InputError(
                f"received values of shape {list(values.shape)} for {edges} edges, expected one "
                "row per edge; the features of the edges may have another number of rows"
            )
        joined = stage == "message" and self._adapter.joins_heads
        return per_head(values, 1 if joined else self._adapter.heads(self._layer))

    def softmax(self, logit: Tensor) -> Tensor:
        """Return the softmax of ``logit`` ``[E, ...]`` over the edges of each target."""
        from torch_geometric.utils import softmax

        if not logit.size(0):
            return logit
        return softmax(logit, self.target, num_nodes=self.num_targets)


class EdgeFormulas(Adapter):
    """How a message-passing layer computes its stages, from the arguments of its methods.

    See :class:`~edgescope.capturing.MessagePassingAdapter`, which observes layers by them.
    """

    relies_on: ClassVar[tuple[str, ...]] = (
        "forward",
        "message",
        "edge_update",
        "message_and_aggregate",
    )
    submodules: ClassVar[tuple[str, ...]] = ()
    loops_option: ClassVar[str | None] = None
    weight_in: ClassVar[Literal["edge_update", "message"] | None] = None
    kept_weight: ClassVar[str | None] = None
    joins_heads: ClassVar[bool] = False

    def check(self) -> None:
        """Refuse an adapter that promises stages it has no formula for."""
        super().check()
        own = {
            stage
            for stage in self.stages
            if getattr(type(self), stage) is not getattr(EdgeFormulas, stage)
        }
        needs_logit = bool({"logit", "weight"} & (set(self.stages) - own))
        has_logit = type(self).score is not EdgeFormulas.score or "logit" in own
        if ("score" in self.stages and "score" not in own) or (needs_logit and not has_logit):
            raise InputError(
                f"{type(self).__name__} has no formula for a stage that it names; write a method "
                "score(self, layer, call) or logit(self, layer, call)"
            )

    def score(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the vector whose sum over channels is the logit."""
        raise NotImplementedError

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what the softmax is taken of; by default the sum of the score."""
        return call.stage("score").sum(-1)

    def weight(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the attention weights, before dropout; by default what the logit gives."""
        return self.weight_of(layer, call, call.stage("logit"))

    def logit_of(self, layer: Layer, score: Tensor) -> Tensor:
        """Return the logit ``[E, H]`` that a score ``[E, H, D]`` gives; by default its sum."""
        del layer
        return score.sum(-1)

    def weight_of(self, layer: Layer, call: EdgeCall, logit: Tensor) -> Tensor:
        """Return the weights that logits ``[E, ...]`` give; by default their softmax."""
        del layer
        return call.softmax(logit)

    def message(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what is aggregated at the target; by default what ``message`` returned.

        A mask that one of PyG's explainers has set is applied to it afterwards.
        """
        return call.message

    def value(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what the weight is multiplied by to give the message ``[E, H, D]``."""
        raise NotImplementedError

    def message_of(self, layer: Layer, call: EdgeCall, weight: Tensor) -> Tensor:
        """Return the messages that weights ``[E, H]`` give; by default the value times them."""
        return self.value(layer, call) * weight.unsqueeze(-1)

    def heads(self, layer: Layer) -> int:
        """Return the number of heads ``H``: the layer's ``heads``, or 1."""
        heads = getattr(layer, "heads", 1)
        return heads if isinstance(heads, int) else 1

    def replaces_loops(self, layer: Layer) -> bool:
        """Return whether the layer drops the input's self-loops and appends its own."""
        return self.loops_option is not None and bool(getattr(layer, self.loops_option))

    def could_replace_loops(self, layer: Layer) -> bool:
        """Return whether the layer has :attr:`loops_option`, which is off."""
        return self.loops_option is not None and not self.replaces_loops(layer)

    def attends_to_all(self, layer: Layer) -> bool:
        """Return false: all that a layer adds to the edges it is given are self-loops."""
        return False

    def adds_edges(self, layer: Layer) -> bool:
        """Return whether the layer adds self-loops."""
        return self.replaces_loops(layer)

    def refusal(self, layer: Layer) -> str | None:
        """Refuse inference decomposition, which computes a message in several pieces."""
        if getattr(layer, "decomposed_layers", 1) > 1:
            return "it computes each message in pieces; set decomposed_layers = 1"
        return None


def check_alike(layer: Layer, what: str, own: Tensor, found: Tensor) -> None:
    """Refuse what a formula gives where the layer has computed something else itself.

    Both are computed in the same way from the same numbers, so they differ by rounding at most:
    by less than the root of the machine's precision times the largest of them.

    Args:
        layer: the layer.
        what: what they are, for the message.
        own: what the layer has computed ``[E, ...]``.
        found: what the formula gives, in any shape of as many numbers.

    Raises:
        InputError: if they are not alike.
    """
    own, found = own.detach().flatten(), found.detach().flatten().to(own.dtype)
    if own.shape == found.shape and torch.equal(own, found):
        return
    finite = own[own.isfinite()]
    largest = finite.abs().max().item() if len(finite) else 0.0
    precision = math.sqrt(torch.finfo(own.dtype).eps)
    if own.shape != found.shape or not torch.allclose(
        own, found, rtol=0.0, atol=precision * largest, equal_nan=True
    ):
        raise InputError(
            f"the {what} of {type(layer).__name__} are not what edgescope's formula for it gives; "
            "another edit or hook may change them, or its package may be of a version that "
            "edgescope does not know; put all edits into one function, or leave the layer out with "
            "sites="
        )
