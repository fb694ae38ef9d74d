"""Modes that see what torch computes, and how one is taken away whatever was entered since."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack


def leave(mode: TorchDispatchMode) -> None:
    """Take a mode away, if it is there; other modes stay as they are.

    Torch takes away the mode that was entered last, which need not be this one: a forward pass that
    is interrupted ends no mode, and captures may end in any order.
    """
    modes = list(_get_current_dispatch_mode_stack())
    if mode not in modes:
        return
    later = modes[modes.index(mode) + 1 :]
    for each in reversed([mode, *later]):
        each.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # torch's
    for each in later:
        each.__enter__()  # type: ignore[no-untyped-call]  # as above


@contextmanager
def entered(mode: TorchDispatchMode) -> Iterator[None]:
    """Have a mode while a block runs; whatever happens there, it is not left behind."""
    try:
        try:
            mode.__enter__()  # type: ignore[no-untyped-call]  # torch's
            yield
        finally:
            leave(mode)
    finally:
        leave(mode)  # once more, as an interrupt may have come in between
