"""Which way the layers of a model pass messages along the edges they are given."""

from torch import nn
from torch_geometric.nn import MessagePassing

FORWARD, BACK = "source_to_target", "target_to_source"
"""From row 0 of ``edge_index`` to row 1, and from row 1 to row 0, as PyG calls it."""


def flows(model: nn.Module) -> set[str]:
    """Return the flows of a model's layers; :data:`FORWARD` if it has none of PyG's."""
    held = {module.flow for module in model.modules() if isinstance(module, MessagePassing)}
    return held or {FORWARD}
