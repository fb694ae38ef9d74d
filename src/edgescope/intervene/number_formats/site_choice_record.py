"""The activations that an intervention replaces: where they are, and what they become."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from edgescope.capturing import EdgeActivations
from edgescope.intervene.activation_choice import Selector
from edgescope.intervene.replay import SEVERAL, Passes, Place, Replaced, SiteValues, first_call
from edgescope.lib.errors import InputError
from edgescope.statistics.bins import LogBins

BINS = LogBins(anchor=1.0)
"""In which the magnitudes of the untrained model are counted."""


@dataclass
class ChosenHere:
    """What was chosen at a site over a loader; the others are only summed."""

    places: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    total: Tensor | float = 0.0
    """Sum of the other finite activations of every head and channel ``[H * D]``."""
    count: Tensor | int = 0
    seen: int = 0


class Choices:
    """The chosen activations of a model's sites, as a loader gives them.

    Args:
        choose: says which activations are chosen.
        sites: names of the sites at which they are.
        skip_scalars: whether a site with one number per edge and head is left out.

    Attributes:
        skipped: sites that were left out.
    """

    def __init__(self, choose: Selector, sites: list[str], skip_scalars: bool) -> None:
        self._choose = choose
        self._sites = {first_call(site) for site in sites}
        self._skip = skip_scalars
        self._of: dict[str, ChosenHere] = {}
        self.skipped: list[str] = []

    def take(self, found: EdgeActivations, place: Place) -> None:
        """Take in the activations of a site in a batch."""
        if first_call(found.site) not in self._sites:
            return
        if self._skip and found.values.size(2) < SEVERAL:
            self.skipped = list(dict.fromkeys([*self.skipped, found.site]))
            return
        here = self._of.setdefault(found.site, ChosenHere())
        values = found.values.cpu()
        mask = self._choose.choose(place())
        at = mask.flatten().nonzero().squeeze(1)
        here.places.append(at + here.seen)
        here.values.append(values.flatten()[at].double())
        here.seen += values.numel()
        free = ~mask & values.isfinite()
        here.total = here.total + values.double().where(free, 0.0).flatten(1).sum(0)
        here.count = here.count + free.flatten(1).sum(0)

    def check(self) -> None:
        """Refuse a choice that was not found whole, after all batches."""
        for site, here in self._of.items():
            values = torch.cat(here.values)
            whole = torch.ones(len(values), dtype=torch.bool)
            self._choose.check(SiteValues(site, values, whole, torch.zeros(0)))

    @property
    def number(self) -> int:
        """How many activations are chosen."""
        return sum(len(places) for here in self._of.values() for places in here.places)

    @property
    def sites(self) -> list[str]:
        """Names of the sites at which something is chosen."""
        return [site for site, here in self._of.items() if any(map(len, here.places))]

    def at_mean(self) -> dict[str, Replaced]:
        """Return the mean of the same head and channel over the activations not chosen.

        Raises:
            InputError: if there is none left at a head and channel.
        """
        found: dict[str, Replaced] = {}
        for site, here in self._of.items():
            places = torch.cat(here.places)
            if not len(places):
                continue
            mean = torch.as_tensor(here.total) / torch.as_tensor(here.count)
            values = mean[places % len(mean)]
            if bool(values.isnan().any()):
                raise InputError(
                    f"at {site} no activation of a head and channel is left to take a mean of"
                )
            found[site] = Replaced(places, values)
        return found

    def clipped(self, limits: Mapping[str, float]) -> dict[str, Replaced]:
        """Return the same activations cut down to the largest magnitude of their site."""
        found: dict[str, Replaced] = {}
        for site, here in self._of.items():
            places, values = torch.cat(here.places), torch.cat(here.values)
            if len(places):
                found[site] = Replaced(places, values.clamp(-limits[site], limits[site]))
        return found


def untrained_limits(
    passes: Passes, sites: list[str], quantile: float, progress: bool
) -> dict[str, float]:
    """Return a quantile of the magnitudes at every site of an untrained model.

    It is the upper edge of the bin that holds it, at most 0.8 % above it, and at most the maximum.

    Args:
        passes: of the untrained model.
        sites: names of the sites.
        quantile: 1 for the maximum.
        progress: whether to show a progress bar.

    Raises:
        InputError: if the untrained model has no finite activation at one of them.
    """
    counts: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
    largest: dict[str, float] = {}

    def count(found: EdgeActivations, _: Place) -> None:
        magnitude = found.values.detach().float().abs().flatten().cpu()
        magnitude = magnitude[magnitude.isfinite()].contiguous()
        if len(magnitude):
            counted = np.bincount(BINS.index(magnitude).numpy(), minlength=BINS.size)
            counts[found.site] = counts.get(found.site, np.zeros(BINS.size, np.int64)) + counted
            largest[found.site] = max(largest.get(found.site, 0.0), float(magnitude.max()))

    passes.observed(sites, count, "recording the untrained", progress)
    limits = {}
    for site in sites:
        if site not in counts:
            raise InputError(
                f"the untrained model has no activation at {site}; pass a model of the same "
                "architecture"
            )
        below = counts[site].cumsum()
        at = int(np.searchsorted(below, math.ceil(quantile * below[-1])))
        limits[site] = min(float(BINS.edges[at + 1]), largest[site])
    return limits
