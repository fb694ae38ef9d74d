"""Hooks that do not go along when a watched model is copied or pickled."""

from collections.abc import Callable
from typing import Any

from torch.utils.hooks import RemovableHandle


class Unwatched:
    """What stands in a copy of a watched model for the hook of the original: it does nothing."""

    def __call__(self, *_: object, **__: object) -> None:
        """Take whatever a hook is called with."""


class Watching:
    """A hook that observes one model only.

    Hooks lie among the attributes of a module. A copy made while the model is watched would
    take along what they refer to, the tape and all that is on it, and write to it later.

    Args:
        observe: the hook.
    """

    def __init__(self, observe: Callable[..., Any]) -> None:
        self._observe = observe

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (of any hook)
        """Call the hook."""
        return self._observe(*args, **kwargs)

    def __reduce__(self) -> tuple[type[Unwatched], tuple[()]]:
        """Copy and pickle as a hook that does nothing."""
        return Unwatched, ()


def watch_one(remove: Callable[[], None]) -> Callable[[], None]:
    """Make the hook that ``remove`` takes away observe its own model only; return ``remove``.

    Args:
        remove: the method ``remove`` of the handle that registering a hook returned; any other
            function is left as it is.
    """
    handle = getattr(remove, "__self__", None)
    if isinstance(handle, RemovableHandle):
        hooks = handle.hooks_dict_ref()
        assert hooks is not None
        hooks[handle.id] = Watching(hooks[handle.id])
    return remove
