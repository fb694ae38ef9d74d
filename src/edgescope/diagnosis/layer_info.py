"""Which layer a rule looks at, and what its adapter says of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import nn

from edgescope.capturing.adapters.adapter import Adapter


class LayerInfo(NamedTuple):
    """An attention layer of the model, before it runs.

    Example:
        >>> import edgescope as es
        >>> from edgescope.diagnosis import Rule
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> class Paths(Rule):
        ...     id, title, severity = "paths", "where the layers are", "note"
        ...     def begin(self, layers):
        ...         print([info.path for info in layers])
        >>> found = es.diagnose(model, loader, rules=[Paths()])
        ['layers.0.conv']
    """

    path: str
    """Path of the layer, such as ``layers.3.conv``; empty if the model is the layer."""
    layer: nn.Module
    """The layer."""
    adapter: Adapter
    """What observes it."""
    stages: tuple[str, ...]
    """The stages that it goes through."""

    @property
    def attends_to_all(self) -> bool:
        """Whether it attends to all pairs of nodes, not only to a self-loop besides."""
        return self.adapter.attends_to_all(self.layer)


def has_mask(arguments: Mapping[str, Any] | None) -> bool:
    """Return whether a layer is given a mask, or may be, if its arguments are not known."""
    given = {"mask": ()} if arguments is None else arguments
    return any(value is not None for name, value in given.items() if "mask" in name)
