"""Reading files that may be damaged or hostile: in one line, and within the memory there is."""

import gzip
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from math import prod
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PanicException, PolarsError
from safetensors import SafetensorError

from edgescope.lib.errors import InputError
from edgescope.lib.files import readable_file

DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    PanicException,  # of polars' compiled code; no Exception
    PolarsError,
    RuntimeError,  # RecursionError among them
    SafetensorError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What json, yaml, polars, numpy, safetensors, pickle and torch raise over a file that is cut
short, holds something else, or is larger or deeper than they can take."""

VALUE = 8
"""Bytes that a value of a table takes in memory, most often: so many are sure to be needed."""

TEXT = 8
"""Bytes that a byte of a text table is taken to need at most while it is read."""

_PART = 2**24

WORDS = 200
"""Characters of another library's message that are passed on."""


class DamagedError(InputError):
    """Something on disk cannot be read; the message is complete."""


@contextmanager
def reading(what: str, remedy: str, told: type[InputError] = DamagedError) -> Iterator[None]:
    """Say in one line that what a block reads is damaged.

    Args:
        what: what cannot be read, such as ``"run/scan holds a scan that"``.
        remedy: what to do, such as ``"scan again"``.
        told: errors of this kind say themselves what cannot be read.

    Raises:
        InputError: if it is cut short, not as it was written, or larger or deeper than can be read.
    """
    try:
        yield
    except told:
        raise
    except DAMAGED as error:
        raise DamagedError(f"{what} cannot be read ({reason(error)}); {remedy}") from error


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
    with reading(f"{folder} holds {what} that", remedy):
        yield


def reason(error: BaseException) -> str:
    """Return what an error says, in one short line."""
    if isinstance(error, RecursionError):
        return "RecursionError: it is nested too deeply"
    if isinstance(error, MemoryError):
        return "MemoryError: it needs more memory than there is"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:WORDS]}{'...' if len(text) > WORDS else ''}"


def whole(path: Path, what: str) -> bytes:
    """Return the bytes of a file, after a look at its size.

    Raises:
        InputError: if ``path`` is no file, cannot be opened, or is larger than the memory;
            ``what`` names what was expected there.
    """
    try:
        with readable_file(path, what).open("rb") as file:
            check_memory(path.stat().st_size, f"{path}, which should be {what},")
            return file.read()
    except (OSError, MemoryError) as error:
        raise InputError(
            f"cannot read {path} ({reason(error)}), expected {what}; check its permissions"
        ) from error


GZIP = b"\x1f\x8b"
"""How a file that is packed with gzip begins."""


def unpacked(content: bytes, what: str) -> bytes:
    """Return what was packed with gzip, after a look at its size; other bytes as they are.

    Raises:
        InputError: if it is larger than the memory; ``what`` names it.
        OSError: if it is damaged; :data:`DAMAGED` names the other exceptions.
    """
    if not content.startswith(GZIP):
        return content
    size = 0
    with gzip.open(BytesIO(content)) as stream:
        while part := stream.read(_PART):  # a file of a few bytes can hold any number of zeros
            size += len(part)
            check_memory(TEXT * size, f"{what}, {len(content):,} bytes that unfold to {size:,},")
    return gzip.decompress(content)


def check_memory(needed: int, what: str) -> None:
    """Refuse what would need more memory than there is.

    Raises:
        InputError: if ``needed`` bytes are more than are free; the sentence begins with ``what``.
    """
    if needed > (free := _free_memory()):
        raise InputError(
            f"{what} needs {needed / 2**30:,.1f} GiB of memory, of which {free / 2**30:,.1f} are "
            "free; check whether it is what it should be, or use a larger machine"
        )


def _free_memory() -> int:
    """Return how many bytes can be taken: those of the machine, or of its container."""
    found = [2**63]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii").strip()
        if limit != "max":
            found.append(int(limit) - int(used))
    except (OSError, ValueError):
        pass  # another system: it refuses by itself
    return min(found)


def arrays_of(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return arrays of an ``.npz`` file, after a look at their sizes, within :func:`reading`.

    Raises:
        ValueError: if an array promises more numbers than there are.
        InputError: if they need more memory than there is.
    """
    with zipfile.ZipFile(path) as archive:
        for name in names:
            with archive.open(f"{name}.npy") as stream:
                check_memory(
                    _check_array(stream, archive.getinfo(f"{name}.npy").file_size, name),
                    f"the array {name} of {path}",
                )
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in names}


def array_of(path: Path, mode: Literal["c"] | None = None) -> NDArray[Any]:
    """Return the array of an ``.npy`` file, or map it, likewise."""
    with path.open("rb") as stream:
        _check_array(stream, path.stat().st_size, path.name)
    array: NDArray[Any] = np.load(path, mmap_mode=mode, allow_pickle=False)
    return array


def _check_array(stream: IO[bytes], size: int, name: str) -> int:
    """Compare what the header of an array promises with its size; return that.

    Raises:
        ValueError: if there is less.
    """
    version = np.lib.format.read_magic(stream)
    newer = version > (1, 0)
    read = np.lib.format.read_array_header_2_0 if newer else np.lib.format.read_array_header_1_0
    shape, _, kind = read(stream)
    promised = prod(shape) * kind.itemsize
    if promised > size:
        raise ValueError(f"the array {name} is {list(shape)}, of which it holds {size:,} bytes")
    return promised


def json_of(data: bytes | str) -> Any:  # noqa: ANN401  (whatever the file holds)
    """Return what a JSON text holds, read within :func:`reading`."""
    return json.loads(data)


def first_line(error: BaseException) -> str:
    """Say in one line what was wrong, in YAML's own words if it is of YAML."""
    return " ".join(str(error).split()) if type(error).__module__ == "yaml" else reason(error)


def table_of(source: bytes | Path, schema: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Return a Parquet table, read within :func:`reading`, after a look at its number of rows.

    Args:
        source: the bytes of the file, or its path.
        schema: types of columns that must be there; others may be.

    Raises:
        ValueError: if a column is missing or of another type.
        InputError: if its rows need more memory than there is.
    """
    # From bytes, as polars takes a path for a pattern of several.
    data = BytesIO(source if isinstance(source, bytes) else whole(source, "a Parquet table"))
    found = pl.read_parquet_schema(data)
    for name, kind in (schema or {}).items():
        if found.get(name) != kind:
            raise ValueError(f"column {name!r} is {found.get(name)}, expected {kind}")
    data.seek(0)
    # A file of a few bytes can promise any number of rows.
    rows = pl.scan_parquet(data).select(pl.len()).collect().item()
    check_memory(rows * len(found) * VALUE, f"a table of {rows:,} rows and {len(found)} columns")
    data.seek(0)
    frame = pl.read_parquet(data)
    if frame.height != rows:
        raise ValueError(f"{frame.height:,} rows, expected {rows:,}")
    return frame
