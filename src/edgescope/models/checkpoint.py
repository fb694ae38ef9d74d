"""Weights on disk: safetensors files that say which model they belong to."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from edgescope._files import readable_file
from edgescope._tensors import read_tensors, write_tensors
from edgescope.errors import InputError
from edgescope.models.architectures import ARCHITECTURES, architecture

_UNIT = ("readout.scale", "readout.shift")
"""What turns the last layer's numbers into the unit of targets that were standardised."""


def save(model: nn.Module, path: Path | str) -> Path:
    """Write the weights of one of edgescope's models, with its architecture and configuration.

    Raises:
        InputError: if the model is not one of edgescope's own.
    """
    path = Path(path)
    name = type(model).__name__
    if name not in ARCHITECTURES:
        raise InputError(
            f"expected one of edgescope's models ({', '.join(ARCHITECTURES)}), received {name}; "
            "save other models' state_dict with safetensors directly"
        )
    metadata = {"architecture": name, "config": json.dumps(model.config)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, model.state_dict(), metadata)
    return path


def load(path: Path | str) -> nn.Module:
    """Build the model that a weights file describes and give it those weights, in eval mode.

    Raises:
        InputError: if there is no such file, if it is truncated or is not a safetensors file
            written by :func:`save`, or if its tensors do not fit the model it names.
    """
    path = Path(path)
    tensors, metadata = _read(path)
    name = metadata.get("architecture", "")
    if name not in ARCHITECTURES:
        raise InputError(
            f"{path} holds weights of {name or 'an unnamed architecture'}, expected one of "
            f"{', '.join(ARCHITECTURES)}; open checkpoints of the published code with "
            "edgescope.models.from_reference"
        )
    try:
        model = architecture(name)(**json.loads(metadata["config"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} does not describe a {name} this version can build ({error}); "
            "train or export it again"
        ) from error
    readout: Any = model.readout
    told = bool(tensors.keys() & set(_UNIT))
    if told:
        # Zeros of the right size: a file with one of the two only, or of another size, is refused.
        readout.set_unit(*torch.zeros(2, readout.layers[-1].out_features))
    fit_state(model, tensors, str(path))
    if told:
        readout.set_unit(*(tensors[name] for name in _UNIT))
    return model.eval()


def fit_state(model: nn.Module, state: dict[str, torch.Tensor], origin: str) -> None:
    """Give ``model`` the tensors of ``state``.

    Raises:
        InputError: if a tensor is missing, left over or of another shape; ``origin`` says
            where the tensors came from.
    """
    own = model.state_dict()
    missing = sorted(own.keys() - state.keys())
    extra = sorted(state.keys() - own.keys())
    shapes = [
        f"{key} is {list(state[key].shape)}, expected {list(own[key].shape)}"
        for key in own.keys() & state.keys()
        if own[key].shape != state[key].shape
    ]
    if missing or extra or shapes:
        problems = [
            *(f"{key} is missing" for key in missing[:2]),
            *(f"{key} is not part of it" for key in extra[:2]),
            *sorted(shapes)[:2],
        ]
        count = len(missing) + len(extra) + len(shapes)
        raise InputError(
            f"{origin} does not fit {type(model).__name__}: {'; '.join(problems)} "
            f"({count} tensors differ); check the architecture and its configuration"
        )
    model.load_state_dict(state)


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    readable_file(path, "a weights file (.safetensors)")
    try:
        return read_tensors(path)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is not a readable safetensors file ({error}); it may be truncated, or be a "
            "pickle, which edgescope does not open"
        ) from error
