"""How the values of a stage are had from a trace: taken from it, or computed from what is in it.

A recipe names values by their number, so that it holds for every run that takes the same way.
"""

from collections.abc import Collection
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.dimensions import Dims
from edgescope.capturing.discovery.index_operations import numbers_of
from edgescope.capturing.discovery.trace import Trace


class Layout(NamedTuple):
    """How a tensor becomes ``[E, H, D]``."""

    sizes: tuple[int, ...]
    """Sizes of the atoms of all dimensions, -1 for the rows."""
    order: tuple[int, ...]
    """Places of the rows, the heads and the channels among them."""
    heads: int
    """How many atoms are heads."""

    def arrange(self, tensor: Tensor) -> Tensor:
        """Return the numbers as ``[E, H, D]``."""
        parts = tensor.reshape(self.sizes).permute(self.order)
        heads = parts.shape[1 : 1 + self.heads].numel()
        return parts.reshape(parts.size(0), heads, parts.shape[1 + self.heads :].numel())


def layout(flow: Flow, dims: Dims, atom: int, heads: Collection[int]) -> Layout | None:
    """Return how a tensor of these dimensions becomes ``[E, H, D]``; ``None`` if it cannot.

    Args:
        flow: the trace.
        dims: what the dimensions stand for.
        atom: the rows.
        heads: what is a head; all else is a channel.
    """
    atoms = [root for dim in dims for root in flow.roots(dim)]
    if atoms.count(atom) != 1:
        return None
    rows = atoms.index(atom)
    first = [n for n, each in enumerate(atoms) if each in heads and n != rows]
    rest = [n for n in range(len(atoms)) if n != rows and n not in first]
    sizes = tuple(-1 if each == atom else flow.axes.size((each,)) for each in atoms)
    return Layout(sizes, (rows, *first, *rest), len(first))


class Recipe(Protocol):
    """Computes the values of a stage."""

    def __call__(self, trace: Trace) -> Tensor:
        """Return the values ``[E, H, D]``."""


class Taken(NamedTuple):
    """What an operation has computed."""

    number: int
    layout: Layout

    def __call__(self, trace: Trace) -> Tensor:
        """Return the values ``[E, H, D]``."""
        return self.layout.arrange(trace.values[self.number].now)


class Divided(NamedTuple):
    """What is divided only after it was summed over the edges of a node."""

    above: Recipe
    below: int
    """What the sum is divided by, a row per node."""
    below_layout: Layout
    by: int
    """The index of the node that every edge is summed at."""
    dim: int

    def __call__(self, trace: Trace) -> Tensor:
        """Return the values ``[E, H, D]``."""
        nodes = self.below_layout.arrange(trace.values[self.below].now)
        node = numbers_of(trace.values[self.by], self.dim)
        return self.above(trace) / nodes[node]


Scale = tuple[tuple[bool, float | int], ...]
"""Numbers that something is multiplied by, which may be learnt and another in every run: whether it
is divided by it, and the number, or that of the value that holds it (an int)."""


def scaled(values: Tensor, scale: Scale, trace: Trace, *, back: bool = False) -> Tensor:
    """Return values times what they are multiplied by in a run.

    Args:
        values: the values.
        scale: what they are multiplied by.
        trace: the run.
        back: whether to return what becomes these values instead; what is multiplied by 0 has no
            effect, whatever it is, and is 0 then.
    """
    for divides, factor in scale:
        by = trace.values[factor].now.reshape(()) if isinstance(factor, int) else factor
        values = values * by if divides == back else values / by
        if back and not divides:
            values = values.where(torch.as_tensor(by != 0, device=values.device), 0)
    return values


class Scaled(NamedTuple):
    """What is multiplied by numbers after its channels were summed."""

    inner: Recipe
    scale: Scale

    def __call__(self, trace: Trace) -> Tensor:
        """Return the values ``[E, H, D]``."""
        return scaled(self.inner(trace), self.scale, trace)


class Factors(NamedTuple):
    """The products that a matrix product sums: a score, of which only the sum was computed."""

    one: int
    one_layout: Layout
    other: int
    other_layout: Layout
    total: Taken | None = None
    """The sum."""

    def __call__(self, trace: Trace) -> Tensor:
        """Return the values ``[E, H, D]``."""
        one = self.one_layout.arrange(trace.values[self.one].now)
        return one * self.other_layout.arrange(trace.values[self.other].now)
