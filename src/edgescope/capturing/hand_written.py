"""Attention outside every layer class that an adapter could be found for: hand-written modules."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from torch import nn

from edgescope.capturing.attention_signs import Signs, is_plain, signs_of
from edgescope.capturing.refusals import (
    ATTENTION,
    PERHAPS,
    READ_OUT,
    Kind,
    is_aggregation,
    unknown_layer,
)


class HandWritten(NamedTuple):
    """A module that seems to attend and is of no class that is known."""

    path: str
    """Path of the module; empty if it is the model."""
    module: nn.Module
    """The module."""
    signs: Signs
    """What speaks for it."""

    @property
    def kind(self) -> Kind:
        """Whether it is attention: certain only if its name and its code both say so."""
        return ATTENTION if self.signs.name and self.signs.call else PERHAPS

    @property
    def reason(self) -> str:
        """Say why it was not looked at."""
        return READ_OUT if is_aggregation(self.module) else unknown_layer(self.signs)


def hand_written(model: nn.Module, found: Collection[nn.Module]) -> Iterator[HandWritten]:
    """Give the modules of a model that seem to attend, apart from layers that are ``found``.

    A module that holds such a one is not given itself: what it is called says what is in it. What
    it computes beside it is seen when it runs, by
    :class:`~edgescope.capturing.softmax_calls.SoftmaxCalls`.
    """
    inside = {part for layer in found for part in layer.modules()}
    holders: set[str] = set()
    for path, module in reversed(list(model.named_modules())):
        if path in holders or module in inside:
            holders.update(_above(path))
            continue
        signs = Signs() if is_plain(module) else signs_of(path, module)
        if signs:
            holders.update(_above(path))
            yield HandWritten(path, module, signs)


def _above(path: str) -> Iterator[str]:
    """Give the paths of all that holds a module."""
    while path:
        path = path.rpartition(".")[0]
        yield path
