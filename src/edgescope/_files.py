"""Writing files so that an interruption never leaves half of one."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from edgescope.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and move it into place if the block succeeds."""
    temporary = temporary_beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path, marker: str, what: str) -> Iterator[Path]:
    """Give a path for a new folder, and put it in the place of ``folder`` if the block succeeds.

    Args:
        folder: what is replaced, if it is there.
        marker: name of a file that tells that ``folder`` is of the kind that may be replaced.
        what: what other files are, in the error, such as ``"not a scan"``.

    Raises:
        InputError: if ``folder`` holds something else, or cannot be written.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / marker).is_file():
        raise InputError(f"{folder} holds files that are {what}; choose an empty or a new folder")
    writable_folder(folder.parent)
    temporary = temporary_beside(folder)
    try:
        yield temporary
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def reading_folder(folder: Path, what: str, remedy: str) -> Iterator[None]:
    """Say in one line that what a block reads from ``folder`` is damaged.

    Args:
        folder: the folder.
        what: what it holds, such as ``"a scan"``.
        remedy: what to do, such as ``"scan again"``.

    Raises:
        InputError: if files are missing, cut short or not as they were written.
    """
    from polars.exceptions import PolarsError

    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, PolarsError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"{folder} holds {what} that cannot be read ({reason}); {remedy}"
        ) from error


def temporary_beside(path: Path) -> Path:
    """Return a hidden path beside ``path`` that no other process or thread is given."""
    return path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}.tmp")


def writable_folder(path: Path) -> Path:
    """Create ``path`` if needed and make sure that files can be written in it.

    Raises:
        InputError: if the folder cannot be created or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        # Of a name of its own, as other threads and machines may ask at the same moment.
        with NamedTemporaryFile(dir=path, prefix=".write-test-"):
            pass
    except OSError as error:
        raise InputError(
            f"cannot write in the output folder {path} ({error.strerror}); "
            "choose another with --out or change its permissions"
        ) from error
    return path


def readable_file(path: Path, what: str) -> Path:
    """Return ``path`` if it is a file.

    Raises:
        InputError: if there is no such file; ``what`` names what was expected there.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise InputError(f"expected {what} at {path}, found {found} there; check the path")
    return path
