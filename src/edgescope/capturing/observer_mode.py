"""Modes that see what torch computes: none is left behind, none is compiled."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

_DISPATCH = "__torch_dispatch__"
"""What torch calls of a mode for every operation."""


class ObserverMode(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not say
    """A mode that sees what torch computes; it is never compiled, and compiles nothing anew."""

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Leave compiled parts of a model compiled."""
        return True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Be called as a plain function: torch would load its compiler to keep out of it."""
        return False

    def __enter__(self) -> Self:
        """Begin to see what torch computes in this thread."""
        kind = type(self)
        # A compiler that is there would trace what runs within a compiled part, this included.
        if "torch._dynamo" in sys.modules and "untraced" not in vars(kind):
            setattr(kind, _DISPATCH, torch.compiler.disable(kind.__torch_dispatch__))  # type: ignore[no-untyped-call]  # torch's
            kind.untraced = True
        super().__enter__()  # type: ignore[no-untyped-call]  # torch's
        return self

    untraced: ClassVar[bool]
    """Whether the compiler was told to keep out of the class."""


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
