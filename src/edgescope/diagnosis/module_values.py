"""What modules are given and return: node states, tensors, and whether they are finite."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.capturing.adapters.adapter import Remove
from edgescope.capturing.refusals import refuse_closed
from edgescope.lib.compiled_parts import named_parts


class Finiteness:
    """Sums what modules return; a sum is finite only if all its terms are.

    The reverse does not hold, as a sum of large numbers may overflow: then a closer look is taken
    for nothing.
    """

    def __init__(self) -> None:
        self._sums: list[Tensor] = []
        self._last: Tensor | None = None

    def attach(self, model: nn.Module) -> Iterator[Remove]:
        """Hook the modules of a model, giving what removes each hook."""
        for _, module in open_modules(model):
            yield module.register_forward_hook(self._returned).remove

    def finite(self) -> bool:
        """Return whether all sums since the last call are finite."""
        sums, self._sums, self._last = self._sums, [], None
        return not sums or bool(torch.stack([each.cpu() for each in sums]).isfinite().all())

    def _returned(self, _: nn.Module, __: object, output: object) -> None:
        for each in tensors_in(output):
            # A module often returns what its last part returned.
            if each.is_floating_point() and each is not self._last:
                self._last = each
                self._sums.append(each.detach().sum(dtype=torch.float64))


def open_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Go through the modules whose hooks change nothing, with their paths.

    Parts of fused layers of torch are left out, as these compute in another way as soon as one of
    their modules has a hook, and so is what is compiled.
    """
    closed: list[str] = []
    for path, module in named_parts(model):
        if any(path.startswith(each) for each in closed):
            continue
        inside = f"{path}." if path else ""
        if refuse_closed(module) is not None:
            closed.append(inside)
        elif isinstance(module, nn.TransformerEncoderLayer):
            closed.append(inside)
            continue
        elif isinstance(module, nn.MultiheadAttention):
            closed.append(inside)
        yield path, module


def tensors_in(value: Any) -> Iterator[Tensor]:  # noqa: ANN401  (whatever modules take and return)
    """Go through the dense tensors in a value: in tuples, lists and dictionaries too."""
    if isinstance(value, Tensor):
        if value.layout == torch.strided and not value.is_nested:
            yield torch.view_as_real(value) if value.is_complex() else value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from tensors_in(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from tensors_in(each)


MATRIX = 2
"""Dimensions of node states ``[V, F]``."""


def block_of(path: str, modules: Mapping[str, nn.Module]) -> str:
    """Return the path of the block of layers that an attention layer belongs to.

    That is the numbered element of the innermost list of modules on the way to it, such as
    ``layers.3`` for ``layers.3.conv``, whose output is what enters the next block; or the layer
    itself, if it is in no list.
    """
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        parent = modules.get(".".join(parts[: end - 1]))
        if isinstance(parent, nn.ModuleList | nn.Sequential) and parts[end - 1].isdigit():
            return ".".join(parts[:end])
    return path


def first_states(value: Any) -> Tensor | None:  # noqa: ANN401  (what any module returns)
    """Return the first matrix of real numbers in ``value``, a tensor or a tuple; or ``None``."""
    for each in value if isinstance(value, tuple | list) else (value,):
        if isinstance(each, Tensor) and each.is_floating_point() and each.dim() == MATRIX:
            return each
    return None


def node_states(value: Any, target_row: int = 1) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401  (any argument)
    """Return the states of sources and of targets in a layer's first argument.

    PyG's layers take one tensor for both, or a pair of which the second may be ``None``. With the
    flow reversed it depends on the layer which of a pair is whose, so neither is known then.
    """
    if isinstance(value, tuple) and len(value) == 2:  # noqa: PLR2004  (sources and targets)
        source, target = (first_states(each) for each in value)
        return (source, target) if target_row == 1 or source is target else (None, None)
    states = first_states(value)
    return states, states
