"""When a model is looked into by itself: it has attention, or perhaps, that no adapter knows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from edgescope.capturing.discovered_sites import record_of, write_record
from edgescope.capturing.discovery.model_trace import discover
from edgescope.capturing.refusals import NONE, READ_OUT, refuse_compiled, refuse_whole
from edgescope.capturing.sites import Refused, Site, find_sites
from edgescope.lib.errors import InputError, shortened
from edgescope.lib.model_call import Call

SHOWN = 200
"""Characters of an error that are shown."""


def may_discover(model: nn.Module, found: Sequence[Site | Refused] | None = None) -> bool:
    """Return whether a model has parts that are worth a look, and was not looked at yet.

    They are what seems to attend or passes messages and is of no class that is known, or the whole
    model if nothing in it is. Compiled parts cannot be looked into.

    Args:
        model: the model.
        found: what :func:`~edgescope.capturing.sites.find_sites` has just found, if it has.
    """
    record = record_of(model)
    if record.looked or refuse_whole(model) is not None:
        return False
    if any(is_lazy(each) for each in model.parameters()):
        return False
    found = find_sites(model) if found is None else found
    gaps = [each for each in found if isinstance(each, Refused) and each.kind != NONE]
    if not gaps:
        return not any(isinstance(each, Site) for each in found) or bool(record.pins)
    return any(each.reason != READ_OUT and refuse_compiled(each.layer) is None for each in gaps)


def discover_unknown(
    model: nn.Module,
    batch: Any,  # noqa: ANN401  (any PyG batch)
    call: Call,
    inputs: Mapping[str, str] | None = None,
) -> None:
    """Make attention that no adapter knows sites of a model, if it may have some.

    A model that cannot be run so, or not be looked into, is left as it is; the coverage says why.

    Args:
        model: the model, left as it was.
        batch: what it is run on, once or twice.
        call: how.
        inputs: what the model calls its inputs.

    Raises:
        InputError: if what is discovered is not what was pinned.
    """
    if not may_discover(model):
        return
    before = record_of(model)
    try:
        discover(model, batch, call, inputs)
    except Exception as error:  # whatever a model raises, the run proper raises again
        if before.pins and isinstance(error, InputError):
            raise
        said = shortened(f"{type(error).__name__}: {error}", SHOWN)
        write_record(model, replace(before, failure=said))
