"""The modules in which attention is discovered: each is traced while it runs, and read at its end.

What a run computed is found out once for each way that the module takes through its code. Later
runs of the same way only take the numbers.
"""

import sys
from collections.abc import Collection, Iterator
from weakref import WeakKeyDictionary

from torch import nn

from edgescope.capturing.adapters.adapter import Emit, Remove, observing
from edgescope.capturing.discovery.edge_softmax import Attention
from edgescope.capturing.discovery.program import Found, read
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.hooks import Watch, leave, registering
from edgescope.lib.errors import InputError

Listener = tuple[int, tuple[str, ...], Emit]
"""Which attention of a module, which stages of it, and what receives them."""

REMEMBERED = 16
"""Ways through a module that are remembered."""


_WAYS: WeakKeyDictionary[nn.Module, dict[int, list[Found]]] = WeakKeyDictionary()
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
        for number, stages, emit in list(self._listeners):
            with observing():
                found = self._found(trace, number, stages)
            if found is None:
                continue
            rows = found.ends.rows(trace)
            for stage in stages:
                with observing():
                    values = found.recipes[stage](trace)
                emit(stage, values, rows)

    def _found(self, trace: Trace, number: int, stages: Collection[str]) -> Found | None:
        """Return one of the attentions of a run; ``None`` if there is nothing to attend to.

        Raises:
            InputError: if the module did not compute it.
        """
        way = hash(trace.signature)
        if way not in self._known:
            attention = read(trace)[1]
            learn(self._module, trace, attention)
            found = [each for _, each in attention]
        else:
            found = self._known[way]
        if number < len(found) and set(stages) <= set(found[number].recipes):
            return found[number]
        if any(not value.tensor.numel() for value in trace.values):
            return None  # no edge, so nothing to tell a softmax by
        raise InputError(
            f"{self._name} took another way through its code than when its "
            f"attention was discovered, and computed {len(found)} attentions instead of "
            f"{number + 1} or more; run es.capture.discover on this batch as well"
        )


def learn(module: nn.Module, trace: Trace, found: list[tuple[Attention, Found]]) -> None:
    """Remember what was found in a run of a module, of which a trace is part.

    What is alike by its numbers only may be otherwise next time, and is found anew.
    """
    known = _WAYS.setdefault(module, {})
    if found and all(each.is_certain for each, _ in found):
        if len(known) >= REMEMBERED:
            known.clear()
        known[hash(trace.signature)] = [each for _, each in found]


def scope_of(module: nn.Module) -> Scope:
    """Return what traces a module in the block that is being entered; one for all that listen."""
    watch = registering()
    scopes = {} if watch is None else _SCOPES.setdefault(watch, {})
    return scopes.setdefault(id(module), Scope(module))
