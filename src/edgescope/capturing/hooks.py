"""Hooks on a model that is watched: none is left behind, none goes along with a copy."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet, finalize

import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.utils.hooks import RemovableHandle

from edgescope.capturing.unseen import forget, unseen
from edgescope.lib.errors import InputError

_WATCHES: WeakSet["Watch"] = WeakSet()
"""Those that watch a model now."""

_LOCK = threading.RLock()
"""Held while hooks are registered, as they are known by numbers that torch counts up."""


class Unwatched:
    """What stands in a copy of a watched model for the hook of the original, until it is complete.

    It does nothing.
    """

    def __call__(self, *_: object, **__: object) -> None:
        """Take whatever a hook is called with."""


class _Done:
    """Is let go when a copy is complete: with the memo of what copies or unpickles it."""


class Watching:
    """A hook that observes one model only, in the thread that watches it.

    Hooks lie among the attributes of a module. A copy made while the model is watched would
    take along what they refer to, the tape and all that is on it, and write to it later.

    Args:
        observe: the hook.
        watch: on whose behalf.
        module: the module that holds it; ``None`` if torch calls it for all modules.
    """

    def __init__(
        self,
        observe: Callable[..., Any],
        watch: "Watch",
        module: nn.Module | None,
    ) -> None:
        self.watch = watch
        self._observe = observe
        self._module = module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (of any hook)
        """Call the hook; in another thread, note only that the model ran there.

        A model that torch compiles while it is watched is compiled without the hook.
        """
        if torch.compiler.is_compiling():
            return None
        if self.watch.is_elsewhere():
            return None
        with unseen():
            return self._observe(*args, **kwargs)

    def __reduce__(self) -> tuple[Callable[..., Unwatched], tuple[Any, ...]]:
        """Leave nothing in a pickled copy once it is complete."""
        return _stand_in, (_Done(), self._module)

    def __deepcopy__(self, memo: dict[Any, Any]) -> Unwatched:
        """Leave nothing in a copy once it is complete.

        What is returned here is put into the copied module. When the copy is complete its memo is
        let go, and the module is cleared of it.
        """
        copied = memo.get(id(self._module))
        done = memo.setdefault((_Done, id(copied)), _Done())
        return _stand_in(done, copied)


def _stand_in(done: _Done, module: nn.Module | None) -> Unwatched:
    """Return what stands for a hook in a copy of a module, until ``done`` is let go."""
    if module is not None:
        finalize(done, _clear, module)
    return Unwatched()


class Watch:
    """The hooks of one block in which a model is watched.

    Args:
        model: the model.

    Attributes:
        disturbed: whether another thread has run a part of the model meanwhile.

    Raises:
        InputError: if another thread watches the model, or a part of it.
    """

    def __init__(self, model: nn.Module) -> None:
        self.disturbed = False
        self._thread = threading.get_ident()
        self._modules = list(model.modules())
        self._ids = frozenset(map(id, self._modules))
        self._owners = {id(hooks): m for m in self._modules for hooks in _hooks_of(m)}
        self._released = False
        self._last: int | None = None
        self._first: int = RemovableHandle.next_id
        with _LOCK:
            others = [other for other in _WATCHES if other._thread != self._thread]  # noqa: SLF001  (of this class)
            if any(not self._ids.isdisjoint(other._ids) for other in others):  # noqa: SLF001  (as above)
                raise InputError(
                    f"{type(model).__name__} is being captured in another thread, and what its "
                    "layers hold while they run would be mixed up; give each thread a "
                    "copy.deepcopy of the model"
                )
            _WATCHES.add(self)

    def is_elsewhere(self) -> bool:
        """Return whether this is another thread than the one that watches; if so, note that."""
        elsewhere = threading.get_ident() != self._thread
        self.disturbed = self.disturbed or elsewhere
        return elsewhere

    def add(self, remove: Callable[[], None]) -> None:
        """Make a hook that was just registered observe its own model only, in this thread.

        Args:
            remove: the method ``remove`` of the handle that registering it returned; any other
                function belongs to a hook that is left as it is.
        """
        handle = getattr(remove, "__self__", None)
        if isinstance(handle, RemovableHandle):
            hooks = handle.hooks_dict_ref()
            assert hooks is not None
            owner = self._owners.get(id(hooks))
            hooks[handle.id] = Watching(hooks[handle.id], self, owner)

    def register(self, attach: Callable[["Watch"], None]) -> None:
        """Register the hooks; those that come later are the user's.

        Args:
            attach: registers them, and hands each to :meth:`add`.
        """
        with _LOCK:
            _REGISTERING.append(self)
            try:
                self._first = RemovableHandle.next_id
                attach(self)
                self._last = RemovableHandle.next_id
            finally:
                _REGISTERING.pop()

    def release(self) -> None:
        """Take away every hook that was registered since the watch began.

        They are known by their number, so that one is found even if an interrupt came before
        anything else knew of it.
        """
        if self._released:
            return
        forget()
        numbers = range(self._first, self._last or RemovableHandle.next_id)
        for hooks in (hooks for module in self._modules for hooks in _hooks_of(module) if hooks):
            _discard(hooks, [number for number in hooks if number in numbers])
        for hooks in _hooks_of(torch_module):
            _discard(hooks, [n for n in hooks if n in numbers and _is_ours(hooks[n])])
        with _LOCK:
            _WATCHES.discard(self)
        self._released = True  # last, as an interrupt may come at any time


_REGISTERING: list[Watch] = []


def registering() -> Watch | None:
    """Return the watch whose hooks are being registered, if one is."""
    return _REGISTERING[-1] if _REGISTERING else None


@contextmanager
def watching(model: nn.Module, attach: Callable[[Watch], None]) -> Iterator[Watch]:
    """Watch a model; whatever happens in the block, no hook is left behind.

    Args:
        model: the model.
        attach: registers the hooks, and hands each to the watch.

    Raises:
        InputError: if another thread watches the model.
    """
    watch = Watch(model)
    try:
        try:
            watch.register(attach)
            yield watch
        finally:
            watch.release()
    finally:
        watch.release()  # once more, as an interrupt may have come in between


def _hooks_of(module: Any) -> list[dict[int, Any]]:  # noqa: ANN401  (a module of torch or of Python)
    """Return the dictionaries of hooks of a module, and of marks on these."""
    named = vars(module).items()
    return [value for name, value in named if "_hooks" in name and isinstance(value, dict)]


def _is_ours(hook: object) -> bool:
    # A mark of torch's on a hook is True.
    return hook is True or str(getattr(hook, "__module__", "")).startswith("edgescope.")


def _clear(module: nn.Module) -> None:
    """Take away what stands for hooks in a copy of a watched module."""
    found = _hooks_of(module)
    numbers = [n for hooks in found for n, each in hooks.items() if _stands_in(each)]
    for hooks in found:
        _discard(hooks, numbers)


def _stands_in(hook: object) -> bool:
    return isinstance(hook, Unwatched)


def _discard(hooks: dict[int, Any], numbers: Collection[int]) -> None:
    for number in numbers:
        hooks.pop(number, None)
