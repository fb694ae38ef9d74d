"""A run of a model that leaves nothing behind: modules, inputs and random numbers are as before."""

import copy
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.lib.eval_mode import generators_kept

_HELD = (list, dict, set, deque)
"""What modules collect things in, such as the weights of every call."""


@contextmanager
def trial_run(model: nn.Module, given: Any) -> Iterator[Callable[[], Any]]:  # noqa: ANN401  (any input)
    """Leave a model, what it is given and all random numbers as they were when the block ends.

    Put back are buffers, the attributes of every module, lists and dictionaries among these, and
    the numbers of the tensors that the model is given. What a model keeps elsewhere, or deeper in
    an object of its own, is not.

    Args:
        model: the model.
        given: what it is called on: tensors, PyG's graphs, or lists and dictionaries of them.

    Yields:
        What gives the same with containers of its own, so that a model may put things on a graph.
    """
    devices = {tensor.device for tensor in [*model.parameters(), *model.buffers()]}
    cuda = sorted({device.index or 0 for device in devices if device.type == "cuda"})
    with ExitStack() as stack:
        for tensor in (*model.buffers(), *_tensors(given)):
            stack.callback(_numbers_back(tensor))
        for module in model.modules():
            for held in _dictionaries(module):
                stack.callback(_entries_back(held))
        stack.enter_context(generators_kept(cuda))
        yield lambda: fresh(given)


def fresh(given: Any) -> Any:  # noqa: ANN401  (as trial_run)
    """Return what a model is given, the same tensors in containers of their own."""
    if hasattr(given, "stores") and hasattr(given, "to_dict"):  # a graph of PyG
        return copy.copy(given)
    if type(given) in {list, tuple}:
        return type(given)(fresh(each) for each in given)
    if type(given) is dict:
        return {key: fresh(value) for key, value in given.items()}
    return given


def _tensors(given: Any) -> Iterator[Tensor]:  # noqa: ANN401  (as trial_run)
    if isinstance(given, Tensor):
        yield given
    elif hasattr(given, "stores") and hasattr(given, "to_dict"):
        yield from _tensors(given.to_dict())
    elif isinstance(given, Mapping):
        for value in given.values():
            yield from _tensors(value)
    elif isinstance(given, (list, tuple)):
        for value in given:
            yield from _tensors(value)


def _numbers_back(tensor: Tensor) -> Callable[[], None]:
    """Return what puts the numbers of a tensor back, if they were written to since."""
    if tensor.layout != torch.strided or type(tensor) not in {Tensor, nn.Parameter}:
        return lambda: None  # a class of its own, such as PyG's EdgeIndex, guards its numbers
    kept = tensor.detach().clone()

    def back() -> None:
        # Not by the version, which batch norm does not raise when it writes to its statistics.
        same = (tensor == kept) | ((tensor != tensor) & (kept != kept))  # noqa: PLR0124  (NaN)
        if not bool(same.all()):
            with torch.inference_mode(tensor.is_inference()), torch.no_grad():
                tensor.copy_(kept)

    return back


def _dictionaries(module: nn.Module) -> Iterator[Any]:
    """Give the dictionaries of attributes of a module, and the containers among these."""
    own = vars(module)
    yield own
    for name, value in own.items():
        if type(value) in _HELD and "_hooks" not in name:
            yield value


def _entries_back(held: Any) -> Callable[[], None]:  # noqa: ANN401  (one of _HELD)
    """Return what puts the entries of a container back."""
    kept: Any = deque(held, held.maxlen) if isinstance(held, deque) else type(held)(held)

    def back() -> None:
        now, then = _entries(held), _entries(kept)
        if len(now) == len(then) and all(map(is_, now, then)):
            return
        held.clear()
        (held.update if isinstance(held, (dict, set)) else held.extend)(kept)

    return back


def _entries(held: Any) -> list[Any]:  # noqa: ANN401  (one of _HELD)
    return [*held, *held.values()] if isinstance(held, dict) else list(held)
