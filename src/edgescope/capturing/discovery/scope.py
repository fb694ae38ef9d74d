"""The modules in which attention is discovered: each is traced while it runs, and read at its end.

What a run computed is found out once for each way that the module takes through its code. Later
runs of the same way only take the numbers.
"""

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from edgescope.capturing.adapters.adapter import Emit, Remove, observing
from edgescope.capturing.discovery.pair_program import PairFound
from edgescope.capturing.discovery.program import Found, Read, read
from edgescope.capturing.discovery.sparse_steps import way_of, written_out
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.hooks import Watch, registering
from edgescope.capturing.observer_mode import leave
from edgescope.capturing.unseen import unseen
from edgescope.lib.errors import InputError

Forms = tuple[tuple[str, ...], ...]
"""Kind and stages of every attention of a module, in their order."""

Listener = tuple[int, tuple[str, ...], Emit, Forms, tuple[int, int] | None]
"""Which attention of a module, which stages of it, what receives them, what else is there, and the
known tokens."""

NO_RUN = (None,)
"""What no run has alike."""

REMEMBERED = 16
"""Ways through a module that are remembered."""


Signature = tuple[Any, ...]
"""Operations of a run, and what they worked on."""

Way = tuple[Signature, list[Found | PairFound]]
"""A way through a module, and the attention in it."""

_WAYS: WeakKeyDictionary[nn.Module, dict[int, Way]] = WeakKeyDictionary()
_SCOPES: WeakKeyDictionary[Watch, dict[int, "Scope"]] = WeakKeyDictionary()


class Scope:
    """A module that is traced whenever it runs.

    Args:
        module: the module.
    """

    def __init__(self, module: nn.Module) -> None:
        self._name = type(module).__name__
        self._listeners: list[Listener] = []
        self._running: list[Trace] = []
        self._module = module
        self._known = _WAYS.setdefault(module, {})

    def listen(self, module: nn.Module, listener: Listener) -> Iterator[Remove]:
        """Call a listener after every run; the first one that listens begins the tracing."""
        self._listeners.append(listener)
        yield lambda: self._forget(listener)
        if len(self._listeners) == 1:
            yield module.register_forward_pre_hook(self._begin).remove
            yield module.register_forward_hook(self._end, always_call=True).remove

    def _forget(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def _begin(self, *_: object) -> None:
        trace = Trace()
        self._running.append(trace)
        trace.__enter__()

    def _end(self, *_: object) -> None:
        if not self._running:
            return
        trace = self._running.pop()
        leave(trace)
        if sys.exc_info()[0] is not None:
            return
        with unseen():  # by the traces of modules that hold this one
            noted = trace
            with observing():
                way = trace.among(self._known)
                if way is None:
                    trace = written_out(noted)
                all_of = self._read(noted, trace) if way is None else way[1]
            for number, stages, emit, forms, tokens in list(self._listeners):
                found = self._found(trace, all_of, number, forms)
                if found is None:
                    continue
                if isinstance(found, PairFound):
                    grid = found.grid(trace, tokens)
                    for stage in stages:
                        emit(stage, partial(found.recipes[stage], trace), grid)
                    continue
                rows = found.ends.rows(trace)
                for stage in stages:
                    with observing():
                        values = found.recipes[stage](trace)
                    emit(stage, values, rows)
        trace.forget()
        noted.forget()

    def _read(self, trace: Trace, written: Trace) -> list[Found | PairFound]:
        """Return the attention in a run, as found out before if it took a way that is known."""
        way = way_of(trace, written)
        if way in self._known:
            return self._known[way][1]
        attention = read(trace)[1]
        learn(self._module, trace, attention)
        return [each for _, each in attention]

    def _found(
        self, trace: Trace, found: list[Found | PairFound], number: int, forms: Forms
    ) -> Found | PairFound | None:
        """Return one of the attentions of a run; ``None`` if there is nothing to attend to.

        Raises:
            InputError: if the module did not compute it.
        """
        # Which of fewer or of others is meant cannot be told by its number.
        if tuple(each.form for each in found) == forms:
            return found[number]
        if not found and _has_no_edge(trace):
            return None  # no edge, so nothing to tell a softmax by
        raise InputError(
            f"{self._name} took another way through its code than when its "
            f"attention was discovered, and computed {_said(found)} instead of "
            f"{', '.join(form[0] for form in forms)}; run es.capture.discover on this batch to "
            "have the sites of that way"
        )


def _has_no_edge(trace: Trace) -> bool:
    """Return whether a run had an empty index; batch norm has empty numbers at any time."""
    values = (value.tensor for value in trace.values)
    return any(not each.numel() and each.dtype in {torch.int32, torch.int64} for each in values)


def learn(module: nn.Module, trace: Trace, found: list[Read]) -> None:
    """Remember what was found in a run of a module, of which a trace is part.

    What has a size of one, or is alike by its numbers only, may be otherwise next time, and is
    found anew.
    """
    known = _WAYS.setdefault(module, {})
    if found and not _has_no_edge(trace) and all(each.is_certain for each, _ in found):
        if len(known) >= REMEMBERED:
            known.clear()
        written = written_out(trace)
        # Values that were written out have other numbers than those that an edit overwrites.
        signature = trace.signature if written is trace else NO_RUN
        known[way_of(trace, written)] = (signature, [each for _, each in found])


def ways_of(module: nn.Module) -> list[Way]:
    """Return the ways through a module that are remembered, with the attention of each."""
    return list(_WAYS.get(module, {}).values())


def _said(found: list[Found | PairFound]) -> str:
    return ", ".join(each.kind for each in found) or "none"


def scope_of(module: nn.Module) -> Scope:
    """Return what traces a module in the block that is being entered; one for all that listen."""
    watch = registering()
    scopes = {} if watch is None else _SCOPES.setdefault(watch, {})
    return scopes.setdefault(id(module), Scope(module))
