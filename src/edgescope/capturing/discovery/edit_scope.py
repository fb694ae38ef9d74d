"""The modules whose discovered attention is edited: numbers are replaced where they are computed.

The result of an operation is overwritten in the very moment in which it is there, so that all that
is computed of it follows. Which operation it is, is known from runs that were captured before; a
run that takes another way is refused.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes

from edgescope.capturing.adapters.adapter import Remove, Replace
from edgescope.capturing.discovery.marks import mark_of
from edgescope.capturing.discovery.pair_edits import PairEdit, editable_pairs
from edgescope.capturing.discovery.pair_program import PairFound
from edgescope.capturing.discovery.program import Found
from edgescope.capturing.discovery.row_edits import RowEdit, editable_at
from edgescope.capturing.discovery.scope import Forms, Signature, ways_of
from edgescope.capturing.discovery.steps import Value, memory
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.hooks import Watch, registering
from edgescope.capturing.observer_mode import leave
from edgescope.lib.errors import InputError

Listener = tuple[int, tuple[str, ...], Replace, Forms, tuple[int, int] | None]
"""Which attention of a module, which stages of it, what gives new values, what else is there, and
the known tokens."""

_SCOPES: WeakKeyDictionary[Watch, dict[int, "EditScope"]] = WeakKeyDictionary()


class _Way(NamedTuple):
    """A way through the module that is known."""

    signature: Signature
    edits: dict[int, tuple[RowEdit | PairEdit, ...]]
    """By the number of the value that is replaced."""


class EditScope:
    """A module of which some results are replaced whenever it runs.

    Args:
        module: the module.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._listeners: list[Listener] = []
        self._running: list[_Edited] = []

    def listen(self, listener: Listener) -> Iterator[Remove]:
        """Ask a listener for new values in every run; the first one begins the tracing."""
        self._listeners.append(listener)
        if len(self._listeners) == 1:
            yield self._module.register_forward_pre_hook(self._begin).remove
            yield self._module.register_forward_hook(self._end, always_call=True).remove

    def _begin(self, *_: object) -> None:
        name = type(self._module).__name__
        if torch.is_grad_enabled():
            raise InputError(
                f"what was discovered in {name} is edited below torch's gradients, which would be "
                "those of the model without the edit; run it under torch.no_grad()"
            )
        edited = _Edited(name, list(self._ways()))
        self._running.append(edited)
        edited.__enter__()

    def _end(self, *_: object) -> None:
        if not self._running:
            return
        edited = self._running.pop()
        leave(edited)
        if sys.exc_info()[0] is None:
            edited.check()
        edited.forget()

    def _ways(self) -> Iterator[_Way]:
        for signature, found in ways_of(self._module):
            edits: dict[int, tuple[RowEdit | PairEdit, ...]] = {}
            for number, stages, replace, forms, tokens in self._listeners:
                if tuple(each.form for each in found) != forms:
                    break
                for stage in stages:
                    placed = _edit(found[number], stage, replace, tokens)
                    if placed is None:
                        break
                    at, one = placed
                    edits[at] = (*edits.get(at, ()), one)
            else:
                yield _Way(signature, edits)


class _Edited(Trace):
    """Replaces results as they come, as long as the run takes a way that is known.

    Args:
        name: class of the module.
        ways: the ways that are known.
    """

    def __init__(self, name: str, ways: list[_Way]) -> None:
        super().__init__()
        self._name = name
        self._left = ways
        self._known = bool(ways)

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  (torch's, as are the next)
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run an operation, and replace its result if it is one that is edited."""
        before = len(self.steps)
        result = super().__torch_dispatch__(func, types, args, kwargs)
        if result is NotImplemented:
            return result
        for at in range(before, len(self.steps)):
            self._went(at)
        return result

    def _went(self, at: int) -> None:
        step = self.steps[at]
        own = mark_of(step)
        self._left = [
            way for way in self._left if at >= len(way.signature) or way.signature[at] == own
        ]
        for value in step.results:
            every = [way.edits.get(value.number, ()) for way in self._left]
            edits = next((each for each in every if each), ())
            if not edits:
                continue
            if any(each != edits for each in every):
                raise InputError(
                    f"which number of {self._name} is its {edits[0].stage} cannot be told before "
                    "it has run, as it takes several ways through its code; it cannot be edited"
                )
            for one in edits:
                self._replaced(value, one)

    def _replaced(self, value: Value, one: RowEdit | PairEdit) -> None:
        """Overwrite a result with what takes its place, unseen by what else looks on."""
        tensor = value.tensor
        shared = [each for each in self._memory[memory(tensor)] if each.step is None]
        repeated = any(
            stride == 0 and size > 1
            for stride, size in zip(tensor.stride(), tensor.shape, strict=True)
        )
        if shared or repeated:
            raise InputError(
                f"the {one.stage} of {self._name} shares memory with what it is given, or "
                "repeats numbers, and cannot be overwritten; it cannot be edited"
            )
        with _disable_current_modes():  # type: ignore[no-untyped-call]  # torch's
            new = one.new(self, tensor)
            if new is not None:
                tensor.copy_(new)

    def check(self) -> None:
        """Refuse a run that did not take a way that is known, whatever comes at its end.

        Another capture of the module may compute its values before this one hears of the end.

        Raises:
            InputError: if so.
        """
        if any(len(way.signature) <= len(self.steps) for way in self._left):
            return
        why = "took another way through its code than" if self._known else "is not known from"
        raise InputError(
            f"{self._name} {why} any run that was captured, so what was edited is not certain; "
            "capture the model on this batch before it is edited"
        )


def _edit(
    found: Found | PairFound, stage: str, replace: Replace, tokens: tuple[int, int] | None
) -> tuple[int, RowEdit | PairEdit] | None:
    """Return the number of the value that an edit of a stage overwrites, and the edit."""
    if isinstance(found, PairFound):
        at = editable_pairs(found).get(stage)
        return None if at is None else (at.number, PairEdit(stage, found, at, tokens, replace))
    placed = editable_at(found, stage)
    if placed is None:
        return None
    point, ends = placed
    return point.tensor.number, RowEdit(stage, found.recipes[stage], point, ends, replace)


def edit_scope_of(module: nn.Module) -> EditScope:
    """Return what edits a module in the block that is being entered; one for all that listen."""
    watch = registering()
    scopes = {} if watch is None else _SCOPES.setdefault(watch, {})
    return scopes.setdefault(id(module), EditScope(module))
