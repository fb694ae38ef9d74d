"""The softmax that a layer of PyG takes itself: what goes in, what comes out, and other values."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from torch import Tensor, nn
from torch_geometric.nn import GENConv
from torch_geometric.nn.aggr import basic

Change = Callable[[Tensor, int], Tensor]
"""Returns other values for those of one call of softmax, whose number it is given."""


def _same(values: Tensor, _: int) -> Tensor:
    return values


@contextmanager
def softmax_calls(
    kind: type[nn.Module], logits: Change = _same, weights: Change = _same
) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Watch the softmax of a layer's own code, and put other logits or weights in their place.

    Args:
        kind: class of the layer.
        logits: gives what the softmax is taken of.
        weights: gives what the layer goes on with.

    Yields:
        What each call was given and returned, each ``[E, ...]``.
    """
    module = basic if kind is GENConv else inspect.getmodule(kind)
    own = module.softmax
    calls: list[tuple[Tensor, Tensor]] = []

    def watched(values: Tensor, *args: Any, **options: Any) -> Tensor:
        number = len(calls)
        changed = logits(values, number)
        found = own(changed, *args, **options)
        calls.append((changed.clone(), found.clone()))
        return weights(found, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "softmax", watched)
        yield calls
