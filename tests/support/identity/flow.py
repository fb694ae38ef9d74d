"""What a model has in hand between two layers: edges, nodes, and the tags that go with them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from support.identity.layers import ADDED

REVERSED = 0.5
"""Added to the tag of an edge of which a model makes a copy in the other direction."""
MERGED = -2.0
"""Tag of an edge made of several: it is none of them."""


@dataclass
class Flow:
    """Edges and nodes on their way through a model."""

    edges: Tensor
    """Source and target ``[2, E]``."""
    tag: Tensor
    """Tag of every edge ``[E]``."""
    x: Tensor
    """Tag of every node, or of every source node ``[V, 1]``."""
    y: Tensor | None = None
    """Tag of every target node, if these are others ``[V_t, 1]``."""
    batch: Tensor | None = None
    """Graph of every node, or of every source node, if the model was given it ``[V]``."""
    history: tuple[str, ...] = ()
    """Names of what was done so far."""
    memory: dict[str, Any] = field(default_factory=dict)
    """What the model keeps between its layers and between batches."""
    shared: bool = False
    """Whether another input of the call has the same tensor as its edges."""

    @property
    def square(self) -> bool:
        """Whether sources and targets are the same nodes."""
        return self.y is None

    @property
    def size(self) -> int:
        """Number of edges."""
        return self.edges.size(1)

    @property
    def nodes(self) -> int:
        """Number of nodes, or of source nodes."""
        return self.x.size(0)

    @property
    def simple(self) -> bool:
        """Whether no two edges have the same ends."""
        return torch.unique(self.edges, dim=1).size(1) == self.size

    def having(self, edges: Tensor, tag: Tensor | None = None, **more: Any) -> "Flow":
        """Return the same with other edges, and other tags where they moved."""
        return replace(self, edges=edges, tag=self.tag if tag is None else tag, **more)

    def extended(self, edges: Tensor, more: Tensor, where: str = "end") -> "Flow":
        """Return the same with added edges ``more`` after, or before, ``edges``."""
        tags = [self.tag, torch.full((more.size(1),), ADDED, dtype=torch.float64)]
        parts = [edges, more]
        if where == "start":
            tags, parts = tags[::-1], parts[::-1]
        return self.having(torch.cat(parts, dim=1), torch.cat(tags))


Do = Callable[[Flow, np.random.Generator], "Flow | None"]


@dataclass(frozen=True)
class Operation:
    """One thing that models do with edges."""

    name: str
    do: Do
    known: bool
    """Whether the origin of every column is in principle known: the same tensor, a copy of its
    columns, a mask or a selection with an index, or columns appended."""
    writes: bool = False
    """Whether it writes into the memory of the edges that it is given."""

    def apply(self, flow: Flow, seed: int) -> Flow:
        """Return the result; the same flow if there is nothing to do on it."""
        torch.manual_seed(seed)
        found = self.do(flow, np.random.default_rng(seed))
        return flow if found is None else replace(found, history=(*flow.history, self.name))


OPERATIONS: dict[str, Operation] = {}


def operation(name: str, *, known: bool, writes: bool = False) -> Callable[[Do], Do]:
    """Enter a function into the table of operations."""

    def enter(do: Do) -> Do:
        OPERATIONS[name] = Operation(name, do, known, writes)
        return do

    return enter


def copies(known: bool, **functions: Callable[[Tensor], Tensor]) -> None:
    """Enter functions that return the same columns in the same order."""
    for name, function in functions.items():

        def do(flow: Flow, _: object, function: Any = function) -> Flow:
            return flow.having(function(flow.edges))

        operation(name.replace("_", " "), known=known)(do)


def permutation(flow: Flow, rng: np.random.Generator) -> Tensor:
    """Draw an order of the edges ``[E]``."""
    return torch.from_numpy(rng.permutation(flow.size))


def chosen(flow: Flow, rng: np.random.Generator) -> Tensor:
    """Draw which edges to keep ``[E]``, as truth values."""
    return torch.from_numpy(rng.random(flow.size) < 0.7)
