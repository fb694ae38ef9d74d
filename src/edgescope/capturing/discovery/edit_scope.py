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
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from edgescope.capturing.adapters.adapter import Remove, Replace
from edgescope.capturing.discovery.marks import mark_of
from edgescope.capturing.discovery.program import Ends, Found
from edgescope.capturing.discovery.recipes import Layout, Taken
from edgescope.capturing.discovery.scope import Forms, Signature, ways_of
from edgescope.capturing.discovery.steps import Value, memory
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.hooks import Watch, registering
from edgescope.capturing.observer_mode import leave
from edgescope.lib.errors import InputError

Listener = tuple[int, tuple[str, ...], Replace, Forms]
"""Which attention of a module, which stages of it, what gives new values, what else is there."""

_SCOPES: WeakKeyDictionary[Watch, dict[int, "EditScope"]] = WeakKeyDictionary()


class _Place(NamedTuple):
    """Where in a run a stage is replaced."""

    stage: str
    layout: Layout
    ends: Ends
    replace: Replace


class _Way(NamedTuple):
    """A way through the module that is known."""

    signature: Signature
    places: dict[int, _Place]
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
            places: dict[int, _Place] = {}
            for number, stages, replace, forms in self._listeners:
                if tuple(each.form for each in found) != forms:
                    break
                one = found[number]
                if not isinstance(one, Found):
                    break
                for stage in stages:
                    recipe = one.recipes[stage]
                    if not is_editable(one, stage) or not isinstance(recipe, Taken):
                        break
                    place = _Place(stage, recipe.layout, one.ends, replace)
                    places[recipe.number] = place
            else:
                yield _Way(signature, places)


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
            places = [way.places.get(value.number) for way in self._left]
            one = next((place for place in places if place is not None), None)
            if one is None:
                continue
            if any(place != one for place in places):
                raise InputError(
                    f"which number of {self._name} is its {one.stage} cannot be told before it "
                    "has run, as it takes several ways through its code; it cannot be edited"
                )
            self._replaced(value, one)

    def _replaced(self, value: Value, place: _Place) -> None:
        """Overwrite a result with what takes its place, unseen by what else looks on."""
        tensor = value.tensor
        shared = [each for each in self._memory[memory(tensor)] if each.step is None]
        repeated = any(
            stride == 0 and size > 1
            for stride, size in zip(tensor.stride(), tensor.shape, strict=True)
        )
        if shared or repeated:
            raise InputError(
                f"the {place.stage} of {self._name} shares memory with what it is given, or "
                "repeats numbers, and cannot be overwritten; it cannot be edited"
            )
        with _disable_current_modes():  # type: ignore[no-untyped-call]  # torch's
            rows = _seen(place.ends, len(self.values)).rows(self)
            new = place.replace(place.stage, place.layout.arrange(tensor), rows)
            if new is not None:
                tensor.copy_(arranged_back(new, place.layout, tensor))

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


def _seen(ends: Ends, values: int) -> Ends:
    """Return the ends without numbers of nodes that only a later value says."""
    source, target = (each if each and each[0] < values else None for each in ends.nodes)
    return ends._replace(nodes=(source, target))


def arranged_back(values: Tensor, layout: Layout, like: Tensor) -> Tensor:
    """Return values ``[E, H, D]`` in the shape of the tensor from which they were arranged."""
    parts = like.reshape(layout.sizes).shape
    back = sorted(range(len(layout.order)), key=layout.order.__getitem__)
    return values.reshape([parts[n] for n in layout.order]).permute(back).reshape(like.shape)


def is_editable(found: Found, stage: str) -> bool:
    """Return whether a stage is a tensor of a run, at which the ends of its rows are known."""
    recipe = found.recipes.get(stage)
    if not isinstance(recipe, Taken):
        return False
    ends = (found.ends.source, found.ends.target)
    return all(end is None or end[0] < recipe.number for end in ends)


def edit_scope_of(module: nn.Module) -> EditScope:
    """Return what edits a module in the block that is being entered; one for all that listen."""
    watch = registering()
    scopes = {} if watch is None else _SCOPES.setdefault(watch, {})
    return scopes.setdefault(id(module), EditScope(module))
