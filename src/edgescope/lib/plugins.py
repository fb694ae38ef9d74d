"""What other installed packages add to edgescope, found by their entry points."""

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from threading import RLock
from typing import Any

from edgescope.lib.errors import EdgescopeWarning

_ADDED: set[str] = set()
_LOCK = RLock()


def plugins(group: str) -> Iterator[tuple[str, object]]:
    """Yield the name and the object of every entry point of a group.

    The group is read once in a process, when it is first asked for. An entry point that cannot be
    loaded is left out, and one warning says which it is and why.

    Args:
        group: ``"edgescope.adapters"``, ``"edgescope.rules"``, or another group that a package
            names in the table ``[project.entry-points."<group>"]`` of its ``pyproject.toml``.

    Example:
        >>> list(plugins("edgescope.no_such_group"))
        []
    """
    yield from ((each.name, plugin) for each, plugin in _loaded(group))


def add_plugins(group: str, add: Callable[[Any], object]) -> None:
    """Hand every plug-in of a group to ``add``, once in a process.

    One that ``add`` refuses is left out with a warning, as is one that cannot be loaded.

    Args:
        group: as for :func:`plugins`.
        add: makes a plug-in known, such as :func:`edgescope.capture.register`.
    """
    with _LOCK:
        if group in _ADDED:
            return
        _ADDED.add(group)
        for entry_point, plugin in _loaded(group):
            try:
                add(plugin)
            except Exception as error:  # noqa: BLE001  (another package's code may raise anything)
                _warn(entry_point, error)


@cache
def _loaded(group: str) -> tuple[tuple[EntryPoint, object], ...]:
    found = []
    for entry_point in entry_points(group=group):
        try:
            found.append((entry_point, entry_point.load()))
        except Exception as error:  # noqa: BLE001  (as above)
            _warn(entry_point, error)
    return tuple(found)


def _warn(entry_point: EntryPoint, error: Exception) -> None:
    package = entry_point.dist.name if entry_point.dist else "an unknown package"
    warnings.warn(
        f"the plug-in {entry_point.name!r} of {package} ({entry_point.group}: {entry_point.value}) "
        f"is left out: {type(error).__name__}: {error}; correct or uninstall {package}",
        EdgescopeWarning,
        stacklevel=2,
    )
