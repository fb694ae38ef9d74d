"""Files that nobody should read, and what a reader must do with them: refuse, in little memory."""

import io
import resource
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from edgescope.lib.errors import EdgescopeWarning, InputError

MEGABYTES = 400
"""What reading a refused file may take; most of what they promise is a thousand times as much."""


def refused(read) -> str:
    """Read something; return why it is refused, in one line and within the memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)
        with pytest.raises(InputError) as caught:
            read()
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024 * MEGABYTES
    return str(caught.value)


def short(text: str | bytes) -> str:
    """Name a test after the beginning of a text; some are of 500,000 letters."""
    return ascii(text)[:24]


def written(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
)

NO_YAML = {
    "nested lists": "[" * 100_000,
    "nested maps": '{"a":' * 100_000,
    "nested blocks": "".join(f"{' ' * depth}a:\n" for depth in range(3000)),
    "an alias bomb": BOMB,
    "a list in itself": "&a [*a]",
    "a map in itself": "&a {b: *a}",
    "a list": "[1, 2]",
    "a number": "3",
    "null": "null",
    "nothing": "",
    "no text": b"\xff\xfe\x00",
    "a null byte": "a: \x00b",
    "code": "!!python/object/apply:os.system ['echo owned']",
    "two documents": "a: 1\n---\nb: 2",
    "a key of digits": "3: 4",
    "a key of lists": "[1, 2]: 4",
    "a key of nothing": "~: 1",
    "a wrong merge": "<<: [3]",
    "a key twice": "seed: 3\nseed: 4",
}

NO_JSON = ["[" * 100_000, '{"a":' * 100_000, "[]", '"x"', "null", '{"a": 1', b"\xff", ""]

ONE = torch.zeros(1)


def saved(value: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
