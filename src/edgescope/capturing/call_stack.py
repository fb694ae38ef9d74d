"""Which modules of a model run, or ran when an error was raised, read from Python's stack.

No hook is needed for it. An error of capture so tells its layer, and the others can be looked at
without it.
"""

import sys
from collections.abc import Collection, Iterable, Mapping
from types import CodeType, FrameType
from typing import TYPE_CHECKING

from torch import nn

from edgescope.capturing.sites import Site
from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType


OBSERVERS = (
    "edgescope.capturing.",
    "edgescope.diagnosis.",
    "edgescope.scanning.",
    "edgescope.statistics.",
)
"""What runs in hooks of a model without being part of it."""

HANDS_ON = "__torch_dispatch__"
"""The method in which an observer of operations, such as one that follows edges, hands on those of
the model."""


def running_modules(
    model: nn.Module, known: Collection[int], covered: Collection[int]
) -> list[nn.Module]:
    """Return the modules of a model that run, innermost first.

    Args:
        model: the model.
        known: ``id`` of all its modules.
        covered: ``id`` of modules that are of no interest, nor is what runs inside them.

    Returns:
        None if one that is covered runs, or if the code is that of an observer in a hook.
    """
    running: list[nn.Module] = []
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  (what inspect does, but at once)
    caller = frame.f_back.f_globals.get("__name__") if frame and frame.f_back else None
    ours = False
    while frame is not None and not ours:
        code, within = frame.f_code, str(frame.f_globals.get("__name__"))
        first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        if isinstance(first, nn.Module) and id(first) in known:
            if id(first) in covered:
                return []
            if not any(first is each for each in running):
                running.append(first)
            if first is model and code.co_name == "_call_impl":
                break
        elif not running and code.co_name != HANDS_ON and within not in {__name__, caller}:
            ours = within.startswith(OBSERVERS)
        frame = frame.f_back
    return [] if ours else running


def which_run(suspects: Mapping[CodeType, Collection[nn.Module]]) -> list[nn.Module]:
    """Return those of some modules that run.

    Args:
        suspects: code of a ``forward`` to the modules that have it.
    """
    found: list[nn.Module] = []
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  (as above)
    while frame is not None:
        code = frame.f_code
        if code in suspects:
            own = frame.f_locals.get(code.co_varnames[0])
            found += [module for module in suspects[code] if module is own]
        frame = frame.f_back
    return found


ADVICE = "; leave this site out with sites="
"""What the error asks for, which is done when its reason is reported."""

USERS = ("edgescope.scanning.", "edgescope.diagnosis.")
"""What is handed the activations while a layer runs; its errors are not the layer's."""


def layer_at_fault(error: InputError, sites: Iterable[Site]) -> str | None:
    """Return the path of the layer whose edges could not be captured; ``None`` if it is no layer's.

    An error is a layer's if capture raised it while the layer ran: it is not certain which row of
    it is which edge, or it was called in a way that its adapter has no formula for. What the
    model or a user of capture raises is nobody's.

    Args:
        error: what was raised when the model ran.
        sites: the sites that were captured.
    """
    paths = {id(site.layer): site.path for site in sites}
    found, raised_in = None, ""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        code = frame.f_code
        raised_in = str(frame.f_globals.get("__name__"))
        first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        found = None if raised_in.startswith(USERS) else paths.get(id(first), found)
        trace = trace.tb_next
    return found if raised_in.startswith("edgescope.capturing.") else None


def reason_of(error: InputError) -> str:
    """Return why a layer could not be captured, as its error says."""
    return str(error).removesuffix(ADVICE)
