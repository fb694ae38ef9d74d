"""Progress bars, on standard error so that results can be piped."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track as _track

T = TypeVar("T")


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
        disable=not (show and console.is_terminal),
    )
