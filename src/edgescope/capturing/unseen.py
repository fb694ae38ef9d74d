"""What capture computes for itself, which no trace of the model is to see."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Depth(threading.local):
    """How many such blocks are entered in a thread."""

    entered = 0


_DEPTH = _Depth()


@contextmanager
def unseen() -> Iterator[None]:
    """Compute something that is no part of the model."""
    before = _DEPTH.entered
    try:
        _DEPTH.entered = before + 1
        yield
    finally:
        _DEPTH.entered = before


def forget() -> None:
    """Forget what an interrupt left behind, where no such block can be entered."""
    _DEPTH.entered = 0


@contextmanager
def seen() -> Iterator[None]:
    """Run a model within such a block: what it computes is seen again."""
    before = _DEPTH.entered
    try:
        _DEPTH.entered = 0
        yield
    finally:
        _DEPTH.entered = before


def is_unseen() -> bool:
    """Return whether what is computed now is no part of the model."""
    return _DEPTH.entered > 0
