"""What happens to cells while a study runs."""

from typing import Literal, NamedTuple

from edgescope.study.cells import Cell

Status = Literal["waiting", "running", "done", "failed"]


class Event(NamedTuple):
    """A cell has begun, is done or has failed."""

    cell: Cell
    status: Status
    reason: str | None = None
    """Why it has failed, in one line."""
