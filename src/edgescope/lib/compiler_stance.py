"""The compiler's stance: what is compiled runs eagerly while a block runs, in its thread alone."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from torch import nn

from edgescope.lib.compiled_parts import compiled_parts
from edgescope.lib.errors import InputError

TWINS: WeakSet[nn.Module] = WeakSet()
"""Originals that were handed in as compiled models, which a user's ``call=`` may still call."""

_EAGER: dict[object, int] = {}
"""Every block in which compiled code runs eagerly, with the thread that it is in."""

_LOCK = threading.Lock()
"""Held while the compiler's stance is exchanged."""


@contextmanager
def eagerly(model: nn.Module) -> Iterator[None]:
    """Run what is compiled in a model, or around it, eagerly while a block runs in this thread.

    The compiled code is kept, with all that it was compiled for: after the block it is used as
    before, and other threads use it meanwhile. Nothing is done if nothing is compiled.

    Args:
        model: the model, or the original of a compiled one.

    Raises:
        InputError: if the block is itself in a function that torch compiles.
    """
    if "torch._dynamo" not in sys.modules or not _is_compiled(model):
        yield
        return
    block = object()
    try:
        try:
            _begin(block)
            yield
        finally:
            _end(block)
    finally:
        _end(block)  # once more, as an interrupt may have come in between


WITHIN = (
    "a compiled model is to be run eagerly within a function that torch compiles, which cannot be; "
    "call edgescope outside of it"
)
"""Why a block is refused."""


def _is_compiled(model: nn.Module) -> bool:
    """Return whether a model is compiled, or something in it is.

    Raises:
        InputError: if the compiler, in whose code this is called, fails to follow the search.
    """
    from torch._dynamo.exc import InternalTorchDynamoError

    try:
        return model in TWINS or bool(compiled_parts(model))
    except InternalTorchDynamoError as error:
        raise InputError(WITHIN) from error


class _Stance:
    """The compiler's stance: eager in threads that are in a block, and elsewhere what it was.

    Torch has one stance for all threads, and asks for it whenever compiled code is called. One that
    is put back by another thread in the meantime, or too late, so does no harm.

    Args:
        before: the stance that it takes the place of.
    """

    def __init__(self, before: Any) -> None:  # noqa: ANN401  (torch's)
        self.before = before

    @property
    def stance(self) -> str:
        """What is done with compiled code that is called in this thread."""
        eager = threading.get_ident() in list(_EAGER.values())
        return "force_eager" if eager else str(self.before.stance)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (as above)
        """Return the rest of the stance as it was."""
        if name == "before":  # while a copy is made
            raise AttributeError(name)
        return getattr(self.before, name)


def _begin(block: object) -> None:
    from torch._dynamo import eval_frame

    with _LOCK:
        _EAGER[block] = threading.get_ident()
        try:
            # It refuses to be called in compiled code, so it is called for every block.
            now = eval_frame._stance  # noqa: SLF001  (torch has no other way to ask)
            eval_frame._set_stance(now if isinstance(now, _Stance) else _Stance(now))  # type: ignore[arg-type]  # noqa: SLF001  (public set_stance makes its own)
        except RuntimeError as error:
            del _EAGER[block]
            raise InputError(WITHIN) from error


def _end(block: object) -> None:
    from torch._dynamo import eval_frame

    with _LOCK:
        if _EAGER.pop(block, None) is not None and not _EAGER:
            now: Any = eval_frame._stance  # noqa: SLF001  (as above)
            if isinstance(now, _Stance):  # else the user has set another
                eval_frame._stance = now.before  # noqa: SLF001  (as above)
