"""Which way the layers of a model pass messages along the edges they are given."""

from torch import nn
from torch_geometric.nn import MessagePassing

FORWARD, BACK = "source_to_target", "target_to_source"
"""From row 0 of ``edge_index`` to row 1, and from row 1 to row 0, as PyG calls it."""


def flows(model: nn.Module | None) -> set[str]:
    """Return the flows of the layers of a model, if there is one; :data:`FORWARD` without any."""
    modules = () if model is None else model.modules()
    held = {module.flow for module in modules if isinstance(module, MessagePassing)}
    return held or {FORWARD}
