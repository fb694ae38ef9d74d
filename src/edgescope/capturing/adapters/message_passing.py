"""The adapter of PyG's message-passing layers, and the base of a user's own."""

from collections.abc import Collection, Iterator

from edgescope.capturing.adapters.adapter import Emit, Layer, Remove, Replace, names
from edgescope.capturing.adapters.edge_call import EdgeFormulas
from edgescope.capturing.adapters.message_hooks import MessageEditor, MessageObserver

MESSAGE_PASSING = names("aggr aggr_kwargs flow node_dim decomposed_layers")
"""Options of every layer of PyG that passes messages, for which the formulas hold."""


class MessagePassingAdapter(EdgeFormulas):
    """Observes a ``torch_geometric.nn.MessagePassing`` layer through its own hooks.

    A stage is computed by the method of its name, from the arguments of the layer's
    ``message`` and ``edge_update``: write :meth:`score` or :meth:`logit`; :meth:`weight` and
    :meth:`message` follow unless the layer does something else. Each returns ``[E, H, D]``,
    ``[E, H * D]``, or ``[E, H]`` for one number per edge and head. What a layer does with a score,
    a logit or weights that were replaced, :meth:`logit_of`, :meth:`weight_of` and
    :meth:`message_of` say: by default a sum, a softmax and a product with the value.

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
        joins_heads: whether a message is the sum over the heads, so that it has one.
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

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Observe ``edge_updater``, ``message`` and ``propagate``; emit after ``propagate``."""
        return MessageObserver(self, layer, stages, emit).hook()

    def editable(self, layer: Layer) -> tuple[str, ...]:
        """Return the message, if it is what ``message`` returns, and what leads to the weights."""
        own = type(self)
        if own.attach is not MessagePassingAdapter.attach:
            return ()
        message = own.message is EdgeFormulas.message
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
