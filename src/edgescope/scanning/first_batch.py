"""The first batch of a loader, on which attention that no adapter knows is discovered."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import nn

from edgescope.capturing.discovery.unknown_attention import discover_unknown, may_discover
from edgescope.capturing.sites import Refused, Site, find_sites
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import generators_kept
from edgescope.lib.model_call import Call, NotedCall
from edgescope.scanning.batches import device_of, on_device
from edgescope.scanning.loaders import GraphLoader


def discover_at_start(
    model: nn.Module,
    loader: Iterable[Any],
    call: Call,
    inputs: Mapping[str, str] | None = None,
    *,
    wanted: bool = True,
) -> Sequence[Site | Refused]:
    """Make attention that no adapter knows sites of a model, from the first batch of a loader.

    The loader gives that batch again in its next pass, and draws no random numbers for it that it
    would not draw anyway. Nothing is done if adapters know all, or the model was looked at before.

    Args:
        model: the model, left as it was.
        loader: what :func:`~edgescope.scanning.loaders.graph_loader` returned.
        call: how to call the model on a batch; of one that notes arguments only the inner one is
            called.
        inputs: what the model calls its inputs.
        wanted: the argument ``discover`` of the public functions.

    Returns:
        What :func:`~edgescope.capturing.sites.find_sites` finds in the model then.

    Raises:
        InputError: if ``wanted`` is neither True nor False, or what is discovered is not what the
            user has pinned.
    """
    if not isinstance(wanted, bool):
        raise InputError(f"received discover={wanted!r}, expected True or False")
    found = find_sites(model)
    if not wanted or not may_discover(model, found):
        return found
    for batch in _first(loader):
        own = call.inner if isinstance(call, NotedCall) else call
        discover_unknown(model, on_device(batch, device_of(model)), own, inputs)
    return find_sites(model)


def _first(loader: Iterable[Any]) -> Sequence[Any]:
    """Return the first batch of a loader; nothing if there is none."""
    if isinstance(loader, GraphLoader):
        return loader.first()
    if isinstance(loader, Sequence):
        return loader[:1]
    # Parts of a large graph, which are drawn anew in every pass.
    own = getattr(loader, "generator", None)
    kept = own.get_state() if isinstance(own, torch.Generator) else None
    try:
        with generators_kept():
            return list(islice(loader, 1))
    finally:
        if isinstance(own, torch.Generator) and kept is not None:
            own.set_state(kept)
