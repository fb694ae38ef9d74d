"""JSON files of a study, which say what version they are of and hold a digest."""

import json
from pathlib import Path
from typing import Any
from warnings import warn

from edgescope._files import replacing
from edgescope._reading import json_of, reading, whole
from edgescope._records import sealed, unsealed
from edgescope.errors import EdgescopeWarning

FORMAT = 2
"""Raised when the meaning of a key changes; files of format 1 have no digest."""


def write_stored(path: Path, fields: dict[str, Any]) -> None:
    """Write a file; it is whole or absent."""
    text = json.dumps(sealed(fields, FORMAT), indent=1)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_stored(path: Path, advice: str) -> dict[str, Any] | None:
    """Read the fields that :func:`write_stored` wrote; None if there is no such file.

    Raises:
        InputError: if it is of another version or damaged; it ends with the ``advice``.

    Warns:
        EdgescopeWarning: if it is of an earlier version, so that it cannot be checked.
    """
    if not path.exists():
        return None
    with reading(f"{path}", advice):
        fields, checked = unsealed(json_of(whole(path, "a file of a study")), FORMAT, (1,))
    if not checked:
        warn(
            f"{path} is of an earlier version, without a checksum: whether it is as it was "
            "written cannot be checked",
            EdgescopeWarning,
            stacklevel=3,
        )
    return fields
