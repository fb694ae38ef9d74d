"""The interventions of an ablation: what each replaces, and what comes of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgescope.intervene.ablation_result import CHOSEN, EVERYWHERE
from edgescope.intervene.activation_choice import Selector
from edgescope.intervene.controls import CONTROLS, draw
from edgescope.intervene.metric_resamples import Sample, Scorer, mean_of
from edgescope.intervene.replacement import Replacement, Value
from edgescope.intervene.replay import Passes, Replaced, SiteValues


@dataclass(frozen=True)
class Variant:
    """An intervention: what is replaced at some sites."""

    site: str
    """As the table calls it."""
    sites: tuple[str, ...]
    selection: str
    draws: int


@dataclass(frozen=True)
class Result:
    """What one draw of an intervention replaced and gave."""

    activations: int
    edges: int
    magnitude: float | None
    score: Sample | None
    moved: Sample


class Work:
    """Runs interventions.

    Args:
        passes: of the model.
        recorded: the activations of every site.
        choose: what chose them.
        value: what they become.
        untrained: the activations of an untrained model, if they are needed.
        seed: decides the draws.
    """

    def __init__(
        self,
        passes: Passes,
        recorded: Mapping[str, SiteValues],
        choose: Selector,
        value: Value,
        untrained: Mapping[str, SiteValues],
        seed: int,
    ) -> None:
        self.recorded = recorded
        self._random = value == "resample"
        self._passes = passes
        self._seed = seed
        self._replacement = {
            name: Replacement(value, site, choose, untrained.get(name))
            for name, site in recorded.items()
        }

    def chosen(self, site: str) -> Tensor:
        """Return the positions of the chosen activations of a site ``[k]``."""
        return self._replacement[site].chosen

    def run(self, variant: Variant, number: int, scorer: Scorer) -> Result:
        """Run the model with one draw of an intervention."""
        replaced: dict[str, Replaced] = {}
        edges, size = 0, 0.0
        for name in variant.sites:
            site, generator = self.recorded[name], self._generator(name, variant, number)
            places = self.chosen(name)
            if variant.selection != CHOSEN:
                places = draw(variant.selection, site, generator)  # type: ignore[arg-type]
            values = self._replacement[name].of(places, generator)
            order = places.argsort()
            replaced[name] = Replaced(places[order], values[order])
            edges += len(torch.unique(site.edges(places)))
            size += float(site.values.flatten()[places].double().abs().sum())
        prediction = self._passes.edited(replaced)
        total = sum(len(each.places) for each in replaced.values())
        mean = size / total if total else None
        return Result(total, edges, mean, scorer.score(prediction), scorer.moved(prediction))

    def _generator(self, site: str, variant: Variant, number: int) -> np.random.Generator:
        """Return a generator of its own; a site has the same draws alone and with others."""
        kind = (CHOSEN, *CONTROLS).index(variant.selection)
        return np.random.default_rng((self._seed, list(self.recorded).index(site), kind, number))

    def variants(self, controls: Sequence[str], repeats: int) -> Iterator[Variant]:
        """Return what is to be run: every site alone, then all together, each with controls."""
        scopes: list[tuple[str, tuple[str, ...]]] = [(name, (name,)) for name in self.recorded]
        if len(scopes) > 1:
            scopes.append((EVERYWHERE, tuple(self.recorded)))
        for site, of in scopes:
            some = any(len(self.chosen(name)) for name in of)
            yield Variant(site, of, CHOSEN, repeats if self._random and some else 1)
            for control in controls:
                yield Variant(site, of, control, repeats if some else 0)


def table_rows(
    results: Mapping[Variant, Sequence[Result]],
    recorded: Mapping[str, SiteValues],
    before: Sample | None,
    scorer: Scorer,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of an ablation.

    Args:
        results: of every intervention its draws; what was chosen comes before its controls.
        recorded: the activations of every site.
        before: the metric of the model as it is, if there is one.
        scorer: gives the intervals.
    """
    chosen: dict[str, Sample | None] = {}
    size: float | None = None
    for variant, draws in results.items():
        row: dict[str, Any] = {
            "site": variant.site,
            "selection": variant.selection,
            "draws": len(draws),
        }
        if draws:
            row |= _replaced(draws, [recorded[name] for name in variant.sites])
            changes = [
                each.score.minus(before) for each in draws if before and each.score is not None
            ]
            samples = {
                "change": mean_of(changes) if changes else None,
                "moved": mean_of([each.moved for each in draws]),
            }
            if before and samples["change"]:
                row["metric"] = before.value + samples["change"].value
            if len(changes) > 1:
                row["change_sd"] = float(np.std([each.value for each in changes], ddof=1))
            if variant.selection == CHOSEN:
                chosen, size = samples, row["magnitude"]
            elif size:
                row["magnitude_ratio"] = row["magnitude"] / size
            for name, excess in (("change", "excess"), ("moved", "moved_excess")):
                sample, reference = samples[name], chosen[name]
                row |= _interval(name, sample, scorer)
                if variant.selection != CHOSEN and sample and reference:
                    row |= _interval(excess, reference.minus(sample), scorer)
        yield row


def _replaced(draws: Sequence[Result], sites: Sequence[SiteValues]) -> dict[str, Any]:
    """Return how much was replaced, means over draws."""
    total, rows = (
        sum(size) for size in zip(*((s.values.numel(), len(s.values)) for s in sites), strict=True)
    )
    edges = float(np.mean([each.edges for each in draws]))
    return {
        "activations": draws[0].activations,
        "share": draws[0].activations / total if total else 0.0,
        "edges": edges,
        "edge_share": edges / rows if rows else 0.0,
        "magnitude": None
        if draws[0].magnitude is None
        else float(np.mean([each.magnitude for each in draws])),
    }


def _interval(name: str, sample: Sample | None, scorer: Scorer) -> dict[str, float]:
    if sample is None:
        return {}
    found = scorer.interval(sample)
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
