"""Eight-bit integers with a scale: straight symmetric rounding, simulated in float32.

A number becomes ``scale * clamp(round(x / scale), -127, 127)`` with ``scale = max|x| / 127``, of
all numbers, of a channel or of a row (Jacob et al., arXiv 1712.05877, section 2.1, with a zero
point of 0). The maximum is that of the numbers at hand, as in dynamic quantisation. No kernel for
integers is run, so it tells what rounding costs, not how fast a device is.
"""

import copy
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from edgescope.intervene.number_formats.float_formats import Loss

Scale = Literal["tensor", "channel", "row"]
"""What shares a scale: all numbers, those of a channel, or those of a row, which is an edge at a
site."""

SCALES: tuple[str, ...] = get_args(Scale)

STEPS = 127
"""The largest integer; symmetric, so -128 is left out."""


def as_int8(values: Tensor, scale: Scale) -> Tensor:
    """Return numbers rounded to eight-bit integers and back.

    Args:
        values: ``[N, ...]``; channels are all dimensions but the first. What is not finite stays
            out of the scale.
        scale: what shares one.

    Example:
        >>> as_int8(torch.tensor([[0.3, 127.0]]), "tensor")
        tensor([[  0., 127.]])
    """
    if not values.numel():
        return values
    flat = values.reshape(values.size(0), -1) if values.dim() else values.reshape(1, 1)
    magnitude = flat.abs().nan_to_num(0, 0, 0)
    if scale == "tensor":
        largest = magnitude.amax()
    else:
        largest = magnitude.amax(0 if scale == "channel" else 1, keepdim=True)
    step = largest / STEPS
    step = step.masked_fill(step == 0, 1.0)  # of zeros, and of what is too small to be divided
    return ((flat / step).round().clamp(-STEPS, STEPS) * step).reshape(values.shape)


def int8_loss(values: Tensor, scale: Scale) -> Loss:
    """Measure the error of rows ``[N, C]``: the norm of the error over the norm of the row.

    A massive value has most of the norm of its row and is rounded well itself, so the same is
    measured of the other values of the row, without the largest one. Rows that are zero or not
    finite do not count.
    """
    finite = values.isfinite().all(1)
    norm = values.norm(dim=1)
    counts = finite & (norm > 0) & norm.isfinite()
    if not bool(counts.any()):
        return Loss()
    error = as_int8(values, scale) - values
    lost = int(((error == -values) & (values != 0))[counts].sum())
    of_row = (error.norm(dim=1) / norm)[counts]
    total = float(of_row.sum(dtype=torch.float64))
    top = values.abs().argmax(1, keepdim=True)
    rest = values.scatter(1, top, 0.0).norm(dim=1)
    of_rest = (error.scatter(1, top, 0.0).norm(dim=1) / rest)[counts & (rest > 0)]
    return Loss(
        0,
        lost,
        len(of_row),
        total,
        float(of_row.max()),
        len(of_rest),
        float(of_rest.sum(dtype=torch.float64)),
    )


def round_to_int8(model: nn.Module) -> None:
    """Round the weights of a model in place, and let its modules round what they return.

    The weights of linear layers get a scale per output channel, what every module returns one
    scale, that of the batch. What the model itself returns, other parameters and what is computed
    between modules are not rounded.
    """
    with torch.no_grad():
        for module in list(model.modules()):
            if is_linear(module):
                if is_parametrized(module, "weight"):  # computed anew in every call
                    remove_parametrizations(module, "weight")
                module.weight.copy_(as_int8(module.weight, "row"))  # type: ignore[operator, arg-type]
    for module in model.modules():
        if module is not model:
            module.register_forward_hook(_returned)


def is_linear(module: nn.Module) -> bool:
    """Return whether a module is a linear layer, of torch or of PyG."""
    weight = getattr(module, "weight", None)
    named = any(each.__name__ == "Linear" for each in type(module).__mro__)
    return named and isinstance(weight, Tensor) and weight.dim() == len(("out", "in"))


def _returned(_: nn.Module, __: object, output: Any) -> Any:  # noqa: ANN401  (any output)
    return mapped(output, lambda tensor: as_int8(tensor, "tensor"))


def mapped(thing: Any, change: Callable[[Tensor], Tensor]) -> Any:  # noqa: ANN401  (any output)
    """Return a tensor with its floating numbers changed, or a copy of what holds several.

    These are graphs of PyG, tuples, lists and dictionaries, in any depth.
    """
    if isinstance(thing, Tensor):
        return change(thing) if thing.is_floating_point() else thing
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return type(thing)(*(mapped(each, change) for each in thing))
    if type(thing) in {tuple, list}:
        return type(thing)(mapped(each, change) for each in thing)
    if type(thing) is dict:
        return {key: mapped(each, change) for key, each in thing.items()}
    if hasattr(thing, "apply") and hasattr(thing, "stores"):
        return copy.copy(thing).apply(lambda held: mapped(held, change))
    return thing
