"""Patching: the activations of one site become those of another run, and what follows is counted.

As in Vig et al., NeurIPS 2020, and Meng et al., NeurIPS 2022 (arXiv 2202.05262).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from edgescope.intervene.metric_resamples import Scorer
from edgescope.intervene.origins.massive_counts import Counted, Counter
from edgescope.intervene.origins.rewind_rows import interval
from edgescope.intervene.replay import Passes, Replaced, SiteValues
from edgescope.lib.errors import InputError

Array = NDArray[np.float64]

PATHS: dict[str, type[pl.DataType]] = {
    "into": pl.String,
    "source": pl.String,
    "patched": pl.String,
    "site": pl.String,
    "edges": pl.Int64,
    "massive": pl.Int64,
    "nonfinite": pl.Int64,
    "prevalence": pl.Float64,
    "prevalence_low": pl.Float64,
    "prevalence_high": pl.Float64,
    "change": pl.Float64,
    "change_low": pl.Float64,
    "change_high": pl.Float64,
}

EFFECTS: dict[str, type[pl.DataType]] = {
    "into": pl.String,
    "source": pl.String,
    "patched": pl.String,
    "moved": pl.Float64,
    "moved_low": pl.Float64,
    "moved_high": pl.Float64,
    "metric_change": pl.Float64,
    "metric_change_low": pl.Float64,
    "metric_change_high": pl.Float64,
    "exact": pl.Float64,
    "gradient": pl.Float64,
    "integrated": pl.Float64,
    "gap": pl.Float64,
}


class Patches:
    """Patches the sites of a model one by one.

    Args:
        passes: of the model.
        counter: counts what is massive.
        sites: names of the sites to count at.
        own: the activations of the model itself, by site.
        base: what the model gives as it is.
        scorer: of its predictions.

    Attributes:
        rows: one per patched site and site that was counted at, of :data:`PATHS`.
        effects: one per patched site, of :data:`EFFECTS`.
    """

    def __init__(
        self,
        passes: Passes,
        counter: Counter,
        sites: Sequence[str],
        own: Mapping[str, SiteValues],
        base: Counted,
        scorer: Scorer,
    ) -> None:
        self.rows: list[dict[str, Any]] = []
        self.effects: list[dict[str, Any]] = []
        self._passes, self._counter, self._sites = passes, counter, sites
        self._own, self._base, self._scorer = own, base, scorer

    def itself(self) -> float:
        """Patch all sites with their own activations; return the largest change of a prediction.

        It is infinite if what is massive changes.
        """
        replaced = {site: whole(values) for site, values in self._own.items()}
        found, _ = self._counter.run(self._passes, self._sites, replaced=replaced)
        same = all(
            np.array_equal(site.massive, self._base.sites[name].massive)
            and site.largest == self._base.sites[name].largest
            for name, site in found.sites.items()
        )
        if np.array_equal(found.prediction, self._base.prediction, equal_nan=True):
            return 0.0 if same else float("inf")
        return float(np.abs(self._scorer.change(found.prediction, self._base.prediction)).max())

    def patch(
        self,
        into: str,
        source: str,
        site: str,
        donor: SiteValues,
        places: torch.Tensor | None = None,
    ) -> Array:
        """Patch a site, and return how that changes the prediction of every row ``[N, T]``.

        Args:
            into: what the model is called.
            source: where the new values come from.
            site: name of the site.
            donor: the new values.
            places: of some activations alone, flattened; nothing is noted then.

        Raises:
            InputError: if the new values are of another shape.
        """
        own = self._own[site]
        if donor.values.shape != own.values.shape:
            raise InputError(
                f"{source} has activations {list(donor.values.shape)} at {site}, expected "
                f"{list(own.values.shape)} [E, H, D], those of the same edges"
            )
        replaced = whole(donor) if places is None else part(donor, places)
        if places is not None:
            prediction = self._passes.edited({site: replaced})
            return self._scorer.change(prediction, self._base.prediction)
        found, _ = self._counter.run(self._passes, self._sites, replaced={site: replaced})
        names = {"into": into, "source": source, "patched": site}
        for name, there in found.sites.items():
            before = self._base.prevalence(self._scorer, [name])
            after = found.prevalence(self._scorer, [name])
            row = {**names, "site": name, "edges": int(there.edges.sum())}
            row |= {"massive": int(there.massive.sum()), "nonfinite": int(there.nonfinite.sum())}
            row |= interval("prevalence", after, self._scorer)
            self.rows.append(row | interval("change", after.minus(before), self._scorer))
        effect: dict[str, Any] = dict(names)
        apart = self._scorer.apart(found.prediction, self._base.prediction)
        effect |= interval("moved", apart, self._scorer)
        scores = [self._scorer.score(each.prediction) for each in (self._base, found)]
        if scores[0] and scores[1]:
            effect |= interval("metric_change", scores[1].minus(scores[0]), self._scorer)
        self.effects.append(effect)
        return self._scorer.change(found.prediction, self._base.prediction)


def whole(values: SiteValues) -> Replaced:
    """Return all activations of a site as what replaces them."""
    return Replaced(torch.arange(values.values.numel()), values.values.flatten())


def part(values: SiteValues, places: torch.Tensor) -> Replaced:
    """Return some activations of a site as what replaces them."""
    ordered = places.sort().values
    return Replaced(ordered, values.values.flatten()[ordered])
