"""Weights on disk: safetensors files that say which model they belong to."""

import json
from pathlib import Path
from typing import Any
from warnings import warn

import torch
from torch import nn

from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.files import readable_file
from edgescope.lib.input_files import DAMAGED, json_of, reason
from edgescope.lib.tensors import read_tensors, write_tensors
from edgescope.lib.typed_fields import fitting
from edgescope.models.architectures import ARCHITECTURES, build_within

_UNIT = ("readout.scale", "readout.shift")
"""What turns the last layer's numbers into the unit of targets that were standardised."""


def save(model: nn.Module, path: Path | str, *, stage: str | None = None) -> Path:
    """Write the weights of one of edgescope's models, with its architecture and configuration.

    Args:
        model: the model.
        path: the file, ending in ``.safetensors``.
        stage: what the weights are in a run, such as ``"untrained"``; :func:`load` compares it.

    Raises:
        InputError: if the model is not one of edgescope's own.

    Example:
        >>> import tempfile
        >>> import edgescope as es
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GAT(num_atom_types=5, num_bond_types=4, **sizes)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = es.models.save(model, f"{folder}/gat.safetensors")
        ...     same = es.models.load(path)
        >>> same.config == model.config
        True
    """
    path = Path(path)
    name = type(model).__name__
    if name not in ARCHITECTURES:
        raise InputError(
            f"expected one of edgescope's models ({', '.join(ARCHITECTURES)}), received {name}; "
            "save other models' state_dict with safetensors directly"
        )
    metadata = {"architecture": name, "config": json.dumps(model.config)}
    if stage is not None:
        metadata["stage"] = stage
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, model.state_dict(), metadata)
    return path


def load(path: Path | str, *, stage: str | None = None) -> nn.Module:
    """Build the model that a weights file describes and give it those weights, in eval mode.

    Args:
        path: the file.
        stage: what the weights should be in a run, if that matters.

    Raises:
        InputError: if there is no such file, if it is truncated or is not a safetensors file
            written by :func:`save`, if it was changed, or if its tensors do not fit the model it
            names.

    Warns:
        EdgescopeWarning: if it is of an earlier version, so that it cannot be checked.

    Example:
        >>> import tempfile
        >>> import edgescope as es
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GAT(num_atom_types=5, num_bond_types=4, **sizes)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = es.models.save(model, f"{folder}/gat.safetensors")
        ...     same = es.models.load(path)
        >>> same.config == model.config
        True
    """
    path = Path(path)
    tensors, metadata, checked = _read(path)
    name = metadata.get("architecture", "")
    if stage is not None and metadata.get("stage", stage) != stage:
        raise InputError(
            f"{path} holds {metadata['stage']} weights, expected {stage} ones; restore the file or "
            "train again in another folder"
        )
    if name not in ARCHITECTURES:
        raise InputError(
            f"{path} holds weights of {name or 'an unnamed architecture'}, expected one of "
            f"{', '.join(ARCHITECTURES)}; open checkpoints of the published code with "
            "edgescope.models.from_reference"
        )
    try:
        config = fitting(json_of(metadata["config"]), dict[str, Any], "config")
        # The file says how large a model can be; its configuration could ask for any size.
        model = build_within(name, config, {key: t.shape for key, t in tensors.items()})
    except DAMAGED as error:
        raise InputError(
            f"{path} does not describe a {name} this version can build ({reason(error)}); "
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
    if not checked:
        warn(
            f"{path} is of an earlier version, which has no checksum and cannot be checked for "
            "damage; save it again to add one",
            EdgescopeWarning,
            stacklevel=2,
        )
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


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str], bool]:
    readable_file(path, "a weights file (.safetensors)")
    try:
        return read_tensors(path)
    except DAMAGED as error:
        raise InputError(
            f"{path} is not a readable safetensors file ({reason(error)}); it may be truncated, or "
            "be a pickle, which edgescope does not open"
        ) from error
