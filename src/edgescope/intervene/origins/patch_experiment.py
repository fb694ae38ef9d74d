"""All patches of a model: from the untrained one and back, and from other inputs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgescope.capturing import EdgeActivations
from edgescope.intervene.metric_resamples import Scorer
from edgescope.intervene.origins.massive_counts import Rows
from edgescope.intervene.origins.patch_gradients import START, Gradients, agreement, midpoints
from edgescope.intervene.origins.site_patches import Patches
from edgescope.intervene.origins.two_models import Running, TwoModels
from edgescope.intervene.replay import Passes, SiteValues, first_call
from edgescope.lib.errors import InputError

Array = NDArray[np.float64]

DRAWS = 2
"""Edges of every graph that are patched one at a time: a massive one, if there is one, and any."""


class PatchExperiment:
    """Patches every site that can be edited.

    Args:
        models: the two models, which have run.
        scorer: of the predictions of the trained one.
        max_bytes: how much the activations of one model may take.

    Attributes:
        rows: where massive activations are after a patch.
        effects: what a patch does to predictions.
        agreed: how estimates and exact patches agree.
        itself: the largest change of a prediction by patching with the same.
        left_out: sites that are not patched, each with the reason.
        gradient_passes: forward passes with gradients.
    """

    def __init__(self, models: TwoModels, scorer: Scorer, max_bytes: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self.effects: list[dict[str, Any]] = []
        self.agreed: list[dict[str, Any]] = []
        self.itself = 0.0
        self.left_out: dict[str, str] = {}
        self.gradient_passes = 0
        self._exchange, self._passes, self._counter = models.exchange, models.passes, models.counter
        self._ends, self._outputs, self._rows = models.ends, models.outputs, models.rows
        self._scorer, self._max_bytes = scorer, max_bytes
        sites = models.traced.sites
        self._sites = [site.name for site in sites]
        self._editable = {site.name: site for site in sites if site.editable}
        for site in sites:
            if not site.editable:
                self.left_out[site.name] = "it is not patched, as it cannot be edited"

    def run(self, running: Running, donor: Passes | None, steps: int, seed: int) -> None:
        """Run all patches.

        Args:
            running: how the model is run.
            donor: passes over another input of the same shape.
            steps: of integrated gradients.
            seed: decides the edges that are patched alone, and resamples.
        """
        if not self._editable:
            return
        untrained = self._recorded(self._exchange.changed)
        trained = self._recorded(())
        patches = self._patches(trained, self._ends.trained)
        self.itself = patches.itself()
        changes = {}
        for site in trained:
            changes[site] = patches.patch("trained", "untrained", site, untrained[site])
        if donor is not None:
            other = self._of_donor(donor)
            for site in trained:
                patches.patch("trained", "another input", site, other[site])
        self._estimate(patches, changes, untrained, running, steps, seed)
        self.effects += patches.effects
        self.rows += patches.rows
        self._exchange.rewind(self._exchange.changed)
        back = self._patches(untrained, self._ends.untrained)
        for site in untrained:
            back.patch("untrained", "trained", site, trained[site])
        self.rows += back.rows
        self.effects += back.effects

    def _patches(self, own: Mapping[str, SiteValues], base: Any) -> Patches:  # noqa: ANN401
        return Patches(self._passes, self._counter, self._sites, own, base, self._scorer)

    def _of_donor(self, donor: Passes) -> dict[str, SiteValues]:
        """Return the activations on other inputs, each of whose graphs has as many edges."""
        graphs: dict[str, list[torch.Tensor]] = defaultdict(list)

        def note(placed: EdgeActivations) -> torch.Tensor:
            graphs[placed.site].append(placed.graph.cpu())
            return torch.zeros(placed.values.shape, dtype=torch.bool)

        found, _ = donor.recorded(list(self._editable), note, self._max_bytes, "", False)
        for site, rows in self._rows.items():
            if first_call(site) in self._editable and not (
                site in found and torch.cat(graphs[site]).equal(rows.graph)
            ):
                raise InputError(
                    f"the graphs of donor= have other numbers of edges at {site} than those of the "
                    "loader, so which edge is patched with which is not known; pass the same "
                    "graphs, in the same order, with other features"
                )
        return found

    def _recorded(self, rewound: Sequence[str]) -> dict[str, SiteValues]:
        self._exchange.rewind(rewound)
        found, _ = self._passes.recorded(list(self._editable), None, self._max_bytes, "", False)
        return found

    def _estimate(
        self,
        patches: Patches,
        changes: Mapping[str, Array],
        donor: Mapping[str, SiteValues],
        running: Running,
        steps: int,
        seed: int,
    ) -> None:
        """Estimate the patches from the untrained model, and compare with what they did."""
        gradients = Gradients(self._exchange.model, running)
        generator = np.random.default_rng(seed)
        graphs = self._scorer.graphs
        sums: dict[str, list[float]] = {"exact": [], "gradient": [], "integrated": []}
        for site, effect in zip(changes, list(patches.effects), strict=False):
            if self._editable[first_call(site)].how == "discovered":
                self.left_out[site] = "no gradients flow through an edit of discovered attention"
                continue
            exact = _by_graph(changes[site].sum(1), self._outputs.graph, graphs)
            graph = self._rows[site].graph.numpy()
            estimates = {
                "gradient": gradients.attributed(site, donor[site], [START]),
                "integrated": gradients.attributed(site, donor[site], midpoints(steps)),
            }
            effect["exact"] = _plain(np.abs(exact).mean())
            sums["exact"].append(float(np.abs(exact).mean()))
            alone = self._edges(patches, site, donor[site], self._rows[site], generator)
            for name, each in estimates.items():
                summed = _by_graph(each, graph, graphs)
                effect[name] = _plain(np.abs(summed).mean())
                sums[name].append(float(np.abs(summed).mean()))
                row = {"method": name, "patched": site}
                found = agreement(exact, summed, np.arange(graphs), generator)
                self.agreed.append({**row, "over": "graphs", **found})
                places = np.array([place for place, _ in alone], dtype=np.int64)
                change = np.array([change for _, change in alone])
                found = agreement(change, each[places], graph[places], generator)
                self.agreed.append({**row, "over": "edges", **found})
                if name == "integrated" and np.abs(exact).sum():
                    gap = np.abs(summed - exact).sum() / np.abs(exact).sum()
                    effect["gap"] = _plain(gap)
        self.gradient_passes = gradients.passes
        for name in ("gradient", "integrated"):
            several = np.array(sums["exact"])
            one = np.zeros(len(several), dtype=np.int64)  # sites are no sample of sites
            found = agreement(several, np.array(sums[name]), one, generator)
            self.agreed.append({"method": name, "patched": "all", "over": "sites", **found})

    def _edges(
        self,
        patches: Patches,
        site: str,
        donor: SiteValues,
        rows: Rows,
        generator: np.random.Generator,
    ) -> list[tuple[int, float]]:
        """Patch one edge of every graph at a time; return each edge and what it changes."""
        found: list[tuple[int, float]] = []
        graph, massive = rows.graph.numpy(), rows.massive.numpy()
        for draw in range(DRAWS):
            order = generator.permutation(len(graph))
            if draw == 0:
                order = order[np.argsort(~massive[order], kind="stable")]
            _, first = np.unique(graph[order], return_index=True)
            chosen = np.sort(order[first])
            if not len(chosen):
                continue
            width = donor.width
            places = torch.from_numpy(chosen).unsqueeze(1) * width + torch.arange(width)
            change = patches.patch("trained", "untrained", site, donor, places.flatten())
            summed = _by_graph(change.sum(1), self._outputs.graph, self._scorer.graphs)
            found += [(int(row), float(summed[graph[row]])) for row in chosen]
        return found


def _by_graph(numbers: Array, graph: NDArray[np.int64], graphs: int) -> Array:
    return np.bincount(graph, numbers, graphs).astype(np.float64)


def _plain(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
