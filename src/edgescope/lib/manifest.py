"""The manifest of a stored folder: every file with its size and digest, checked on loading."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar
from warnings import warn

from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.files import replacing_folder, restored
from edgescope.lib.folder_files import MANIFEST, file_names, identity_of, noted_files, take_along
from edgescope.lib.input_files import DamagedError, check_memory, json_of, reading_folder, whole
from edgescope.lib.typed_fields import sealed, unsealed
from edgescope.lib.version import versions

FORMAT = 1
"""Of the manifest itself; raised when a change makes older ones unreadable."""

_PACKAGES = ("torch", "polars", "rdkit")

_STORED = (".json", ".parquet")
"""Endings of the files of a folder that has no manifest."""

Result = TypeVar("Result")


class Kind(NamedTuple):
    """A kind of stored folder."""

    what: str
    """What errors call it, such as ``"a scan"``."""
    marker: str
    """Its JSON file that tells it from other folders, and holds its format."""
    format: int
    """Number of its format; folders of a lower one have no manifest."""
    remedy: str
    """What to do about a damaged one, such as ``"scan again"``."""
    earlier: int = 1
    """The lowest format that can be read; 1 is that of markers that give none."""
    expected: str = ""
    """What errors say was expected where there is none; ``what`` if it is empty."""


@dataclass(frozen=True)
class Stored:
    """What was read of a folder.

    Attributes:
        files: bytes of every file that belongs to it, by its path in it.
        format: number of its format.
        counts: what the writer counted, by name; None in a folder of an earlier version.
    """

    files: Mapping[str, bytes]
    format: int
    counts: Mapping[str, int] | None

    def json(self, name: str) -> Any:  # noqa: ANN401  (whatever the file holds)
        """Return what a JSON file holds."""
        return json_of(self.files[name])

    def has(self, folder: str) -> bool:
        """Return whether there are files in a folder below."""
        return any(name.startswith(f"{folder}/") for name in self.files)

    def below(self, folder: str, kind: Kind) -> "Stored":
        """Return what was stored in a folder below, which has a manifest of its own.

        Raises:
            ValueError: if its manifest is missing, or it is of another format.
        """
        names = [name for name in self.files if name.startswith(f"{folder}/")]
        files = {name.removeprefix(f"{folder}/"): self.files[name] for name in names}
        if self.counts is None:
            return Stored(files, _format(files, kind), None)
        described = _described(files.get(MANIFEST), kind)
        return Stored(files, described["of"]["format"], described["counts"])

    def check(self, counts: Mapping[str, int]) -> None:
        """Compare what was read with what the writer counted.

        Raises:
            ValueError: if something is missing or too much.
        """
        if self.counts is not None and dict(self.counts) != dict(counts):
            names = sorted({*self.counts, *counts})
            name = next(name for name in names if self.counts.get(name) != counts.get(name))
            raise ValueError(f"{name}: {counts.get(name)}, expected {self.counts.get(name)}")


@contextmanager
def storing(
    folder: Path, kind: Kind, counts: Mapping[str, int], other: str | None = None
) -> Iterator[Path]:
    """Give a new folder to write files into; with a manifest, it takes the place of ``folder``.

    Files in ``folder`` that do not belong to what is replaced are kept.

    Args:
        folder: where it is stored; what is there is replaced at the end.
        kind: what it is.
        counts: what is in the files, to be compared with :meth:`Stored.check` on loading.
        other: what errors call a folder of other files; ``"not"`` and ``kind.what`` by default.

    Raises:
        InputError: if ``folder`` cannot be written, or holds something else.
    """
    # What is damaged can be replaced as well, also without its marker.
    marker = MANIFEST if noted_files(folder)[0] == kind.what else kind.marker
    with replacing_folder(folder, marker, other or f"not {kind.what}") as new:
        new.mkdir(parents=True)
        yield new
        seal(new, kind, counts)
        take_along(Path(os.path.realpath(folder)), new)


def seal(folder: Path, kind: Kind, counts: Mapping[str, int]) -> None:
    """Write the manifest of a folder whose other files are all there."""
    names = sorted(file_names(folder))
    fields = {
        "of": {"what": kind.what, "format": kind.format},
        "counts": dict(counts),
        "files": {name: _entry((folder / name).read_bytes()) for name in names},
        "versions": versions(_PACKAGES),
    }
    text = json.dumps(sealed(fields, FORMAT), indent=1)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def stored(folder: Path, kind: Kind, read: Callable[[Stored], Result]) -> Result:
    """Return what ``read`` makes of a folder, each of whose files is what was written.

    All files are read before their content is used, and again if a writer has replaced them
    meanwhile. Files that the manifest does not name are none of its own and are not read.

    Raises:
        InputError: if there is no such folder, if a file of it is missing or not what was written,
            or if it is of another version; the message says which and what to do.

    Warns:
        EdgescopeWarning: if the folder is of an earlier version, without a manifest.
    """
    restored(folder)
    before = identity_of(folder)
    while True:
        try:
            with reading_folder(folder, kind.what, kind.remedy):
                found = _read(folder, kind)
        except InputError:
            # A folder that is exchanged is another one; as long as it is the same, it is damaged.
            restored(folder)
            if (now := identity_of(folder)) == before:
                raise
        else:
            if (now := identity_of(folder)) == before:
                break
        before = now
    with reading_folder(folder, kind.what, kind.remedy):
        result = read(found)
    if found.counts is None:
        warn(
            f"{folder} holds {kind.what} of an earlier version, which has no {MANIFEST} and cannot "
            "be checked for damage; save it again to add one",
            EdgescopeWarning,
            stacklevel=4,
        )
    return result


def is_there(folder: Path, kind: Kind) -> bool:
    """Return whether a folder is of a kind, whatever a killed writer has left of it."""
    restored(folder)
    return os.path.isfile(folder / kind.marker)  # noqa: PTH113


def _read(folder: Path, kind: Kind) -> Stored:
    """Read and check every file.

    Raises:
        ValueError: if a file is missing or another.
        DamagedError: if there is no such folder, or it is of the new format and has no manifest.
    """
    manifest = folder / MANIFEST
    if not (os.path.isfile(folder / kind.marker) or os.path.isfile(manifest)):  # noqa: PTH113
        raise DamagedError(
            f"expected {kind.expected or kind.what} with {kind.marker} at {folder}, found none "
            "there; check the path"
        )
    if not os.path.lexists(manifest):
        names = [name for name in file_names(folder) if name.endswith(_STORED)]
        files = {name: whole(folder / name, f"a file of {kind.what}") for name in names}
        if (number := _format(files, kind)) >= kind.format:
            raise DamagedError(
                f"{folder} holds {kind.what} of format {number} that has lost its {MANIFEST} and "
                f"cannot be read; {kind.remedy}"
            )
        return Stored(files, number, None)
    described = _described(whole(manifest, f"the manifest of {kind.what}"), kind)
    listed = described["files"]
    check_memory(sum(entry["bytes"] for entry in listed.values()), f"{kind.what} in {folder}")
    return Stored(
        {name: _checked(folder, name, entry) for name, entry in listed.items()},
        described["of"]["format"],
        described["counts"],
    )


def _described(text: bytes | None, kind: Kind) -> dict[str, Any]:
    """Return the content of a manifest, which is what was written.

    Raises:
        ValueError: if it is not, or is of something else.
    """
    if text is None:
        raise ValueError(f"{MANIFEST} is missing")
    try:
        described, _ = unsealed(json_of(text), FORMAT, ())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{MANIFEST} is damaged: {error}") from error
    of = described["of"]
    if of["what"] != kind.what:
        raise ValueError(f"{MANIFEST} is that of {of['what']}")
    if not kind.earlier <= of["format"] <= kind.format:
        raise ValueError(f"format {of['format']}, this version reads {kind.format}")
    return described


def _checked(folder: Path, name: str, entry: Mapping[str, Any]) -> bytes:
    """Read a file and compare it with the manifest.

    Raises:
        ValueError: if it is not what was written.
    """
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise ValueError(f"{MANIFEST} names {name!r}, which is outside the folder")
    path = folder / name
    if not os.path.isfile(path):  # noqa: PTH113  (Path.is_file raises over names that are too long)
        raise ValueError(f"{name} is missing")
    if (size := path.stat().st_size) != entry["bytes"]:
        raise ValueError(f"{name} has {size:,} bytes, expected {entry['bytes']:,}")
    data = path.read_bytes()
    if _entry(data) != entry:
        raise ValueError(f"{name} was changed after it was written")
    return data


def _entry(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _format(files: Mapping[str, bytes], kind: Kind) -> int:
    """Return the format of a folder without a manifest, from its marker.

    Raises:
        ValueError: if this version does not read it.
    """
    marker = json_of(files[kind.marker])
    number = marker.get("format", 1) if isinstance(marker, dict) else 1
    if type(number) is not int or number < kind.earlier or number > kind.format:
        raise ValueError(f"format {number}, this version reads {kind.format}")
    return number
