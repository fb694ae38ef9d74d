"""Whether a hook runs, so that what torch computes is not the model's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Depth(threading.local):
    """How many hooks run in a thread, one within the other."""

    hooks = 0


_DEPTH = _Depth()


@contextmanager
def hook_runs() -> Iterator[None]:
    """Note that a hook runs in this thread while a block does."""
    before = _DEPTH.hooks
    try:
        _DEPTH.hooks = before + 1
        yield
    finally:
        _DEPTH.hooks = before


def no_hook_runs() -> None:
    """Forget what an interrupt left behind, where none can run."""
    _DEPTH.hooks = 0


def is_hook() -> bool:
    """Return whether a hook runs in this thread."""
    return _DEPTH.hooks > 0
