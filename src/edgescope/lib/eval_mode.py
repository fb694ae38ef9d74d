"""Eval mode, parameters without gradients and other random numbers, each for a while."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from edgescope.lib.compiler_stance import eagerly


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Set a model to eval mode, and every module back to the mode that it was in.

    What is compiled runs eagerly meanwhile; see :func:`edgescope.lib.compiler_stance.eagerly`.
    """
    modes = {module: module.training for module in model.modules()}

    def back() -> None:
        for module, mode in modes.items():
            module.training = mode

    with eagerly(model), _undone_by(back):
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
def generators_kept(cuda: Sequence[int] = ()) -> Iterator[None]:
    """Leave the random numbers of torch, numpy and Python as they were.

    Args:
        cuda: numbers of the GPUs whose generators are kept too.
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  (what others use)
    try:
        with torch.random.fork_rng(devices=cuda):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002  (as above)


@contextmanager
def _undone_by(back: Callable[[], None]) -> Iterator[None]:
    try:
        try:
            yield
        finally:
            back()
    finally:
        back()  # once more, as an interrupt may have come in between
