"""One forward pass of a watched model: names of what its layers compute, and whose rows it is."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.capture.activations import EdgeActivations
from edgescope.capture.adapters.base import Remove
from edgescope.capture.identity import Identifier
from edgescope.capture.reading import read_graph_input
from edgescope.capture.rows import Rows
from edgescope.capture.sites import Site
from edgescope.errors import InputError

Attach = Callable[[Sequence[Site]], Iterator[Remove]]
"""Hooks one layer, whose sites it is given."""


class ForwardPass:
    """Names and identifies what the layers of a model compute, from its start to its end."""

    def __init__(self) -> None:
        self._identifier: Identifier | None = None
        self._calls: Counter[str] = Counter()

    def start(self, identifier: Identifier) -> None:
        """Begin a forward pass of the model; forget the one before."""
        self._identifier = identifier
        self._calls.clear()

    def stop(self) -> None:
        """End a forward pass of the model."""
        self._identifier = None

    def activations(self, site: Site, values: Tensor, rows: Rows) -> EdgeActivations:
        """Return one stage of one call of a layer, named ``conv@2:weight`` if it is the second.

        Raises:
            InputError: if the layer ran outside a call of the model, or it is not certain which
                row is which edge.
        """
        if self._identifier is None:
            raise InputError(
                f"{site.path} ran outside a call of the captured model; call the model itself "
                "inside the block, not one of its parts"
            )
        self._calls[site.name] += 1
        call = self._calls[site.name]
        name = site.name if call == 1 else f"{site.path}@{call}:{site.stage}"
        identity = self._identifier.identify(rows, site.name, site.keys)
        floor = site.adapter.floor(site.layer, site.stage, values)
        return EdgeActivations(name, values, identity, floor)


def attach_to_layers(
    model: nn.Module,
    sites: Sequence[Site],
    inputs: Mapping[str, str] | None,
    forward: ForwardPass,
    attach: Attach,
) -> Iterator[Remove]:
    """Hook the model and the layers of some sites, giving what removes each hook.

    Args:
        model: the model.
        sites: the sites.
        inputs: what the model calls its inputs, as in ``es.capture``.
        forward: is started and stopped with every forward pass of the model.
        attach: hooks the layer of the sites that it is given.
    """
    layers: dict[str, list[Site]] = defaultdict(list)
    for site in sites:
        layers[site.path].append(site)

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not runs_again():
            forward.start(Identifier(read_graph_input(module, args, kwargs, inputs)))

    def leave(*_: object) -> None:
        forward.stop()

    yield model.register_forward_pre_hook(enter, with_kwargs=True).remove
    for sites_of_layer in layers.values():
        yield from attach(sites_of_layer)
    # After the hooks of the layers, as the model may be a layer itself.
    yield model.register_forward_hook(leave, always_call=True).remove


def runs_again() -> bool:
    """Whether this is a backward pass, in which checkpointed layers run a second time."""
    return torch._C._current_graph_task_id() != -1  # noqa: SLF001  (as torch's checkpointing does)
