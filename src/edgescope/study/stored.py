"""JSON files of a study, which say what version they are of."""

import json
from pathlib import Path
from typing import Any

from edgescope._files import replacing
from edgescope.errors import InputError

FORMAT = 1
"""Raised when the meaning of a key changes."""


def write_stored(path: Path, fields: dict[str, Any]) -> None:
    """Write a file; it is whole or absent."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"format": FORMAT, **fields}, indent=1), encoding="utf-8")


def read_stored(path: Path, advice: str) -> dict[str, Any] | None:
    """Read the fields that :func:`write_stored` wrote; None if there is no such file.

    Raises:
        InputError: if it is of another version or damaged; it ends with the ``advice``.
    """
    try:
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}); {advice}") from error
    found = fields.pop("format", None) if isinstance(fields, dict) else None
    if found != FORMAT:
        raise InputError(f"{path} has format {found}, this version reads {FORMAT}; {advice}")
    return dict(fields)
