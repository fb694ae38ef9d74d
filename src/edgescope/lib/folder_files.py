"""The files of a stored folder: which there are, and whether they changed while they were read."""

import os
import shutil
from pathlib import Path

from edgescope.lib.input_files import json_of, whole

MANIFEST = "manifest.json"
"""Written last into a folder."""


def file_names(folder: Path) -> list[str]:
    """Return the paths of all files in a folder, relative to it; those of no file are left out."""
    return [
        Path(root, name).relative_to(folder).as_posix()
        for root, _, names in os.walk(folder)
        for name in names
        if (Path(root) / name).is_file()
    ]


def identity_of(folder: Path) -> object:
    """Return what differs between two folders that were in the same place."""
    try:
        manifest = (folder / MANIFEST).stat()
    except OSError:
        manifest = None
    try:
        own = folder.stat()
    except OSError:
        return None
    return own.st_dev, own.st_ino, manifest and (manifest.st_ino, manifest.st_mtime_ns)


def noted_files(folder: Path) -> tuple[object, list[str]]:
    """Return of what a manifest is and the files it names; None if there is no readable one."""
    try:
        held = json_of(whole(folder / MANIFEST, "a manifest"))
        return held["of"]["what"], list(held["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, []


def take_along(old: Path, new: Path) -> None:
    """Link the files of a folder that do not belong to what is stored there into the new one."""
    what, ours = noted_files(old)
    if what is None:
        return  # of an earlier version or damaged: what belongs to it cannot be told
    for name in set(file_names(old)) - {MANIFEST, *ours}:
        place = new / name
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(old / name, place)
            except OSError:
                shutil.copy2(old / name, place)
