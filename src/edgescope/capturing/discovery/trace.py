"""What torch computed while a model ran: every operation, with what went in and what came out."""

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from torch import Tensor, nn

from edgescope.capturing.discovery.marks import Raw, about, mark_of, marks_of, several
from edgescope.capturing.discovery.steps import Call, Step, Tree, Value, memory
from edgescope.capturing.observer_mode import ObserverMode
from edgescope.capturing.operations import NO_DISPATCH
from edgescope.capturing.unseen import is_unseen, unseen

Way = TypeVar("Way")


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
        self._steps: list[Step] = []
        self._values: list[Value] = []
        self._waiting: list[Raw] = []  # what was run since, of which no note was made yet
        self._places = places
        self._model = model
        self._frames: list[Any] = []  # held, so that no other call gets the number of one
        self._current: dict[int, Value] = {}
        self._memory: dict[int, list[Value]] = defaultdict(list)
        self._seen_in_memory = 0  # values whose memory is known, which only writing asks for

    @property
    def steps(self) -> list[Step]:
        """The operations, in the order of time."""
        self._note_waiting()
        return self._steps

    @property
    def values(self) -> list[Value]:
        """The states of all tensors, by their numbers."""
        self._note_waiting()
        return self._values

    @property
    def signature(self) -> tuple[Any, ...]:
        """What is alike in two runs that took the same way: operations, and what they worked on."""
        return tuple(map(mark_of, self.steps))

    def among(self, known: Mapping[int, Way]) -> Way | None:
        """Return what is known of the way that was taken, by the ``hash`` of its signature.

        If something is, no more than the values need be noted.
        """
        if self._steps:  # some were noted while they were run
            return known.get(hash(self.signature))
        marks, tensors = marks_of(self._waiting)
        way = known.get(hash(marks))
        if way is not None:
            self._waiting.clear()
            self._values = [Value(number, each, None, 0) for number, each in enumerate(tensors)]
        return way

    def forget(self) -> None:
        """Let go of all that was noted, at once: notes refer to each other."""
        for step in self._steps:
            step.results.clear()
        for value in self._values:
            value.uses.clear()
        for held in (self._steps, self._values, self._waiting, self._frames):
            held.clear()
        self._current.clear()
        self._memory.clear()

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
        copied = Value(len(self._values), value.now, step, value.slot)
        self._values.append(copied)
        values[value.number] = copied
        return copied

    def _repeat(self, step: Step, own: Callable[[Value], Value], values: dict[int, Value]) -> None:
        """Note a step of another trace as one of this."""
        copied = Step(len(self._steps), step.name, step.func, _mapped(step.args, own), {})
        copied.kwargs = dict(
            zip(step.kwargs, _mapped(tuple(step.kwargs.values()), own), strict=True)
        )
        copied.line, copied.calls = step.line, step.calls
        self._steps.append(copied)
        for value in copied.inputs():
            value.uses.append(copied)
        for value in step.results:
            if value.was is None or value.was.number in values:
                was = None if value.was is None else values[value.was.number]
                copied.results.append(self._add(values, value, copied))
                copied.results[-1].was = was

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  (torch's, as are the next)
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run an operation, and note it."""
        for kind in types:
            if kind not in _PLAIN and getattr(kind, _DISPATCH, None) is not NO_DISPATCH:
                return NotImplemented  # such as PyG's EdgeIndex: what is inside comes here
        kwargs = kwargs or {}
        if is_unseen():
            return func(*args, **kwargs)
        writes = about(func)[1]
        if self._places is None and writes == ():
            raw: Raw = [func, args, kwargs, ()]
            self._waiting.append(raw)
            raw[3] = result = func(*args, **kwargs)
            return result
        step = self._step(func, args, kwargs)
        given = ((args[n] if n < len(args) else kwargs.get(word)) for n, word in writes or ())
        written = [each for each in given if isinstance(each, Tensor)]
        if written:
            self._before_writing(written)
        result = func(*args, **kwargs)
        for tensor in written:
            self._wrote(step, tensor)
        self._computed(step, result, written)
        if self._places is not None:
            self._place(step)
        return result

    def _note_waiting(self) -> None:
        """Note what was run since the last note.

        All at once, as that is faster than in between the model's operations. None of them writes
        to a tensor, so that all are as they were.
        """
        waiting, self._waiting = self._waiting, []
        for func, args, kwargs, result in waiting:
            self._computed(self._step(func, args, kwargs), result)

    def _computed(self, step: Step, result: Any, written: Sequence[Tensor] = ()) -> None:  # noqa: ANN401  (one tensor or several)
        """Note what an operation has computed, apart from what it has written."""
        for slot, each in enumerate(several(result)):
            if isinstance(each, Tensor) and not any(each is tensor for tensor in written):
                step.results.append(self._new(each, step, slot))

    def _step(
        self,
        func: Any,  # noqa: ANN401  (torch's operation)
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Step:
        """Note an operation."""
        if self._waiting:
            self._note_waiting()
        name = about(func)[0]
        step = Step(len(self._steps), name, func, self._tree(args), kwargs)
        if kwargs:
            step.kwargs = dict(zip(kwargs, self._tree(tuple(kwargs.values())), strict=True))
        self._steps.append(step)
        for value in step.inputs():
            value.uses.append(step)
        return step

    def _before_writing(self, written: list[Tensor]) -> None:
        """Keep the numbers of all that lie in memory which is about to be written to."""
        for value in self._values[self._seen_in_memory :]:
            self._memory[memory(value.tensor)].append(value)
        self._seen_in_memory = len(self._values)
        with unseen():  # by the traces around this one
            for tensor in written:
                for other in self._memory[memory(tensor)]:
                    other.keep()

    def _wrote(self, step: Step, tensor: Tensor) -> None:
        """Note new values of a tensor that was written to, and of its other views."""
        held = self._memory[memory(tensor)]
        views = [each for each in held if each is self._current.get(id(each.tensor))]
        step.results.append(self._new(tensor, step, 0))
        for each in views:
            if each.tensor is not tensor:
                step.results.append(self._new(each.tensor, step, -1))
                step.results[-1].was = each

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
        value = Value(len(self._values), tensor, step, slot)
        self._values.append(value)
        self._current[id(tensor)] = value
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


_LIBRARY = (
    *("/torch/", "/edgescope/capturing/", "/torch_geometric/utils/", "/torch_geometric/nn/"),
    "-packages/torch_geometric/",
)
_WRITTEN = re.compile(r"_(propagate|edge_updater)_\w{8}\.py$")
"""What PyG calls the files that it writes for the layers of a model."""


@cache
def _is_users(file: str) -> bool:
    library = any(part in file for part in _LIBRARY) or _WRITTEN.search(file)
    return not file.startswith("<") and not library


_DISPATCH = "__torch_dispatch__"
_PLAIN = frozenset({Tensor, nn.Parameter})
