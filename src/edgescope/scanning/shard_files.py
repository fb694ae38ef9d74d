"""The finished part of a scan on disk."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from types import MappingProxyType
from typing import Any, NamedTuple

from edgescope.lib.errors import InputError
from edgescope.lib.manifest import Kind, Stored, stored
from edgescope.lib.typed_fields import record
from edgescope.scanning.result import Scan
from edgescope.scanning.store import SCAN, read_scan

_KIND = Kind("a shard", "shard.json", 2, "delete that folder")


class _Finished(NamedTuple):
    """The part of a scan that is on disk."""

    scan: Scan
    batches: int
    """How many batches it counts."""
    first: str
    """Fingerprint of the first batch."""
    last: str
    """Fingerprint of all its batches."""
    sites: list[str]
    """The sites that ran in its last batch."""
    skipped: list[str]
    """Sites that turned out to hold one number per edge and head."""
    edge_types: dict[str, Any]
    """State of the edge types."""
    refused: Mapping[str, str] = MappingProxyType({})
    """Path of a layer that was left out to the reason."""


def _load(folder: Path, asked: Mapping[str, str]) -> _Finished | None:
    """Read the newest shard, if there is one.

    Raises:
        InputError: if it is damaged, or of a scan with other options.
    """
    complete = sorted(folder.glob("batches-*"))
    if not complete:
        return None
    newest = complete[-1]
    finished, before = stored(newest, _KIND, _read)
    for name, text in asked.items():
        if before.get(name) != text:
            raise InputError(
                f"{folder} holds a scan with {name} {shorten(str(before.get(name)), 100)}, "
                f"received {shorten(text, 100)}; resume with the same options, or delete that "
                "folder"
            )
    return finished


def _read(files: Stored) -> tuple[_Finished, dict[str, Any]]:
    """Return the part of a scan that a shard holds, and what was asked."""
    note = files.json(_KIND.marker)
    note.pop("format", None)
    before = dict(note.pop("asked"))
    finished = record(_Finished, {**note, "scan": read_scan(files.below("scan", SCAN))})
    files.check({"batches": finished.batches})
    return finished, before
