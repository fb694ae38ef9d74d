"""What every module of a model returns, in the order of execution."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from edgescope.capturing.unseen import unseen

MODEL = "(model)"
"""What the model itself is called among its modules."""

See = Callable[[str, Tensor], None]
"""Is given the name of an output and the output."""


@contextmanager
def outputs_seen(model: nn.Module, see: See) -> Iterator[None]:
    """Hand on every floating tensor that a module returns while the block runs.

    An output is called like its module, ``layers.0@2`` if that runs a second time within the
    block, and ``layers.0[1]`` if it is a part of a tuple or a dictionary.

    Args:
        model: the model; it computes what it would.
        see: is given them as soon as they are computed.
    """
    calls: Counter[str] = Counter()

    def hook(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def returned(_: nn.Module, __: object, output: Any) -> None:  # noqa: ANN401  (any output)
            calls[path] += 1
            name = path if calls[path] == 1 else f"{path}@{calls[path]}"
            with aside():
                for part, tensor in _tensors(output):
                    see(f"{name}{part}", tensor)

        return returned

    with ExitStack() as hooks:
        for path, module in model.named_modules():
            hooks.callback(module.register_forward_hook(hook(path or MODEL)).remove)
        yield


@contextmanager
def aside() -> Iterator[None]:
    """Compute something of a model's numbers that is no part of it, and that nothing follows."""
    with unseen(), torch.no_grad(), _disable_current_modes():
        yield


def _tensors(output: Any) -> Iterator[tuple[str, Tensor]]:  # noqa: ANN401  (any output)
    """Give the floating tensors of an output, and how each is called within it."""
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield "", output
        return
    parts: Any = ()
    if isinstance(output, tuple | list):
        parts = enumerate(output)
    elif isinstance(output, dict):
        parts = output.items()
    for key, each in parts:
        for below, tensor in _tensors(each):
            yield f"[{key}]{below}", tensor
