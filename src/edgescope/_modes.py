"""Eval mode for a while, and parameters that get no gradients for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Set a model to eval mode, and every module back to the mode that it was in."""
    modes = {module: module.training for module in model.modules()}

    def back() -> None:
        for module, mode in modes.items():
            module.training = mode

    with _undone_by(back):
        model.eval()
        yield


@contextmanager
def without_gradients(model: nn.Module) -> Iterator[None]:
    """Take the parameters out of what gradients are computed for, for a while."""
    asked = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def back() -> None:
        for parameter in asked:
            parameter.requires_grad = True

    with _undone_by(back):
        for parameter in asked:
            parameter.requires_grad = False
        yield


@contextmanager
def _undone_by(back: Callable[[], None]) -> Iterator[None]:
    try:
        try:
            yield
        finally:
            back()
    finally:
        back()  # once more, as an interrupt may have come in between
