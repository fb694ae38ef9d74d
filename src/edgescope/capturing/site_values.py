"""What the layers of a model compute while it runs, without saying which edge every row is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from edgescope.capturing.activations import above_floor
from edgescope.capturing.adapters.adapter import Remove
from edgescope.capturing.edge_rows import Rows
from edgescope.capturing.forward_pass import ForwardPass, runs_again
from edgescope.capturing.pair_grid import PairGrid, Values
from edgescope.capturing.sites import Site
from edgescope.lib.compiled_parts import original
from edgescope.lib.compiler_stance import eagerly


class SiteValues(NamedTuple):
    """What one call of a layer has computed at one site."""

    name: str
    """Name of the call, such as ``convs.0@2:score``."""
    site: Site
    """The site."""
    values: Tensor
    """The activations ``[E, H, D]``, detached, with zeros in place of those at the layer's floor;
    of the model, so that they may change once this was taken."""
    rows: Rows
    """The rows, as the layer's adapter describes them."""


@contextmanager
def taking(
    model: nn.Module,
    sites: Sequence[Site],
    take: Callable[[SiteValues], None],
    inputs: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Hand over what a model computes at some sites, as soon as it does, while the block runs.

    Outputs, gradients and random numbers are as without it. No edge is followed, so nothing is
    refused because of where a layer has its edges from.

    Args:
        model: the model.
        sites: the sites.
        take: called once per site and call of its layer, but not when activation checkpointing
            runs it again.
        inputs: what the model calls its inputs, as in ``es.capture``.
    """
    reader = _Reader(take)

    def attach(sites_of_layer: Sequence[Site]) -> Iterator[Remove]:
        site = sites_of_layer[0]
        stages = {each.stage: each for each in sites_of_layer}
        yield from site.adapter.attach(site.layer, tuple(stages), partial(reader.emit, stages))

    with eagerly(model), reader.attached(original(model), sites, inputs, attach):
        yield


class _Reader(ForwardPass):
    """Hands over what the adapters emit."""

    def __init__(self, take: Callable[[SiteValues], None]) -> None:
        super().__init__(follow=False)
        self._take = take

    def emit(
        self, sites: Mapping[str, Site], stage: str, given: Values, grid: Rows | PairGrid
    ) -> None:
        """Take in one stage of one call of a layer."""
        if runs_again():
            return
        values, rows = self.placed(given, grid)
        site = sites[stage]
        floor = site.adapter.floor(site.layer, stage, values)
        shown = above_floor(values.detach(), floor)
        self._take(SiteValues(self.named(site), site, shown, rows))
