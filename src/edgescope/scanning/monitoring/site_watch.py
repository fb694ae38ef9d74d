"""Which sites of a model are monitored, and what one forward pass shows of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from edgescope.capturing.late_capture import discover_from_call
from edgescope.capturing.site_choice import Sites, select_sites
from edgescope.capturing.site_values import SiteValues, taking
from edgescope.capturing.sites import Site
from edgescope.scanning.monitoring.site_vitals import Vitals, vitals
from edgescope.scanning.scan_sites import choose_sites

BESIDE = ("logit", "weight")
"""Stages that are monitored by default beside the vectors that a scan takes."""


class SiteWatch:
    """Reads the vitals of a model's sites, pass by pass.

    Args:
        wanted: which sites, as in ``es.capture``; by default what a scan takes, with the logits
            and weights of the same layers.
        thresholds: ratios to count edges above.
        inputs: what the model calls its inputs.
        discover: whether to look for attention that no adapter knows.

    Attributes:
        found: the vitals of every site since :meth:`clear`.
    """

    def __init__(
        self,
        wanted: Sites,
        thresholds: Sequence[float],
        inputs: dict[str, str] | None,
        *,
        discover: bool,
    ) -> None:
        self.found: dict[str, Vitals] = {}
        self._wanted = wanted
        self._thresholds = thresholds
        self._inputs = inputs
        self._discover = discover
        self._sites: list[Site] = []

    def clear(self) -> None:
        """Forget what was found."""
        self.found = {}

    @contextmanager
    def reading(
        self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Iterator[None]:
        """Read what ``model`` computes when it is called with these arguments, within the block.

        Raises:
            InputError: if nothing of it can be captured.
        """
        if not self._sites:
            if self._discover:
                discover_from_call(model, args, kwargs, self._inputs)
            self._sites = _chosen(model, self._wanted)
        with taking(model, self._sites, self._take, self._inputs):
            yield

    def _take(self, taken: SiteValues) -> None:
        # No mode, ours or the user's, need see what is computed for ourselves.
        with torch.no_grad(), torch._C._DisableTorchDispatch():  # noqa: SLF001  (no public name)
            now = vitals(taken, self._thresholds)
        before = self.found.get(taken.name)
        self.found[taken.name] = now if before is None else before.joined(now)


def _chosen(model: nn.Module, wanted: Sites) -> list[Site]:
    """Return the sites to monitor, in the order of the model's layers."""
    if wanted is not None:
        return select_sites(model, wanted)
    vectors = choose_sites(model, None).sites
    names, layers = {site.name for site in vectors}, {site.path for site in vectors}

    def takes(site: Site) -> bool:
        return site.name in names or (site.path in layers and site.stage in BESIDE)

    return select_sites(model, takes)
