"""A run of a model that leaves nothing behind: modules, inputs and random numbers are as before."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.lib.eval_mode import generators_kept
from edgescope.lib.noted_by_hooks import HELD, entries_back, hooks_of, noted_back


@contextmanager
def trial_run(model: nn.Module, given: Any) -> Iterator[Callable[[], Any]]:  # noqa: ANN401  (any input)
    """Leave a model, what it is given and all random numbers as they were when the block ends.

    Put back are buffers, the attributes of every module, lists and dictionaries among these, and
    the numbers of the tensors that the model is given, and what hooks note; see
    :func:`~edgescope.lib.noted_by_hooks.noted_back`. What a model keeps elsewhere, or deeper in an
    object of its own, is not.

    Args:
        model: the model.
        given: what it is called on: tensors, PyG's graphs, or lists and dictionaries of them.

    Yields:
        What gives the same with containers of its own, so that a model may put things on a graph.
    """
    devices = {tensor.device for tensor in [*model.parameters(), *model.buffers()]}
    cuda = sorted({device.index or 0 for device in devices if device.type == "cuda"})
    with ExitStack() as stack:
        for tensor in (*model.buffers(), *tensors_in(given)):
            stack.callback(_numbers_back(tensor))
        for module in model.modules():
            for held in _dictionaries(module):
                stack.callback(entries_back(held))
        for hook in hooks_of(model):
            for back in noted_back(hook):
                stack.callback(back)
        stack.enter_context(generators_kept(cuda))
        yield lambda: fresh(given)


def fresh(given: Any) -> Any:  # noqa: ANN401  (as trial_run)
    """Return what a model is given, the same tensors in containers of their own."""
    if hasattr(given, "stores") and hasattr(given, "to_dict"):  # a graph of PyG
        return copy.copy(given)
    if isinstance(given, tuple) and hasattr(given, "_fields"):
        return type(given)(*map(fresh, given))
    if type(given) in {list, tuple}:
        return type(given)(map(fresh, given))
    if type(given) is dict:
        return {key: fresh(value) for key, value in given.items()}
    return given


def tensors_in(given: Any) -> Iterator[Tensor]:  # noqa: ANN401  (as trial_run)
    """Give the tensors in what a model is given."""
    if isinstance(given, Tensor):
        yield given
    elif hasattr(given, "stores") and hasattr(given, "to_dict"):
        yield from tensors_in(given.to_dict())
    elif isinstance(given, Mapping):
        for value in given.values():
            yield from tensors_in(value)
    elif isinstance(given, (list, tuple)):
        for value in given:
            yield from tensors_in(value)


def same_numbers(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors hold the same numbers; NaN is the same as NaN."""
    return bool(((one == other) | ((one != one) & (other != other))).all())  # noqa: PLR0124


def _numbers_back(tensor: Tensor) -> Callable[[], None]:
    """Return what puts the numbers of a tensor back, if they were written to since."""
    if tensor.layout != torch.strided or type(tensor) not in {Tensor, nn.Parameter}:
        return lambda: None  # a class of its own, such as PyG's EdgeIndex, guards its numbers
    kept = tensor.detach().clone()

    def back() -> None:
        # Not by the version, which batch norm does not raise when it writes to its statistics.
        if not same_numbers(tensor, kept):
            with torch.inference_mode(tensor.is_inference()), torch.no_grad():
                tensor.copy_(kept)

    return back


def _dictionaries(module: nn.Module) -> Iterator[Any]:
    """Give the dictionaries of attributes of a module, and the containers among these."""
    own = vars(module)
    yield own
    for name, value in own.items():
        if type(value) in HELD and "_hooks" not in name:
            yield value
