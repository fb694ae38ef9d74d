"""What torch computed while a model ran: every operation, with what went in and what came out."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from edgescope.capturing.hooks import ObserverMode
from edgescope.capturing.operations import NO_DISPATCH
from edgescope.capturing.unseen import is_unseen

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
        dims: what every dimension stands for, see :mod:`edgescope.capturing.discovery.axes`.
    """

    __slots__ = ("_copy", "dims", "number", "slot", "step", "tensor", "uses")

    def __init__(self, number: int, tensor: Tensor, step: "Step | None", slot: int) -> None:
        self.number = number
        self.tensor = tensor
        self.step = step
        self.slot = slot
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

    __slots__ = ("args", "calls", "func", "kwargs", "line", "name", "number", "results")

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

    def inputs(self) -> Iterator[Value]:
        """Give the tensors among the arguments."""
        yield from _values(self.args)
        yield from _values(tuple(self.kwargs.values()))


class Trace(ObserverMode):
    """Notes every operation of torch while it is entered; outputs stay as they are to the bit.

    It stands below autograd, and holds every tensor that it sees until it is let go.

    Args:
        places: modules of which to note where they run, by ``id``, with their paths; by default
            nothing of modules and lines is noted.
        model: the module at which to stop looking for others.
    """

    supports_higher_order_operators = True

    def __init__(
        self, places: Mapping[int, str] | None = None, model: nn.Module | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.steps: list[Step] = []
        self.values: list[Value] = []
        self._places = places
        self._model = model
        self._frames: list[Any] = []  # held, so that no other call gets the number of one
        self._current: dict[int, Value] = {}
        self._memory: dict[int, list[Value]] = defaultdict(list)

    @property
    def signature(self) -> tuple[Any, ...]:
        """What is alike in two runs that took the same way: operations, and what they worked on."""
        return tuple((step.func, *(value.number for value in step.inputs())) for step in self.steps)

    def part(self, call: Call) -> "Trace":
        """Return what was noted of one call of a module, as if nothing else had been."""
        part = Trace()
        values: dict[int, Value] = {}

        def own(value: Value) -> Value:
            if value.number not in values:
                part._add(values, value, None)
            return values[value.number]

        for step in self.steps:
            if call in step.calls:
                part._repeat(step, own, values)
        return part

    def _add(self, values: dict[int, Value], value: Value, step: Step | None) -> Value:
        copied = Value(len(self.values), value.now, step, value.slot)
        self.values.append(copied)
        values[value.number] = copied
        return copied

    def _repeat(self, step: Step, own: Callable[[Value], Value], values: dict[int, Value]) -> None:
        """Note a step of another trace as one of this."""
        copied = Step(len(self.steps), step.name, step.func, _mapped(step.args, own), {})
        copied.kwargs = dict(
            zip(step.kwargs, _mapped(tuple(step.kwargs.values()), own), strict=True)
        )
        copied.line, copied.calls = step.line, step.calls
        self.steps.append(copied)
        for value in copied.inputs():
            value.uses.append(copied)
        copied.results = [self._add(values, value, copied) for value in step.results]

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  (torch's, as are the next)
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run an operation, and note it."""
        if any(getattr(kind, "__torch_dispatch__", None) is not NO_DISPATCH for kind in types):
            return NotImplemented  # a wrapper such as PyG's EdgeIndex: what is inside comes here
        kwargs = kwargs or {}
        if is_unseen():
            return func(*args, **kwargs)
        name, writes = _about(func)
        step = Step(len(self.steps), name, func, self._tree(args), kwargs)
        step.kwargs = dict(zip(kwargs, self._tree(tuple(kwargs.values())), strict=True))
        self.steps.append(step)
        for value in step.inputs():
            value.uses.append(step)
        written = [args[n] for n in writes if n < len(args) and isinstance(args[n], Tensor)]
        for tensor in written:
            for other in self._memory[memory(tensor)]:
                other.keep()
        result = func(*args, **kwargs)
        for tensor in written:
            self._wrote(step, tensor)
        several = result if isinstance(result, (tuple, list)) else (result,)
        for slot, each in enumerate(several):
            if isinstance(each, Tensor) and not any(each is tensor for tensor in written):
                step.results.append(self._new(each, step, slot))
        if self._places is not None:
            self._place(step)
        return result

    def _wrote(self, step: Step, tensor: Tensor) -> None:
        """Note new values of a tensor that was written to, and of its other views."""
        held = self._memory[memory(tensor)]
        views = [each for each in held if each is self._current.get(id(each.tensor))]
        step.results.append(self._new(tensor, step, 0))
        for each in views:
            if each.tensor is not tensor:
                self._new(each.tensor, step, -1).dims = each.dims

    def _tree(self, args: tuple[Any, ...]) -> Tree:
        return tuple(
            self._seen(each)
            if isinstance(each, Tensor)
            else self._tree(tuple(each))
            if isinstance(each, (list, tuple))
            else each
            for each in args
        )

    def _seen(self, tensor: Tensor) -> Value:
        found = self._current.get(id(tensor))
        return self._new(tensor, None, 0) if found is None else found

    def _new(self, tensor: Tensor, step: Step | None, slot: int) -> Value:
        value = Value(len(self.values), tensor, step, slot)
        self.values.append(value)
        self._current[id(tensor)] = value
        self._memory[memory(tensor)].append(value)
        return value

    def _place(self, step: Step) -> None:
        """Note which modules run, and which line of the model."""
        assert self._places is not None
        calls: list[Call] = []
        frame = sys._getframe(2)  # noqa: SLF001  (what inspect does, but at once)
        while frame is not None:
            code = frame.f_code
            first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
            if code.co_name == "_call_impl" and id(first) in self._places:
                self._frames.append(frame)
                calls.append((self._places[id(first)], id(frame)))
                if first is self._model:
                    break
            elif not step.line[0] and _is_users(code.co_filename):
                step.line = (code.co_filename, frame.f_lineno)
            frame = frame.f_back  # type: ignore[assignment]
        step.calls = tuple(reversed(calls))


def _mapped(args: tuple[Any, ...], own: Callable[[Value], Value]) -> tuple[Any, ...]:
    return tuple(
        own(each)
        if isinstance(each, Value)
        else _mapped(each, own)
        if isinstance(each, tuple)
        else each
        for each in args
    )


def memory(tensor: Tensor) -> int:
    """Return what two tensors share if they share memory."""
    try:
        return tensor.untyped_storage()._cdata  # type: ignore[no-any-return]  # noqa: SLF001
    except NotImplementedError:  # a sparse tensor
        return id(tensor)


_LIBRARY = ("/torch/", "/edgescope/capturing/", "/torch_geometric/utils/", "/torch_geometric/nn/")


def _is_users(file: str) -> bool:
    return not file.startswith("<") and not any(part in file for part in _LIBRARY)


_ABOUT: dict[Any, tuple[str, tuple[int, ...]]] = {}


def _about(func: Any) -> tuple[str, tuple[int, ...]]:  # noqa: ANN401  (torch's operation)
    """Return the name of an operation, and the positions of the arguments that it writes to."""
    found = _ABOUT.get(func)
    if found is None:
        schema = getattr(func, "_schema", None)
        arguments = [] if schema is None else schema.arguments
        writes = (each.alias_info is not None and each.alias_info.is_write for each in arguments)
        words = str(func).split(".")
        name = words[min(1, len(words) - 1)]
        if not name.endswith("__"):
            name = name.removesuffix("_")
        found = _ABOUT[func] = (name, tuple(n for n, written in enumerate(writes) if written))
    return found


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
    "clone _to_copy detach alias copy where masked_fill dropout native_dropout lift_fresh "
    "lift_fresh_copy contiguous bernoulli rsub".split()  # noqa: SIM905  (a list would take a line each)
)
