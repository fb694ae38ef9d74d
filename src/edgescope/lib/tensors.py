"""Tensors on disk, as safetensors files; reading one runs no code."""

import hashlib
import json
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from edgescope.lib.files import replacing
from edgescope.lib.input_files import check_memory

_LAYOUT = ("edgescope_format", "2")
"""What the metadata say of a file with a digest; those of earlier versions have neither."""

_DIGEST = "sha256"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and a few words about them, with a digest; the file is whole or absent.

    Raises:
        InputError: if it cannot be written.
    """
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    words = metadata | dict([_LAYOUT])
    words[_DIGEST] = _digest(whole, words)
    with replacing(path) as temporary:
        # safetensors' own writer would make a file that only its owner may read.
        temporary.write_bytes(_in_order(save(whole, metadata=words)))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str], bool]:
    """Return the tensors of a file, its metadata, and whether it was checked.

    Files of earlier versions and of other programs cannot be: they have no digest.

    Raises:
        safetensors.SafetensorError: if it is no safetensors file, or is cut short.
        ValueError: if it was changed after it was written, or is larger than the memory.
        OSError: if it cannot be read.
    """
    check_memory(path.stat().st_size, f"{path}")
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no dict)
        words: dict[str, str] = dict(file.metadata() or {})
    name, layout = _LAYOUT
    if _DIGEST not in words and name not in words:
        return tensors, words, False
    # One changed bit hides one of the two words, but not both.
    digest = words.pop(_DIGEST, None)
    if digest != _digest(tensors, words) or words.pop(name, None) != layout:
        raise ValueError("its checksum is wrong: it was changed after it was written")
    return tensors, words, True


def read_pickled(path: Path) -> Any:  # noqa: ANN401  (plain containers and tensors)
    """Return what ``torch.save`` wrote, through the reader that builds tensors and runs no code.

    Raises:
        Exception: one of :data:`edgescope.lib.input_files.DAMAGED` if the file is damaged,
            holds something else, or would unfold to more than it is.
    """
    size = path.stat().st_size
    check_memory(size, f"{path}")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unfolded = sum(each.file_size for each in archive.infolist())
        if unfolded > size:  # torch stores its records as they are
            raise ValueError(f"{size:,} bytes that unfold to {unfolded:,}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a protocol that it then reads or refuses
        return torch.load(path, map_location="cpu", weights_only=True)


def check_held(tensor: Tensor, name: str) -> None:
    """Refuse a tensor that holds fewer numbers than its shape says, such as one of stride 0.

    Raises:
        ValueError: if it does, or if it is not an ordinary tensor on the CPU.
    """
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        raise ValueError(f"{name} is no ordinary tensor, but {tensor.layout} on {tensor.device}")
    held = tensor.untyped_storage().nbytes() // tensor.element_size()
    if tensor.numel() > held:
        raise ValueError(f"{name} is {list(tensor.shape)}, of which it holds {held} numbers")


def _in_order(data: bytes) -> bytes:
    """Return a safetensors file with its words in order, which safetensors leaves to chance.

    So the same content is the same file. A header begins with its length in 8 bytes, and is filled
    up with spaces to a multiple of 8.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[start:]


def _digest(tensors: Mapping[str, Tensor], words: Mapping[str, str]) -> str:
    """Digest names, types, shapes, numbers and words: all that a reader is given."""
    digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()
