"""At which sites an intervention replaces activations, and by what."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor, nn

from edgescope.capturing import Site
from edgescope.capturing.edits import check_editable, why_not
from edgescope.capturing.site_choice import Sites, select_sites
from edgescope.intervene.activation_choice import Selector, Where
from edgescope.intervene.replay import SiteValues, first_call
from edgescope.lib.errors import InputError
from edgescope.scanning.result import Scan
from edgescope.scanning.scan_sites import choose_sites

ONE_NUMBER = "it holds one number per edge and head, so there is no ratio between channels"
"""Why a site is left out that has no vectors."""


class Places(NamedTuple):
    """Where activations are replaced."""

    sites: list[Site]
    """The sites."""
    left_out: dict[str, str]
    """Sites that nobody asked for by name and that cannot be taken, each with the reason."""
    by_default: bool
    """Whether nobody asked for sites by name."""


def choose_places(
    model: nn.Module,
    where: Where,
    sites: Sites,
    layers: Sequence[int | str] | None,
) -> Places:
    """Return the sites at which activations are replaced.

    A site that cannot be edited is left out if it was not asked for.

    Args:
        model: the model.
        where: what chooses the activations; a scan has its own sites.
        sites: names or patterns, or a function; by default those of the scan, or those that a
            scan would take.
        layers: of the layers of these sites, the numbers (negative ones from the end) or the
            paths (``"layers.3"`` holds ``layers.3.attention``) of those to take.

    Raises:
        InputError: if there is no such site or layer, or one that was asked for by ``sites`` or
            ``layers`` cannot be edited, or none can.
    """
    found, scalars = _candidates(model, where, sites)
    if sites is not None or layers is not None:
        found = _of_layers(found, layers)
        check_editable(model, found)
        return Places(found, {}, by_default=False)
    editable = [site for site in found if site.editable]
    if not editable:
        check_editable(model, found)
    reasons = {
        site.name: f"it cannot be edited, as {why_not(site)}" for site in found if not site.editable
    }
    return Places(editable, reasons | dict.fromkeys(scalars, ONE_NUMBER), by_default=True)


def left_out_message(left_out: Mapping[str, str]) -> str:
    """Say which sites an intervention leaves out, and why."""
    reasons = "; ".join(f"{site}: {reason}" for site, reason in left_out.items())
    return f"{len(left_out)} of the sites are left out ({reasons}); what is found is of the others"


def _candidates(model: nn.Module, where: Where, sites: Sites) -> tuple[list[Site], list[str]]:
    """Return the sites to take, and those that are left out as they have no vectors."""
    scalars: list[str] = []
    if callable(where) or (sites is not None and isinstance(where, Scan)):
        if sites is not None:
            found = select_sites(model, sites)
        else:
            found, scalars = _chosen(model, None)
    elif isinstance(where, Scan):
        scanned = {first_call(name) for name in where.sites}
        found = select_sites(model, lambda site: site.name in scanned)
    else:
        found, scalars = _chosen(model, sites)
    if isinstance(where, Scan):
        scanned = {first_call(name) for name in where.sites}
        missing = [site.name for site in found if site.name not in scanned]
        if missing:
            raise InputError(
                f"the scan has no site {missing[0]}, it has {', '.join(where.sites)}; scan it too, "
                "or leave it out with sites="
            )
    return found, scalars


def _chosen(model: nn.Module, sites: Sites) -> tuple[list[Site], list[str]]:
    chosen = choose_sites(model, sites)
    return chosen.sites, chosen.left_out


def _of_layers(sites: list[Site], layers: Sequence[int | str] | None) -> list[Site]:
    if layers is None:
        return sites
    paths = list(dict.fromkeys(site.path for site in sites))
    wanted: set[str] = set()
    for layer in [layers] if isinstance(layers, str | int) else layers:
        if isinstance(layer, int):
            if not -len(paths) <= layer < len(paths):
                raise InputError(
                    f"received layer {layer}, expected a number below {len(paths)}: the layers are "
                    f"{', '.join(paths)}"
                )
            wanted.add(paths[layer])
            continue
        inside = {path for path in paths if path == layer or path.startswith(f"{layer}.")}
        if not inside:
            raise InputError(f"received layer {layer!r}, expected one of {', '.join(paths)}")
        wanted |= inside
    if not wanted:
        raise InputError(f"layers= is empty; the layers are {', '.join(paths)}")
    return [site for site in sites if site.path in wanted]


Value = Literal["zero", "mean", "median", "constant", "clip", "untrained", "resample"]
"""What the chosen activations become:

- ``"zero"``: 0.
- ``"mean"``, ``"median"``: the mean or lower median of the same head and channel over all edges of
  the loader at which that activation was not chosen and is finite.
- ``"constant"``: the mean over those at the same head and channel that were chosen, so that all of
  these are the same; a control is the mean over those that were not.
- ``"clip"``: the largest magnitude that would not have been chosen, with the same sign. A control
  shrinks by the factor by which the activation that it stands for does.
- ``"untrained"``: what the same activation is in an untrained model, on the same graph.
- ``"resample"``: the same head and channel of another edge of the loader, drawn at random among
  those at which it was not chosen and is finite.
"""

VALUES: tuple[str, ...] = get_args(Value)

Generator = np.random.Generator


class Replacement:
    """Gives the new values of one site.

    Args:
        value: which; see :data:`Value`.
        site: the activations of the site.
        choose: what chose them, for the thresholds of ``"clip"``.
        untrained: the activations of the same site in an untrained model, for ``"untrained"``.

    Raises:
        InputError: if the untrained model has other edges or another width there.
    """

    def __init__(
        self, value: Value, site: SiteValues, choose: Selector, untrained: SiteValues | None
    ) -> None:
        self._value = value
        self._site = site
        self._flat = site.values.flatten()
        self._centre: Tensor | None = None
        self._factor: Tensor | None = None
        if value == "untrained":
            if untrained is None or untrained.values.shape != site.values.shape:
                found = "nothing" if untrained is None else list(untrained.values.shape)
                raise InputError(
                    f"the untrained model has {found} at {site.site}, expected "
                    f"{list(site.values.shape)}; pass a model of the same architecture"
                )
            self._untrained = untrained.values.flatten()
        self.chosen = site.chosen.flatten().nonzero().squeeze(1)
        self._free = ~site.chosen & site.values.isfinite()
        if value in {"mean", "median", "constant"}:
            self._centre = self._centres(self._free)
        if value == "constant":
            self._constant = self._centres(site.chosen & site.values.isfinite())
            self._is_chosen = site.chosen.flatten()
        if value == "clip":
            limits = choose.limits(site)[site.edges(self.chosen)]
            self._factor = limits / self._flat[self.chosen].double().abs()

    def of(self, places: Tensor, generator: Generator) -> Tensor:
        """Return the new values ``[k]``.

        Args:
            places: positions ``[k]`` among all activations of the site, flattened; of a control,
                each stands for the chosen one of the same rank.
            generator: where draws come from.

        Raises:
            InputError: if there is no activation to take a value from.
        """
        column = places % self._site.width
        if self._value == "zero":
            return torch.zeros(len(places), dtype=torch.float64)
        if self._centre is not None:
            found = self._centre[column]
            if self._value == "constant":
                found = self._constant[column].where(self._is_chosen[places], found)
            self._check(~found.isnan(), column)
            return found
        if self._factor is not None:
            return self._flat[places].double() * self._factor
        if self._value == "untrained":
            return self._untrained[places].double()
        return self._resampled(places, column, generator)

    def _centres(self, over: Tensor) -> Tensor:
        """Return the mean or median of every head and channel ``[H * D]``; NaN if of nothing.

        Args:
            over: the activations that count ``[E, H, D]``, bool.
        """
        values = self._site.values.double().where(over, torch.nan).flatten(1)
        if not len(values):
            return values.new_full((self._site.width,), torch.nan)
        return values.nanmedian(0).values if self._value == "median" else values.nanmean(0)

    def _resampled(self, places: Tensor, column: Tensor, generator: Generator) -> Tensor:
        """Return the same head and channel at other edges, drawn at random."""
        free = self._free.flatten(1)
        found = torch.empty(len(places), dtype=torch.float64)
        for channel in torch.unique(column).tolist():
            donors = free[:, channel].nonzero().squeeze(1)
            which = (column == channel).nonzero().squeeze(1)
            own = self._site.edges(places[which])
            # A free edge is no donor of itself: it draws among one fewer, and skips itself.
            itself = free[own, channel]
            number = len(donors) - itself.long()
            self._check(number > 0, column[which])
            drawn = torch.from_numpy(generator.integers(0, number.numpy()))
            drawn += itself & (drawn >= torch.searchsorted(donors, own))
            found[which] = self._site.values.flatten(1)[donors[drawn], channel].double()
        return found

    def _check(self, fine: Tensor, column: Tensor) -> None:
        if bool(fine.all()):
            return
        head, channel = divmod(int(column[~fine][0]), self._site.values.size(2))
        raise InputError(
            f"at {self._site.site} head {head} channel {channel} no other edge is left that was "
            f"not chosen, from which value={self._value!r} could be taken; use 'zero' or "
            "'untrained'"
        )
