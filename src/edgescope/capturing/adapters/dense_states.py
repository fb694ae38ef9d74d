"""Node states around attention on a dense batch: a row per node, without padding."""

from torch import Tensor

from edgescope.capturing.adapters.adapter import Emit, Layer, observing
from edgescope.capturing.adapters.dense import (
    DenseCall,
    check_self_attention,
    present_places,
    unnest,
)
from edgescope.capturing.adapters.node_states import STATE
from edgescope.capturing.edge_rows import DenseNodeRows
from edgescope.lib.errors import InputError


def emit_dense_states(layer: Layer, call: DenseCall, states: Tensor, emit: Emit) -> None:
    """Emit the states of the nodes of a dense batch, graph by graph.

    Args:
        layer: the attention module.
        call: what it was given, which says what is padding.
        states: states ``[B, S, F]`` or, of one graph, ``[S, F]``; or the same as a nested tensor.
        emit: receives them ``[V, 1, F]``.

    Raises:
        InputError: if it is not self-attention, the padding has gaps, or the states are not of
            the nodes that the layer was called with.
    """
    check_self_attention(layer, call)
    with observing():
        if states.is_nested:
            states, _ = unnest(states)
        states = states[None] if states.dim() == 2 else states  # noqa: PLR2004  (of one graph)
        batch, length = call.key.shape[:2]
        if states.size(0) != batch or states.size(1) > length:
            raise InputError(
                f"the node states around {type(layer).__name__} are of the shape "
                f"{list(states.shape)}, expected [{batch}, {length}, D] as it was called with; "
                "leave this site out with sites="
            )
        present = present_places(call, layer.num_heads)
        sizes = present.sum(1)
        values = states[present].unsqueeze(1)
    emit(STATE, values, DenseNodeRows(sizes))
