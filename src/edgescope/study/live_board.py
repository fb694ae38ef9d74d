"""A live table of the cells, on standard error; off a terminal, a line for each ending."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edgescope.lib.progress import is_silent
from edgescope.study.cell_work import read_result
from edgescope.study.cells import Cell, folder_of
from edgescope.study.local import Event, Status
from edgescope.study.study_metric import metric_of_test, show_metric
from edgescope.study.worker import LOG

SHOWN = 20
"""Rows of the table; a larger study shows what is running, and counts the rest."""

_TAIL = 4096
_STYLES: dict[Status, str] = {
    "waiting": "dim",
    "running": "bold cyan",
    "done": "green",
    "failed": "bold red",
}


class Board:
    """Shows how far every cell is.

    Args:
        cells: all cells of the study.
        out: the folder of the study.
        done: name of every cell that was done before to its event.
        show: false shows nothing.
        console: where to write; standard error unless given.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        out: Path,
        done: Mapping[str, Event],
        *,
        show: bool = True,
        console: Console | None = None,
    ) -> None:
        self._console = console or Console(stderr=True)
        show = show and not is_silent()
        self._cells, self._out, self._show = cells, out, show
        self._events = {cell.name: done.get(cell.name, Event(cell, "waiting")) for cell in cells}
        self._began: dict[str, float] = {}
        live = show and self._console.is_terminal
        self._live = (
            Live(
                get_renderable=self.table,
                console=self._console,
                refresh_per_second=2,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            if live
            else None
        )

    def __enter__(self) -> Self:
        """Show the table."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the table as it is and give the terminal back."""
        if self._live is not None:
            self._live.stop()

    def tell(self, event: Event) -> None:
        """Take note of what happened to a cell."""
        self._events[event.cell.name] = event
        if event.status == "running":
            self._began[event.cell.name] = time.monotonic()
        elif self._show and self._live is None:
            ended = sum(one.status in {"done", "failed"} for one in self._events.values())
            text = f"{ended}/{len(self._cells)}  {event.status}  {event.cell.name}  "
            self._console.print(text + self._note(event), markup=False, highlight=False)

    def table(self) -> Table:
        """Return the table as it is now."""
        counts = {s: sum(e.status == s for e in self._events.values()) for s in _STYLES}
        title = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for name in ("model", "data", "state", "seed", "", "time"):
            table.add_column(name, no_wrap=True)
        table.add_column("", no_wrap=True, overflow="ellipsis")
        for event in self._chosen():
            cell, began = event.cell, self._began.get(event.cell.name)
            running = event.status == "running" and began is not None
            seconds = f"{time.monotonic() - began:.0f} s" if running and began is not None else ""
            words = [cell.label, cell.data, cell.state, str(cell.seed)]
            table.add_row(
                *map(Text, words),
                Text(event.status, style=_STYLES[event.status]),
                seconds,
                Text(self._note(event)),
            )
        return table

    def _chosen(self) -> list[Event]:
        """Return the rows to show: all, or those around what is happening."""
        events = list(self._events.values())
        first = next((n for n, e in enumerate(events) if e.status == "running"), 0)
        start = max(0, min(first - SHOWN // 2, len(events) - SHOWN))
        return events[start : start + SHOWN]

    def _note(self, event: Event) -> str:
        """Say what a cell is doing, what it gave, or why it failed."""
        folder = folder_of(event.cell, self._out)
        if event.status == "done":
            result = read_result(folder) or {}
            metric = metric_of_test(result.get("metrics"), event.cell.recipe.loss)
            return "" if metric is None else show_metric(*metric)
        if event.status == "failed":
            return f"{event.reason}; log: {folder / LOG}"
        return last_line(folder / LOG) if event.status == "running" else ""


def last_line(log: Path) -> str:
    """Return the last line of a log that is being written; nothing if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - _TAIL, 0))
            lines = file.read().decode(errors="replace").split("\n")
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
