"""Writing files and folders so that at every moment the old or the new is there, never half."""

import ctypes
import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from edgescope.lib.errors import InputError

_SWAP = 2
"""``RENAME_EXCHANGE`` of Linux' renameat2: two names change places in one step."""

_HELD: set[int] = set()
"""Handles of the locks that this process holds."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""What a disk answers that knows no locks."""

_HERE = -100
"""``AT_FDCWD``: paths are relative to the working folder."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and move it into place if the block succeeds.

    A symbolic link stays one: what it points to is replaced.

    Raises:
        InputError: if it cannot be written; what was there before is then as it was.
    """
    place = _place(path)
    # Path.exists raises where a folder above cannot be looked into.
    if os.path.exists(place) and not os.path.isfile(place):  # noqa: PTH110, PTH113
        raise InputError(f"{path} is {_kind_of(place)}, expected a file; choose another name")
    with _writing(path), alone(place) as certain:
        _settle(place, certain)
        temporary = _beside(place, "tmp")
        try:
            yield temporary
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path, marker: str, what: str) -> Iterator[Path]:
    """Give a path for a new folder, and put it in the place of ``folder`` if the block succeeds.

    The new folder is complete before it takes the place of the old one, which is deleted last.
    Where the system cannot exchange two folders in one step, the old one is set aside for a moment;
    if the process is killed just then, :func:`restored` or the next writer puts it back.

    Args:
        folder: what is replaced, if it is there. A symbolic link stays one.
        marker: name of a file that tells that ``folder`` is of the kind that may be replaced.
        what: what other files are, in the error, such as ``"not a scan"``.

    Raises:
        InputError: if ``folder`` holds something else, or cannot be written.
    """
    place = _place(folder)
    _check_replaceable(folder, marker, what)
    writable_folder(place.parent)
    with _writing(folder), alone(place) as certain:
        _settle(place, certain)
        _check_replaceable(folder, marker, what)
        temporary = _beside(place, "tmp")
        try:
            yield temporary
            _exchange(temporary, place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def restored(folder: Path) -> None:
    """Put a folder back that a killed writer has set aside."""
    place = _place(folder)
    if os.path.lexists(place) or not place.name:
        return
    with suppress(OSError):  # without its parent, or in one that cannot be written, nothing is done
        if any(left.suffix == ".old" for left in _leftovers(place)):
            with alone(place) as certain:
                _settle(place, certain)


@contextmanager
def alone(path: Path, busy: str | None = None) -> Iterator[bool]:
    """Keep other processes and threads out of the same block for the same path.

    Args:
        path: what the block is about; the lock is a hidden file beside it, while it is held.
        busy: the error if another one is in the block; without it, wait for the other.

    Yields:
        Whether others are kept out; not on a disk that knows no locks.

    Raises:
        InputError: the error ``busy``.
        OSError: if the lock cannot be made.
    """
    lock = path.with_name(f".{path.name}.lock")
    if sys.platform == "win32":
        from filelock import FileLock, Timeout

        try:
            with FileLock(lock, timeout=-1 if busy is None else 0):
                yield True
        except Timeout as error:
            raise InputError(str(busy)) from error
        return
    handle = _locked(lock, busy)
    if handle is None:
        yield False
        return
    _HELD.add(handle)
    try:
        yield True
    finally:
        if handle in _HELD:  # and not in a process that was forked meanwhile
            _HELD.remove(handle)
            lock.unlink(missing_ok=True)
            os.close(handle)


def _locked(lock: Path, busy: str | None) -> int | None:
    """Lock a file and return its handle; None on a disk that knows no locks."""
    import fcntl

    how = fcntl.LOCK_EX | (0 if busy is None else fcntl.LOCK_NB)
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, how)
            if os.fstat(handle).st_nlink:
                return handle
            os.close(handle)  # the one that held it has deleted it: lock the next
        except BlockingIOError as error:
            os.close(handle)
            raise InputError(str(busy)) from error
        except OSError as error:
            os.close(handle)
            if error.errno not in _NO_LOCKS:
                raise
            lock.unlink(missing_ok=True)
            return None


def _let_go() -> None:
    """Hold no lock of the parent in a forked process, which may outlive it."""
    while _HELD:
        os.close(_HELD.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say in one line that something cannot be written."""
    from polars.exceptions import PolarsError

    try:
        yield
    except (OSError, PolarsError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(
            f"cannot write {path} ({reason}); any earlier content is intact; free some space or "
            "choose another place, and try again"
        ) from error


def _place(path: Path) -> Path:
    """Return where a path leads, through symbolic links."""
    return Path(os.path.realpath(path))


def _beside(place: Path, end: str) -> Path:
    """Return a hidden path beside ``place`` that nobody else is given."""
    return place.with_name(f".{place.name}.t{secrets.token_hex(8)}.{end}")


def _leftovers(place: Path) -> list[Path]:
    """Return what killed writers of ``place`` have left beside it, those of earlier versions too.

    Whoever calls this to delete them holds the lock: there is no live writer then.
    """
    name = re.compile(rf"\.{re.escape(place.name)}\.(t[0-9a-f]{{16}}|\d+(\.\d+)?)\.(tmp|old)")
    return [each for each in place.parent.iterdir() if name.fullmatch(each.name)]


def _settle(place: Path, certain: bool) -> None:
    """Put back what a killed writer has set aside, and delete what others have left.

    Without a lock it is not certain that they are dead, and nothing is touched.
    """
    for left in _leftovers(place) if certain else ():
        if left.suffix == ".old" and not os.path.lexists(place):
            left.rename(place)
        elif left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _identity_of(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from another one of its name; ``None`` if there is none."""
    found = folder.stat() if folder.exists() else None
    return None if found is None else (found.st_dev, found.st_ino)


def _check_replaceable(folder: Path, marker: str, what: str) -> None:
    try:
        if os.path.lexists(folder) and folder.exists() and not folder.is_dir():
            said = f"{folder} is {_kind_of(folder)}, expected a folder"
            raise InputError(f"{said}; choose an empty or a new one")
        seen = _identity_of(folder)
        strange = seen is not None and any(folder.iterdir()) and not (folder / marker).is_file()
        # Another writer may exchange it in between; who holds the lock looks again.
        if strange and seen == _identity_of(folder):
            said = f"{folder} holds files that are {what}"
            raise InputError(f"{said}; choose an empty or a new folder")
    except FileNotFoundError:
        return  # taken away by another writer since
    except OSError as error:
        said = f"cannot look into {folder} ({error.strerror})"
        raise InputError(f"{said}; choose an empty or a new folder") from error


def _exchange(new: Path, place: Path) -> None:
    """Put ``new`` in its place in one step; what was there is called ``new`` afterwards."""
    if not place.exists():
        new.rename(place)
        return
    if _swapped(new, place):
        return
    aside = _beside(place, "old")
    place.rename(aside)
    try:
        new.rename(place)
    except BaseException:
        aside.rename(place)
        raise
    aside.rename(new)


def _swapped(one: Path, other: Path) -> bool:
    """Let two names change places in one step, where the system can do that."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _SWAP) == 0)


def writable_folder(path: Path) -> Path:
    """Create ``path`` if needed and make sure that files can be written in it.

    Raises:
        InputError: if the folder cannot be created or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        # Without a name, where the system has that: a kill at this moment leaves nothing.
        with TemporaryFile(dir=path, prefix=".write-test-"):
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
    if not os.path.isfile(path):  # noqa: PTH113  (Path.is_file raises over names that are too long)
        raise InputError(f"expected {what} at {path}, found {_kind_of(path)} there; check the path")
    return path


def _kind_of(path: Path) -> str:
    if os.path.isdir(path):  # noqa: PTH112  (as above)
        return "a folder"
    if os.path.isfile(path):  # noqa: PTH113
        return "a file"
    return "a device or a pipe" if os.path.exists(path) else "nothing"  # noqa: PTH110
