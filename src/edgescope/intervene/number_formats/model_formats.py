"""A model in a number format: a copy of it, how it is run, and its inputs."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from edgescope.intervene.number_formats.eight_bit_integers import mapped, round_to_int8
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_several
from edgescope.scanning.reset import copy_model

SIMULATED = "int8 (simulated)"
"""What results call int8, whose arithmetic is that of float32."""


class ModelFormat(NamedTuple):
    """A number format that a whole model runs in."""

    name: str
    dtype: torch.dtype
    """The type of its numbers."""
    autocast: bool = False
    """Whether torch chooses what runs in it and what in float32."""

    @property
    def reach(self) -> str | None:
        """The floating-point format whose largest number a value can exceed; None if none can."""
        name = str(self.dtype).removeprefix("torch.")
        return name if name in {"float16", "bfloat16"} else None

    def of(self, model: nn.Module) -> nn.Module:
        """Return a copy of a model in float32 that computes in this format."""
        made = copied(model)
        if self.dtype == torch.int8:
            round_to_int8(made)
        elif not self.autocast:
            made.to(self.dtype)
        return made

    def running(self, device: torch.device) -> AbstractContextManager[Any]:
        """Return the block within which the copy is called."""
        return torch.autocast(device.type, dtype=self.dtype) if self.autocast else nullcontext()

    def inputs(self, batch: Any) -> Any:  # noqa: ANN401  (any PyG batch)
        """Return a batch whose floating tensors are of this format; the batch stays as it is."""
        kind = torch.float32 if self.autocast or self.dtype == torch.int8 else self.dtype

        def cast(tensor: Tensor) -> Tensor:
            return tensor.to(kind) if tensor.is_floating_point() else tensor

        return mapped(batch, cast)


KNOWN = {
    "float32": ModelFormat("float32", torch.float32),
    "autocast-float16": ModelFormat("autocast-float16", torch.float16, autocast=True),
    "autocast-bfloat16": ModelFormat("autocast-bfloat16", torch.bfloat16, autocast=True),
    "float16": ModelFormat("float16", torch.float16),
    "bfloat16": ModelFormat("bfloat16", torch.bfloat16),
    "int8": ModelFormat(SIMULATED, torch.int8),
}
"""The formats by what users call them."""

FORMATS = tuple(KNOWN)


def chosen_formats(names: object) -> list[ModelFormat]:
    """Return the formats that are asked for, ``float32`` first, with which the others compare.

    Raises:
        InputError: if one is unknown.
    """
    check_several(names, "formats")
    wanted = [names] if isinstance(names, str) else list(names)  # type: ignore[call-overload]
    for name in wanted:
        if name not in KNOWN:
            raise InputError(f"unknown format {name!r}, expected some of {', '.join(KNOWN)}")
    return [KNOWN[name] for name in KNOWN if name == "float32" or name in wanted]


def copied(model: nn.Module) -> nn.Module:
    """Return a copy of a model in float32.

    Raises:
        InputError: if it cannot be copied.
    """
    return copy_model(model, "which running it in other number formats needs").float()
