"""Matched controls: other activations of the same site, as many as were chosen."""

from collections.abc import Collection
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from edgescope.intervene.replay import SiteValues
from edgescope.lib.errors import InputError

Control = Literal["number", "magnitude", "edge_type"]
"""What a control has in common with the activations that were chosen, besides site and number:

- ``"number"``: nothing; drawn at random.
- ``"magnitude"``: the magnitude, as far as there are such: each is drawn from the
  :data:`NEAREST` next in rank that are left. Of the largest activations of a site the controls
  are necessarily smaller.
- ``"edge_type"``: the type of the edge; drawn at random on edges of the same types.

Only activations that were not chosen and are finite are drawn, each once.
"""

CONTROLS: tuple[Control, ...] = get_args(Control)

NEAREST = 4
"""Candidates in rank of magnitude from which each control of that kind is drawn, so that repeats
differ. More candidates are further away."""


def draw(control: Control, site: SiteValues, generator: np.random.Generator) -> Tensor:
    """Draw a control.

    Args:
        control: what it has in common with what was chosen.
        site: the activations of a site, ``k`` of them chosen.
        generator: where the draw comes from.

    Returns:
        Positions ``[k]`` among all activations of the site, flattened; the ``i``-th stands for
        the ``i``-th that was chosen.

    Raises:
        InputError: if there are not enough activations left.
    """
    chosen = site.chosen.flatten().nonzero().squeeze(1)
    if not len(chosen):
        return chosen
    free = (~site.chosen & site.values.isfinite()).flatten().nonzero().squeeze(1)
    if control == "number":
        return _any(free, len(chosen), site, control, generator)
    if control == "magnitude":
        return _of_magnitude(chosen, free, site, generator)
    found = torch.empty_like(chosen)
    wanted, there = (site.edge_type[site.edges(places)] for places in (chosen, free))
    for kind in torch.unique(wanted).tolist():
        which = (wanted == kind).nonzero().squeeze(1)
        found[which] = _any(free[there == kind], len(which), site, control, generator)
    return found


def drawn_by_default(sites: Collection[SiteValues]) -> dict[Control, str]:
    """Return which controls can be drawn at all sites, and of the others why not.

    Returns:
        The reason by control, empty if it can be drawn.
    """
    reasons: dict[Control, str] = dict.fromkeys(CONTROLS, "")
    for control in CONTROLS:
        try:
            for site in sites:
                draw(control, site, np.random.default_rng(0))
        except InputError as error:
            reasons[control] = str(error)
    return reasons


def _any(
    free: Tensor, number: int, site: SiteValues, control: str, generator: np.random.Generator
) -> Tensor:
    if number > len(free):
        what = " on edges of the same types" if control == "edge_type" else ""
        raise InputError(
            f"at {site.site} {number} activations are chosen{what} and {len(free)} are left to "
            f"draw the control {control!r} from; leave it out with controls=, or choose fewer"
        )
    return free[torch.from_numpy(generator.choice(len(free), number, replace=False))]


def _of_magnitude(
    chosen: Tensor, free: Tensor, site: SiteValues, generator: np.random.Generator
) -> Tensor:
    """Draw each control from those next in rank, so that no two candidates are the same."""
    if len(chosen) > len(free):
        return _any(free, len(chosen), site, "magnitude", generator)  # which refuses
    magnitude = site.values.flatten().double().abs()
    by_size = free[magnitude[free].argsort(stable=True)]
    order = magnitude[chosen].argsort(stable=True)
    several = min(NEAREST, len(free) // max(len(chosen), 1))
    rank = torch.searchsorted(magnitude[by_size], magnitude[chosen[order]])
    near = rank.unsqueeze(1) + torch.arange(several) - several // 2
    # Ranks of their own for all candidates: pushed up where taken, then down from the end.
    place = torch.arange(near.numel())
    own = ((near.flatten().clamp(min=0) - place).cummax(0).values + place) if len(place) else place
    own = torch.minimum(own, len(free) - len(place) + place).view(-1, several)
    one = torch.from_numpy(generator.integers(0, several, len(chosen)))
    found = torch.empty_like(chosen)
    found[order] = by_size[own[torch.arange(len(chosen)), one]]
    return found
