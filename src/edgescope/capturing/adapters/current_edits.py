"""What edits put into layers in their current call, for a tape that records meanwhile."""

from weakref import WeakKeyDictionary

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from edgescope.capturing.adapters.adapter import Layer

_EDITED: "WeakKeyDictionary[nn.Module, tuple[int, dict[str, Tensor]]]" = WeakKeyDictionary()
"""Layers that were edited, with the number of a hook that is there as long as they are."""


def edited(layer: Layer) -> dict[str, Tensor] | None:
    """Return what was put into a layer in its current call, and what follows; None if unedited.

    A tape shows these stages, as the formulas give what would be without the edit.
    """
    hook, now = _EDITED.get(layer, (None, {}))
    return now if hook in layer._forward_pre_hooks else None  # noqa: SLF001  (torch has no list)


def editing(layer: Layer, hook: RemovableHandle) -> dict[str, Tensor]:
    """Return what takes the stages of a layer that is edited as long as a hook is there."""
    now = edited(layer)  # of an edit around this one
    if now is None:
        now = {}
        _EDITED[layer] = hook.id, now
    return now
