"""Reading the published code's pickled logs without running what a pickle may name."""

import collections
import io
import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgescope.lib.errors import InputError
from edgescope.lib.files import readable_file
from edgescope.lib.input_files import DAMAGED, reason
from edgescope.lib.tensors import read_pickled

EDGES, TYPES = "layers.malog_e", "model.edge_types"

_NEEDED = f"expected a pickle of a dictionary with {EDGES!r} and {TYPES!r}"


def _storage(data: bytes) -> Any:  # noqa: ANN401  (a storage of torch)
    """Read the storage of a tensor, which torch pickles as a file of its own inside."""
    return torch.load(io.BytesIO(data), weights_only=True)


def _rebuild(
    storage: Any,  # noqa: ANN401  (a storage of torch)
    offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    *_: object,
) -> Tensor:
    """Build a tensor inside its storage; torch itself would let the storage grow to fit it."""
    untyped = storage._untyped_storage  # noqa: SLF001  (as torch._utils does)
    empty = torch.tensor([], dtype=storage.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    held = untyped.nbytes() // empty.element_size()
    if min((offset, *size, *stride)) < 0 or (0 not in size and last >= held):
        raise pickle.UnpicklingError(f"a tensor {list(size)} reaches beyond its {held} numbers")
    return empty.set_(untyped, offset, tuple(size), tuple(stride))


def _encoded(text: str, encoding: str) -> bytes:
    """Do what early protocols write for bytes; other encodings are refused."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it wants text as {encoding}, expected latin1")
    return text.encode("latin1")


def _parameter(data: Tensor, *_: object) -> Tensor:
    return data


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): _encoded,
}
"""What a pickle may name, and what is called instead of it."""


class _Restricted(pickle._Unpickler):  # noqa: SLF001  (pickle says which, but gives no name)
    """Reads tensors and plain containers.

    It is the unpickler in Python: the compiled one takes memory for as many objects as a file says
    that it will name, before it has read any.
    """

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401  (the base class has it so)
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"it wants {module}.{name}, which is neither a tensor nor a plain container"
            )
        return _ALLOWED[module, name]


def read_malog(path: str | Path) -> dict[str, Any]:
    """Read a log written by ``pickle.dump`` or ``torch.save``; no code in it is run.

    Raises:
        InputError: if there is no such file, if it holds anything but tensors and plain
            containers, or is no such log.
    """
    path = readable_file(Path(path), "a malog.pkl")
    try:
        if zipfile.is_zipfile(path):
            log = read_pickled(path)
        else:
            with path.open("rb") as file:
                log = _Restricted(file).load()
    except DAMAGED as error:
        raise InputError(
            f"{path} is refused ({reason(error)}); {_NEEDED}, of tensors and plain "
            "containers; nothing in it was run"
        ) from error
    if not isinstance(log, dict) or not all(isinstance(log.get(k), list) for k in (EDGES, TYPES)):
        raise InputError(f"{path} holds {type(log).__name__}; {_NEEDED}, both of them lists")
    return log
