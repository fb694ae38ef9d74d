"""Which attention was discovered in which model, beside what adapters know."""

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from torch import nn

from edgescope.capturing.adapters.adapter import Adapter


class Discovered(NamedTuple):
    """One attention that was discovered in a model."""

    path: str
    """Path of the module in which it is computed."""
    number: int
    """Which attention of the module it is, from 0."""
    adapter: Adapter
    """What observes it."""

    @property
    def name(self) -> str:
        """What the names of its sites begin with, such as ``layers.0`` or ``layers.0#2``."""
        return self.path if not self.number else f"{self.path}#{self.number + 1}"


_DISCOVERED: WeakKeyDictionary[nn.Module, tuple[Discovered, ...]] = WeakKeyDictionary()


def remember(model: nn.Module, found: Sequence[Discovered]) -> None:
    """Make what was discovered in a model sites of it."""
    _DISCOVERED[model] = tuple(found)


def discovered_in(model: nn.Module) -> tuple[Discovered, ...]:
    """Return what was discovered in a model."""
    return _DISCOVERED.get(model, ())


def carry(model: nn.Module, copied: nn.Module) -> None:
    """Make what was discovered in a model sites of a copy of it as well."""
    if model in _DISCOVERED:
        _DISCOVERED[copied] = _DISCOVERED[model]
