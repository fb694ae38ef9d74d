"""What is noted of a run: operations, and the states of tensors between them."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import torch
from torch import Tensor

Call = tuple[str, int]
"""A call of a module: its path, and a number that no other call that runs has."""

Tree: TypeAlias = Any
"""Arguments of an operation, with a :class:`Value` in the place of every tensor."""


class Value:
    """One state of one tensor; what an operation writes to a tensor is another value.

    Attributes:
        number: values are numbered as they come.
        tensor: the tensor.
        step: the operation that computed it; ``None`` for what was there before.
        slot: which of the operation's results it is.
        was: the value before, of a view of memory that the operation wrote to through another
            tensor.
        dims: what every dimension stands for, see :mod:`edgescope.capturing.discovery.dimensions`.
    """

    __slots__ = ("_copy", "dims", "number", "slot", "step", "tensor", "uses", "was")

    def __init__(self, number: int, tensor: Tensor, step: "Step | None", slot: int) -> None:
        self.number = number
        self.tensor = tensor
        self.step = step
        self.slot = slot
        self.was: Value | None = None
        self.dims: tuple[tuple[int, ...], ...] = ()
        self.uses: list[Step] = []
        self._copy: Tensor | None = None

    @property
    def now(self) -> Tensor:
        """The numbers as they were, whatever was written to the tensor since."""
        return self.tensor if self._copy is None else self._copy

    def keep(self) -> None:
        """Copy the numbers, as the tensor is about to be written to."""
        if self._copy is None:
            self._copy = self.tensor.detach().clone()


class Step:
    """One operation.

    Attributes:
        number: operations are numbered as they come.
        name: such as ``index_add`` of ``aten.index_add_.default``.
        func: the operation.
        args: its arguments.
        kwargs: its arguments by name.
        results: what it computed or wrote.
        calls: the calls of modules that ran, outermost first, if they were asked for.
        line: file and line of the model's code, if they were asked for.
    """

    __slots__ = ("_inputs", "args", "calls", "func", "kwargs", "line", "name", "number", "results")

    def __init__(
        self,
        number: int,
        name: str,
        func: Any,  # noqa: ANN401  (torch's operation)
        args: Tree,
        kwargs: dict[str, Any],
    ) -> None:
        self.number = number
        self.name = name
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.results: list[Value] = []
        self.calls: tuple[Call, ...] = ()
        self.line: tuple[str, int] = ("", 0)
        self._inputs: tuple[Value, ...] | None = None

    def inputs(self) -> Iterator[Value]:
        """Give the tensors among the arguments."""
        if self._inputs is None:
            self._inputs = (*_values(self.args), *_values(tuple(self.kwargs.values())))
        return iter(self._inputs)


def memory(tensor: Tensor) -> int:
    """Return what two tensors share if they share memory."""
    try:
        return tensor.untyped_storage()._cdata  # type: ignore[no-any-return]  # noqa: SLF001
    except NotImplementedError:  # a sparse tensor
        return id(tensor)


def _values(args: tuple[Any, ...]) -> Iterator[Value]:
    for each in args:
        if isinstance(each, Value):
            yield each
        elif isinstance(each, tuple):
            yield from _values(each)


def is_pointwise(step: Step) -> bool:
    """Return whether an operation works number by number, as torch says of it."""
    return torch.Tag.pointwise in getattr(step.func, "tags", ()) or step.name in _POINTWISE


_POINTWISE = frozenset(
    {
        *("clone", "_to_copy", "detach", "alias", "copy", "where", "masked_fill", "dropout"),
        *("native_dropout", "lift_fresh", "lift_fresh_copy", "contiguous", "bernoulli", "rsub"),
    }
)


KEEPS = frozenset(
    {
        *("view", "_unsafe_view", "reshape", "_reshape_alias", "unsqueeze", "squeeze", "expand"),
        *("permute", "transpose", "t", "clone", "contiguous", "detach", "alias", "_to_copy"),
        *("lift_fresh", "slice", "dropout", "native_dropout", "repeat"),
    }
)
"""Operations after which numbers are what they were, in another form."""
