"""Progress bars, on standard error so that results can be piped."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rich.console import Console
from rich.progress import track as _track

T = TypeVar("T")

_SILENT: ContextVar[bool] = ContextVar("silent", default=False)


@contextmanager
def silent(wanted: bool = True) -> Iterator[None]:
    """Show no progress within a block, whatever is asked for."""
    token = _SILENT.set(wanted)
    try:
        yield
    finally:
        _SILENT.reset(token)


def is_silent() -> bool:
    """Return whether no progress is to be shown."""
    return _SILENT.get()


def track(
    items: Iterable[T], description: str, total: int | None = None, show: bool = True
) -> Iterator[T]:
    """Yield ``items`` while a bar with ``description`` shows how far along they are.

    Args:
        items: what to go through.
        description: what is being done, in the present participle.
        total: how many items there are, if they do not know it themselves.
        show: set false to be silent.
    """
    console = Console(stderr=True)
    yield from _track(
        items,
        description=description,
        total=total,
        console=console,
        transient=True,
        disable=is_silent() or not (show and console.is_terminal),
    )
