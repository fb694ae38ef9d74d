"""Hooks on a model that is watched: none is left behind, and none goes along with a copy."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary, finalize

from torch import nn
from torch.nn.modules import module as torch_module
from torch.utils.hooks import RemovableHandle

from edgescope.errors import InputError

_WATCHES: WeakKeyDictionary[nn.Module, list["Watch"]] = WeakKeyDictionary()
"""Every module that is hooked, with the watches that did so."""

_LOCK = threading.RLock()
"""Held while hooks are registered, as they are known by numbers that torch counts up."""


class Unwatched:
    """What stands in a copy of a watched model for the hook of the original: it does nothing.

    A pickled copy has it until it runs for the first time.

    Args:
        by_torch: whether torch calls it, which goes through a copy of its hooks, so that they may
            be taken away meanwhile.
    """

    def __init__(self, by_torch: bool = False) -> None:
        self._by_torch = by_torch

    def __call__(self, *args: object, **__: object) -> None:
        """Take whatever a hook is called with."""
        if self._by_torch and args and isinstance(args[0], nn.Module):
            _clear(args[0])


class Watching:
    """A hook that observes one model only, in the thread that watches it.

    Hooks lie among the attributes of a module. A copy made while the model is watched would
    take along what they refer to, the tape and all that is on it, and write to it later.

    Args:
        observe: the hook.
        watch: on whose behalf.
        module: the module that holds it; ``None`` if torch calls it for all modules.
        by_torch: whether it is one of torch's hooks, not of PyG's.
    """

    def __init__(
        self,
        observe: Callable[..., Any],
        watch: "Watch",
        module: nn.Module | None,
        by_torch: bool,
    ) -> None:
        self.watch = watch
        self._observe = observe
        self._module = module
        self._by_torch = by_torch

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (of any hook)
        """Call the hook; in another thread, note only that the model ran there."""
        if self.watch.is_elsewhere():
            return None
        return self._observe(*args, **kwargs)

    def __reduce__(self) -> tuple[type[Unwatched], tuple[bool]]:
        """Pickle as a hook that does nothing."""
        return Unwatched, (self._by_torch,)

    def __deepcopy__(self, memo: dict[Any, Any]) -> Unwatched:
        """Leave nothing in a copy once it is complete.

        What is returned here is put into the copied module. When the copy is complete its memo is
        let go, and the module is cleared of it.
        """
        copied = memo.get(id(self._module))
        if isinstance(copied, nn.Module) and (_Done, id(copied)) not in memo:
            memo[_Done, id(copied)] = done = _Done()
            finalize(done, _clear, copied)
        return Unwatched(self._by_torch)


class _Done:
    """Is let go when a copy is complete."""


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
        self._owners = {id(hooks): m for m in self._modules for hooks in _hooks_of(m).values()}
        self._last: int | None = None
        self._first: int = RemovableHandle.next_id
        for module in self._modules:
            if any(other._thread != self._thread for other in _WATCHES.get(module, ())):  # noqa: SLF001  (of this class)
                raise InputError(
                    f"{type(model).__name__} is being captured in another thread, and what its "
                    "layers hold while they run would be mixed up; give each thread a "
                    "copy.deepcopy of the model"
                )
        for module in self._modules:
            _WATCHES.setdefault(module, []).append(self)

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
            by_torch = bool(handle.extra_dict_ref)
            owner = self._owners.get(id(hooks))
            hooks[handle.id] = Watching(hooks[handle.id], self, owner, by_torch)

    def complete(self) -> None:
        """Note that all hooks are registered; those that come later are the user's."""
        self._last = RemovableHandle.next_id

    def release(self) -> None:
        """Take away every hook that was registered since the watch began.

        They are known by their number, so that one is found even if an interrupt came before
        anything else knew of it.
        """
        numbers = range(self._first, self._last or RemovableHandle.next_id)
        for module in self._modules:
            for hooks in _hooks_of(module).values():
                _discard(hooks, [number for number in hooks if number in numbers])
        for hooks in _hooks_of(torch_module).values():
            _discard(hooks, [n for n in hooks if n in numbers and _is_ours(hooks[n])])
        for module in self._modules:
            watches = _WATCHES.get(module, [])
            if self in watches:
                watches.remove(self)


@contextmanager
def watching(model: nn.Module, attach: Callable[[Watch], None]) -> Iterator[Watch]:
    """Watch a model; whatever happens in the block, no hook is left behind.

    Args:
        model: the model.
        attach: registers the hooks, and hands each to the watch.

    Raises:
        InputError: if another thread watches the model.
    """
    with _LOCK:
        watch = Watch(model)
    try:
        try:
            with _LOCK:
                attach(watch)
                watch.complete()
            yield watch
        finally:
            watch.release()
    finally:
        watch.release()  # once more, as an interrupt may have come in between


def _hooks_of(module: Any) -> dict[str, dict[int, Any]]:  # noqa: ANN401  (a module of torch or of Python)
    """Return the dictionaries of hooks of a module, and of marks on these, by their names."""
    named = vars(module).items()
    return {name: value for name, value in named if "_hooks" in name and isinstance(value, dict)}


def _is_ours(hook: object) -> bool:
    # A mark of torch's on a hook is True.
    return hook is True or str(getattr(hook, "__module__", "")).startswith("edgescope.")


def _clear(module: nn.Module) -> None:
    """Take away what stands for hooks in a copy of a watched module."""
    found = _hooks_of(module)
    numbers = [n for hooks in found.values() for n, each in hooks.items() if _stands_in(each)]
    for hooks in found.values():
        _discard(hooks, numbers)


def _stands_in(hook: object) -> bool:
    return isinstance(hook, Unwatched)


def _discard(hooks: dict[int, Any], numbers: Collection[int]) -> None:
    for number in numbers:
        hooks.pop(number, None)
