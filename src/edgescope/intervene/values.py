"""What is put in the place of an activation."""

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from edgescope.errors import InputError
from edgescope.intervene.recorded import SiteValues
from edgescope.intervene.where import Selector

Value = Literal["zero", "mean", "median", "clip", "untrained", "resample"]
"""What the chosen activations become:

- ``"zero"``: 0.
- ``"mean"``, ``"median"``: the mean or lower median of the same head and channel over all edges of
  the loader at which that activation was not chosen and is finite.
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
        if value in {"mean", "median"}:
            self._centre = self._centres()
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
            self._check(~found.isnan(), column)
            return found
        if self._factor is not None:
            return self._flat[places].double() * self._factor
        if self._value == "untrained":
            return self._untrained[places].double()
        return self._resampled(places, column, generator)

    def _centres(self) -> Tensor:
        """Return the mean or median of every head and channel ``[H * D]``; NaN if of nothing."""
        values = self._site.values.double().where(self._free, torch.nan).flatten(1)
        if not len(values):
            return values.new_full((self._site.width,), torch.nan)
        return values.nanmean(0) if self._value == "mean" else values.nanmedian(0).values

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
