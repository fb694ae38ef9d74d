"""Which layer an error of capture is about, so that the others can be looked at without it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgescope.capturing.sites import Site
from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType

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
