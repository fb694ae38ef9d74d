"""Tensors on disk, as safetensors files; reading one runs no code."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from edgescope._files import replacing


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and a few words about them; the file is whole or absent.

    Raises:
        OSError: if it cannot be written.
    """
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        # safetensors' own writer would make a file that only its owner may read.
        temporary.write_bytes(save(whole, metadata=metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a file and its metadata, empty if it has none.

    Raises:
        safetensors.SafetensorError: if it is no safetensors file, or is cut short.
        OSError: if it cannot be read.
    """
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no dict)
        return tensors, file.metadata() or {}
