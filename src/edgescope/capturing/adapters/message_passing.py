"""The adapter of PyG's message-passing layers, and the base of a user's own."""

from collections.abc import Collection, Iterator
from typing import Any, ClassVar, Literal

from torch import Tensor

from edgescope.capturing.activation_rows import EdgeRows
from edgescope.capturing.adapters.adapter import Adapter, Emit, Layer, Remove, Replace, observing
from edgescope.capturing.adapters.message_editor import EDITED, MessageEditor
from edgescope.capturing.adapters.message_hooks import EdgeCall, LayerHooks, check_alike
from edgescope.capturing.graph_input import plain_edges
from edgescope.lib.errors import InputError

MESSAGE_PASSING = frozenset({"aggr", "aggr_kwargs", "flow", "node_dim", "decomposed_layers"})
"""Options of every layer of PyG that passes messages, for which the formulas hold."""


class MessagePassingAdapter(Adapter):
    """Observes a ``torch_geometric.nn.MessagePassing`` layer through its own hooks.

    A stage is computed by the method of its name, from the arguments of the layer's
    ``message`` and ``edge_update``: write :meth:`score` or :meth:`logit`; :meth:`weight` and
    :meth:`message` follow unless the layer does something else. Each returns ``[E, H, D]``,
    ``[E, H * D]``, or ``[E, H]`` for one number per edge and head.

    Attributes:
        submodules: parts of the layer whose output the formulas need, such as ``"lin_edge"``;
            taken when the layer computes it, in ``call.outputs``.
        loops_option: the layer's attribute that says whether it drops the self-loops of its
            input and appends one per node, such as ``"add_self_loops"``; ``None`` if it never
            does.
        weight_in: which method of the layer turns the logits into weights, so that all that
            comes before the message can be replaced as well: ``"edge_update"`` if it returns the
            weights ``[E, H]``, ``"message"`` if it computes and applies them, for which
            :meth:`value` is needed; ``None`` if only the message can be replaced.
        kept_weight: the layer's attribute that ``message`` leaves the weights in until the layer
            returns them, if there is one. Captured weights are held against it, or against what
            ``edge_update`` returned if ``weight_in`` says that these are the weights.

    Example:
        >>> from edgescope.capturing import MessagePassingAdapter, Stage
        >>> class MyAdapter(MessagePassingAdapter):
        ...     layer = "my_package.MyLayer"
        ...     stages = {"logit": Stage("sum_d x_i * x_j", "[E, 1, 1]")}
        ...     def logit(self, layer, call):
        ...         return (call["x_i"] * call["x_j"]).sum(-1, keepdim=True)
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

    def check(self) -> None:
        """Refuse an adapter that promises stages it has no formula for."""
        super().check()
        own = {
            stage
            for stage in self.stages
            if getattr(type(self), stage) is not getattr(MessagePassingAdapter, stage)
        }
        needs_logit = bool({"logit", "weight"} & (set(self.stages) - own))
        has_logit = type(self).score is not MessagePassingAdapter.score or "logit" in own
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
        """Return the attention weights, before dropout; by default the softmax of the logit."""
        return call.softmax(call.stage("logit"))

    def message(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what is aggregated at the target; by default what ``message`` returned.

        A mask that one of PyG's explainers has set is applied to it afterwards.
        """
        return call.message

    def value(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what the weight is multiplied by to give the message ``[E, H, D]``."""
        raise NotImplementedError

    def heads(self, layer: Layer) -> int:
        """Return the number of heads ``H``: the layer's ``heads``, or 1."""
        heads = getattr(layer, "heads", 1)
        return heads if isinstance(heads, int) else 1

    def replaces_loops(self, layer: Layer) -> bool:
        """Return whether the layer drops the input's self-loops and appends its own."""
        return self.loops_option is not None and bool(getattr(layer, self.loops_option))

    def adds_edges(self, layer: Layer) -> bool:
        """Return whether the layer adds self-loops."""
        return self.replaces_loops(layer)

    def refusal(self, layer: Layer) -> str | None:
        """Refuse inference decomposition, which computes a message in several pieces."""
        if getattr(layer, "decomposed_layers", 1) > 1:
            return "it computes each message in pieces; set decomposed_layers = 1"
        return None

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Observe ``edge_updater``, ``message`` and ``propagate``; emit after ``propagate``."""
        return _Observer(self, layer, stages, emit).hook()

    def editable(self, layer: Layer) -> tuple[str, ...]:
        """Return the message, if it is what ``message`` returns, and what leads to the weights."""
        own = type(self)
        if own.attach is not MessagePassingAdapter.attach:
            return ()
        message = own.message is MessagePassingAdapter.message
        return tuple(
            stage
            for stage in self.stages_of(layer)
            if (message if stage == "message" else self.weight_in is not None)
        )

    def attach_edit(
        self, layer: Layer, stages: Collection[str], replace: Replace
    ) -> Iterator[Remove]:
        """Replace what ``edge_update`` and ``message`` return."""
        return MessageEditor(self, layer, stages, replace).hook()


class _Observer(LayerHooks):
    """Gathers what one layer's hooks tell of a call, and emits its stages."""

    def __init__(
        self, adapter: MessagePassingAdapter, layer: Layer, stages: Collection[str], emit: Emit
    ) -> None:
        super().__init__(adapter, layer)
        self._stages = tuple(stages)
        self._emit = emit

    def hook(self) -> Iterator[Remove]:
        """Hook the layer, giving what removes each hook."""
        yield from super().hook()
        yield self._layer.register_propagate_forward_hook(self._propagated).remove

    def _edges_updated(self, layer: Layer, inputs: tuple[Any, ...], weight: Tensor) -> None:
        super()._edges_updated(layer, inputs, weight)
        # In training, what edge_update returns is what dropout leaves of the weights.
        if self._adapter.weight_in == "edge_update" and not _drops(layer):
            self._call.own_weight = weight

    def _messages_computed(self, layer: Layer, inputs: tuple[Any, ...], message: Tensor) -> None:
        super()._messages_computed(layer, inputs, message)
        self._call.message = message
        if self._adapter.kept_weight is not None:
            self._call.own_weight = getattr(layer, self._adapter.kept_weight)

    def _propagated(self, _: Layer, inputs: tuple[Any, ...], __: Tensor) -> None:
        call, self._call = self._call, EdgeCall(self._adapter, self._layer)
        call.edge_index = plain_edges(inputs[0], type(self._layer).__name__)
        call.num_nodes = tuple(inputs[1])
        replaces_loops = self._adapter.replaces_loops(self._layer)
        rows = EdgeRows(
            call.edge_index,
            call.num_nodes,
            replaces_loops,
            call.given,
            target_row=call.target_row,
        )
        for stage in self._stages:
            with observing():
                if stage == "weight" and call.own_weight is not None and self._layer not in EDITED:
                    check_alike(self._layer, "weights", call.own_weight, call.stage(stage))
                values = call.per_head(call.stage(stage))
            self._emit(stage, values, rows)


def _drops(layer: Layer) -> bool:
    return bool(layer.training and getattr(layer, "dropout", 0.0))
