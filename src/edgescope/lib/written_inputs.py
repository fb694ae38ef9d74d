"""Inputs that a model writes to in place: it begins with other numbers when it is run again."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from warnings import warn
from weakref import ref

from torch import Tensor, nn

from edgescope.lib.errors import EdgescopeWarning
from edgescope.lib.trial_run import same_numbers, tensors_in

_WRITTEN: dict[int, "ref[Tensor]"] = {}
"""Tensors that a model wrote to, by their identity; they are not kept alive."""


@contextmanager
def watched_inputs(model: nn.Module, given: Any) -> Iterator[None]:  # noqa: ANN401  (any input)
    """Warn if a model changes tensors once more that it has written to before, as by ``x += 1``.

    A loader that makes its batches anew gives none twice. Those of a list are the same in every
    pass, and the passes of one command, such as those of the untrained models of a scan, would be
    compared though their inputs differ.

    Args:
        model: the model that is called in the block.
        given: what it is called on: tensors, PyG's graphs, or lists and dictionaries of them.

    Warns:
        EdgescopeWarning: if that is so.

    Example:
        >>> import torch
        >>> x = torch.ones(2)
        >>> with watched_inputs(torch.nn.Identity(), {"x": x}):
        ...     _ = x.add_(1)  # what a model does
    """
    tensors = [each for each in tensors_in(given) if not each.is_inference()]
    # One that was only put in order, or changed and put back, is as it was before the second run.
    again = [(each, each.detach().clone()) for each in tensors if _is_written(each)]
    before = [each._version for each in tensors]  # noqa: SLF001  (torch has no public name for it)
    try:
        yield
    finally:
        for each, version in zip(tensors, before, strict=True):
            if each._version != version:  # noqa: SLF001  (as above)
                _WRITTEN[id(each)] = ref(each, partial(_forget, id(each)))
    if any(not same_numbers(each, kept) for each, kept in again):
        warn(
            f"{type(model).__name__} writes to the tensors of its batch in place, as by "
            "data.x += 1, and is run on the same batch once more, so it begins with other numbers "
            "than before; let forward write data.x = data.x + 1, or pass a loader that makes its "
            "batches anew, as PyG's DataLoader does",
            EdgescopeWarning,
            stacklevel=3,
        )


def _is_written(tensor: Tensor) -> bool:
    held = _WRITTEN.get(id(tensor))
    return held is not None and held() is tensor


def _forget(key: int, _: object) -> None:
    _WRITTEN.pop(key, None)
