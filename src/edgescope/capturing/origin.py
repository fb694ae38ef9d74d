"""Where the edges that a layer was given come from: the user's own, followed through a pass."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from edgescope.capturing.graph_input import InputEdges, memory_of, version
from edgescope.capturing.observer_mode import ObserverMode, leave
from edgescope.capturing.operations import NO_DISPATCH, UNKNOWN, Move, Op, aten, move_of
from edgescope.capturing.unseen import unseen

SHARED = -2
"""Code of an end that two inputs hold in the same memory, as views of it."""


class Codes:
    """Which end of which edge every number in a piece of memory is.

    The end ``e`` (0 or 1) of edge ``k`` of an input of ``M`` edges has the code ``first + e * M +
    k``, where ``first`` counts the ends of the inputs before. Codes belong to memory and not to
    tensors, so that a number written through one view is another one in every view.

    Args:
        tensor: a view of the memory.
    """

    def __init__(self, tensor: Tensor) -> None:
        self._storage = tensor.untyped_storage()  # held, so that no other memory gets its address
        self._itemsize = tensor.element_size()
        self._first = int(tensor.storage_offset())
        self._codes = torch.empty(0, dtype=torch.int64, device=tensor.device)

    def view(self, tensor: Tensor) -> Tensor | None:
        """Return the codes of ``tensor``, of its shape; a view, to be written to as well."""
        if tensor.element_size() != self._itemsize:
            return None
        first = int(tensor.storage_offset())
        steps = zip(tensor.shape, tensor.stride(), strict=True)
        last = first + sum(max(size - 1, 0) * stride for size, stride in steps) + 1
        self._cover(first, last)
        return self._codes.as_strided(tensor.shape, tensor.stride(), first - self._first)

    def _cover(self, first: int, last: int) -> None:
        if self._codes.is_inference() and not torch.is_inference_mode_enabled():
            self._codes = self._codes.clone()  # else torch would not let it be written to
        below = max(self._first - first, 0)
        above = max(last - self._first - len(self._codes), 0)
        if below or above:
            parts = [self._codes.new_full((size,), UNKNOWN) for size in (below, above)]
            self._codes = torch.cat([parts[0], self._codes, parts[1]])
            self._first -= below


class Origins(ObserverMode):
    """Follows the edges of the input through what torch computes, while it is entered.

    Every operation that moves numbers, such as indexing, sorting, joining or writing in place, is
    done once more with the codes of these numbers. What another operation computes has no code:
    a number that comes out of arithmetic is not known to be the same end of the same edge.

    It stands below autograd and autocast, and changes nothing that the model computes.

    Args:
        inputs: what the model was given.
    """

    supports_higher_order_operators = True

    def __init__(self, inputs: Sequence[InputEdges]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.sizes = [edges.snapshot.numel() for edges in inputs]
        """How many codes the edges of every input have."""
        self.asked = False
        """Whether it mattered that the operations are followed."""
        self.followed = False
        """Whether the operations of the pass are followed."""
        self.doubled = False
        """Whether an operation has put an end of an edge into two places of one tensor."""
        self.joined = False
        """Whether an operation has joined edges of the input with others."""
        self.joined_others = False
        """Whether these were other than self-loops."""
        self._inputs = tuple(edges.edge_index for edges in inputs)
        self._keys = frozenset(map(memory_of, self._inputs))
        self._moved = 0
        self._written: Counter[int] = Counter()
        self._memory: dict[int, Codes] | None = None

    def enter(self) -> None:
        """Begin to follow what torch computes in this thread."""
        self.followed = True
        self.__enter__()

    def leave(self) -> None:
        """Cease to follow, if it was begun."""
        leave(self)

    def place(self, tensor: Tensor) -> tuple[object, ...]:
        """Return what tells a tensor, with the codes that it holds now, from others."""
        return (
            memory_of(tensor),
            tensor.storage_offset(),
            tensor.shape,
            tensor.stride(),
            version(tensor),
            self._moved if self.written(tensor) else 0,
        )

    def written(self, tensor: Tensor) -> bool:
        """Return whether an operation of the pass wrote to the memory of a tensor."""
        return memory_of(tensor) in self._written

    def unseen_writes(self, edges: InputEdges) -> bool:
        """Return whether the user's tensor was written to more often than was seen.

        As by another thread: numbers may have been exchanged that are the same.
        """
        now = version(edges.edge_index)
        if now is None or edges.version is None:
            return False
        return now - edges.version > self._written[edges.memory]

    def codes(self, tensor: Tensor) -> Tensor | None:
        """Return the code of every number in a tensor; ``None`` if all of them are unknown."""
        if not _can_hold_ends(tensor):
            return None
        held = self._known().get(memory_of(tensor))
        return None if held is None else held.view(tensor)

    def __torch_dispatch__(
        self,
        func: Op,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  (whatever the operation returns)
        """Run an operation, and note where it moved the ends of edges."""
        if any(getattr(kind, "__torch_dispatch__", None) is not NO_DISPATCH for kind in types):
            return NotImplemented  # a wrapper such as PyG's EdgeIndex: what is inside comes here
        kwargs = kwargs or {}
        move = move_of(func)
        if move is None:
            return func(*args, **kwargs)
        values = [args[n] for n in move.values if n < len(args)]
        if not self._hold(values):
            if kwargs and self._hold(kwargs.values()):  # given as out=, which is written to
                self._forget(kwargs.values())
            return func(*args, **kwargs)
        with unseen():
            before = None if move.before is None else move.before(self._ends, func, args)
        result = func(*args, **kwargs)
        with unseen():
            self._note(move, func, args, result, before, values)
        return result

    def _note(
        self,
        move: Move,
        func: Op,
        args: tuple[Any, ...],
        result: Any,  # noqa: ANN401  (whatever the operation returns)
        before: Tensor | None,
        values: Sequence[Any],
    ) -> None:
        """Note where an operation moved the ends of edges."""
        if before is not None:
            self._write(args[0], before, in_place=True)
        elif move.after is not None:
            moved, codes = move.after(self._ends, func, args, result)
            self._write(moved, codes)
            self._note_joined(func, moved, codes)
        else:
            self._forget(values)

    def _known(self) -> dict[int, Codes]:
        if self._memory is None:
            self._memory, first = {}, 0
            for edges in self._inputs:
                held = self._memory.setdefault(memory_of(edges), Codes(edges))
                own = held.view(edges)
                if own is not None:
                    codes = first + torch.arange(edges.numel(), device=edges.device).view(
                        edges.shape
                    )
                    own.copy_(codes.where(own == UNKNOWN, SHARED))
                first += edges.numel()
        return self._memory

    def _hold(self, values: Iterable[Any]) -> bool:
        """Return whether one of some arguments holds ends of edges."""
        known = self._keys if self._memory is None else self._memory
        return any(_can_hold_ends(each) and memory_of(each) in known for each in _tensors(values))

    def _ends(self, value: Any) -> Any:  # noqa: ANN401  (an argument of an operation)
        """Return a copy of the codes of an argument; those of a tensor without any are unknown."""
        if isinstance(value, list | tuple):
            return [self._ends(each) for each in value]
        if not isinstance(value, Tensor):
            return value
        codes = self.codes(value)
        if codes is None:
            return torch.full(value.shape, UNKNOWN, dtype=torch.int64, device=value.device)
        return codes.clone()

    def _forget(self, values: Iterable[Any]) -> None:
        """Note that what some arguments hold is no longer known."""
        for each in _tensors(values):
            if self.codes(each) is not None:
                unknown = torch.full_like(each, UNKNOWN, dtype=torch.int64)
                self._write(each, unknown, in_place=True)

    def _write(self, tensor: Tensor, codes: Tensor, *, in_place: bool = False) -> None:
        if not _can_hold_ends(tensor):
            return
        memory, key = self._known(), memory_of(tensor)
        held = memory.setdefault(key, Codes(tensor)).view(tensor)
        self._moved += 1
        if in_place:
            self._written[key] += 1
        if held is None:
            del memory[key]
        else:
            held.copy_(codes)

    def _note_joined(self, func: Op, moved: Tensor, codes: Tensor) -> None:
        if func not in {aten.cat.default, aten.stack.default}:
            return
        often = codes[codes >= 0].bincount()
        self.doubled = self.doubled or bool((often > 1).any())
        if len(often) and bool((codes < 0).any()):
            self.joined = True
            if moved.dim() == 2 and len(moved) == 2:  # noqa: PLR2004  (source and target)
                new = moved[:, (codes < 0).any(0)]
                self.joined_others = self.joined_others or not torch.equal(new[0], new[1])


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, Tensor):
                yield each


def _can_hold_ends(tensor: Tensor) -> bool:
    """Return whether a tensor is dense and of whole numbers."""
    return (
        not tensor.dtype.is_floating_point
        and tensor.layout is torch.strided
        and not tensor.is_nested
        and tensor.dtype is not torch.bool
    )
