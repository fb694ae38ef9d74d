"""The stages of a tracing: rewinding, the first site, patching, and taking scores apart."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from edgescope.intervene.metric_resamples import Scorer
from edgescope.intervene.origins.exact_sets import Exact, FirstSite
from edgescope.intervene.origins.massive_counts import Choose
from edgescope.intervene.origins.patch_experiment import PatchExperiment
from edgescope.intervene.origins.rewind_runs import Rewinds
from edgescope.intervene.origins.score_factors import Decomposition
from edgescope.intervene.origins.two_models import Running, TwoModels
from edgescope.lib.progress import track
from edgescope.scanning.loaders import graph_loader


class Stages:
    """Runs the stages and keeps what each found.

    Args:
        models: the trained and the untrained model.
        running: how they are run.
        scorer: of their predictions.
        choose: says what is massive.
        share: of what the trained model has more, which a set must take away, or make.
        max_passes: how many passes rewinding may take.
        max_bytes: how much the activations of one model may take.
    """

    def __init__(
        self,
        models: TwoModels,
        running: Running,
        scorer: Scorer,
        choose: Choose,
        share: float,
        max_passes: int,
        max_bytes: int,
    ) -> None:
        self._models, self._running = models, running
        self._rewinds = Rewinds(models, scorer, share, models.passes.done + max_passes)
        self._first = FirstSite(models.exchange, running, choose, share)
        self._patches = PatchExperiment(models, scorer, max_bytes)
        self._parts = Decomposition(models.exchange.model, models.traced.sites, choose)
        self._exact = Exact([], [], 0)
        self._patched = False
        self._passes = {"the two models": models.done}

    def run(
        self,
        levels: Sequence[str],
        patches: bool,
        donor: Iterable[Any] | None,
        steps: int,
        seed: int,
        progress: bool,
    ) -> None:
        """Run all stages; arguments are those of :func:`edgescope.causes`."""
        models, name = self._models, type(self._models.exchange.model).__name__

        def enumerated() -> None:
            self._exact = self._first.run(models.traced.sites[0])

        def patched() -> None:
            others = None if donor is None else list(graph_loader(donor))
            other = None if others is None else self._running.passes(models.exchange.model, others)
            self._patches.run(self._running, other, steps, seed)
            self._patched = True
            self._passes["patching, other input"] = 0 if other is None else other.done

        def apart() -> None:
            models.exchange.rewind(())
            self._parts.run(models.passes)

        stages: dict[str, Callable[[], None]] = {
            "rewinding": lambda: self._rewinds.trace(levels, seed),
            "first site": enumerated,
        }
        stages |= {"patching": patched} if patches else {}
        stages |= {"taking apart": apart}
        for stage, work in track(list(stages.items()), f"tracing {name}", show=progress):
            before = models.passes.done
            work()
            self._passes[stage] = models.passes.done - before
        self._passes["first site"] = self._exact.passes
        self._passes["patching, gradients"] = self._patches.gradient_passes

    def facts(self) -> dict[str, Any]:
        """Return what a result says of the stages."""
        patches = self._patches
        left_out = self._models.traced.left_out | (patches.left_out if self._patched else {})
        return {
            "itself": patches.itself if self._patched else None,
            "passes": {stage: number for stage, number in self._passes.items() if number},
            "stopped": self._rewinds.stopped,
            "exact": self._exact.reason,
            "left_out": left_out | self._parts.left_out,
        }

    def rows(self, scorer: Scorer) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of every table of a result."""
        factors, writers = self._parts.rows(scorer)
        return {
            "rewinds": self._rewinds.rows,
            "sites": self._rewinds.of_sites,
            "sets": self._rewinds.sets + self._exact.sets,
            "types": self._exact.types,
            "paths": self._patches.rows,
            "effects": self._patches.effects,
            "agreement": self._patches.agreed,
            "factors": factors,
            "writers": writers,
        }
