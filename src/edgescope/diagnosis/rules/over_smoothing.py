"""Rule: node states that become the same as their neighbours'."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from edgescope.diagnosis.finding import Finding, Severity, place
from edgescope.diagnosis.layer_remedies import applicable
from edgescope.diagnosis.neighbour_sums import largest_magnitude, scaled
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, Rule, StateSeen

COLLAPSED = 1e-3
"""Dirichlet energy over that of unrelated states below which states are the same: neighbours then
differ by 4.5 % of the length of a state (the square root of twice 0.001)."""

FALL = 100.0
"""How much smaller it must be than where it was largest before: the layers did it, not the data.
A factor of 100 is a factor of 10 in the distance of neighbours."""

FEW = 10
"""Pairs of neighbours that must have been looked at: one pair of states is alike by chance now and
then."""

MOST_EDGES = 8192
"""Edges that are looked at per block and batch, at equal steps."""


@dataclass
class OverSmoothing(Rule):
    """Node states whose differences along edges vanish from layer to layer.

    Attributes:
        energy: relative Dirichlet energy below which the states count as the same.
        fall: how many times larger it must have been before.
        few: with fewer pairs of neighbours than this, nothing is said.
    """

    id: ClassVar[str] = "over-smoothing"
    title: ClassVar[str] = "node states become the same as their neighbours'"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"state"})
    explanation: ClassVar[str] = """\
Each round of attention is a weighted mean over neighbours, so states may come ever closer to each
other (Rusch et al. 2023, arXiv 2303.10993; for attention, Wu et al. 2023, arXiv 2305.16102). The
measure is the Dirichlet energy of the states between the blocks of the model, made independent of
their scale: the mean of `|x_i - x_j|^2` over the edges, over twice the mean of `|x_i|^2` over the
nodes. It is 1 for unrelated states with mean zero and 0 if all nodes are alike. The first block
after which it is below `energy`, having been above, and `fall` times smaller than at its largest
before, is reported. States of one channel are left out: they are an output, and its offset alone
makes neighbours alike in this measure.

**Thresholds.** `energy` = 0.001: neighbours differ by 4.5 % of the length of a state. `fall` =
100, a factor of ten in their distance: without a fall it is the input that is alike. Rusch et al.
define over-smoothing by the exponential fall of such a measure, without a bound; these two are
ours, and so is `few` = 10 pairs of neighbours.

**What to do.** Fewer layers, residual connections (`residual=True` in GATConv and GATv2Conv, or `x
+ conv(x)`), or a norm between layers such as `PairNorm`.

**False alarm?** A norm that follows may bring small differences back. If the labels are the same
all over a neighbourhood, alike states are what the task asks for.
"""

    energy: float = COLLAPSED
    fall: float = FALL
    few: int = FEW

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was counted."""
        self._curable = [info.path for info in layers if applicable("residual", info.layer)]
        self._scale: dict[str, float] = {}

    def observe_state(self, seen: StateSeen) -> None:
        """Add up squared differences along edges, and squared lengths."""
        # Relative to the size of the first states, so that no square overflows.
        scale = self._scale.get(seen.path) or largest_magnitude(seen.x)
        self._scale[seen.path] = scale
        x = scaled(seen.x, scale)
        step = -(-seen.edge_index.size(1) // MOST_EDGES) or 1
        source, target = seen.edge_index[:, ::step]
        sums = self._sums[seen.path]
        apart = (x[source] - x[target]).square().sum(1)
        sums.add("apart", apart.sum())
        sums.add("edges", (source != target).sum())
        size = len(x)
        pair = torch.minimum(source, target) * size + torch.maximum(source, target)
        sums.add("pairs", torch.tensor(len(torch.unique(pair[source != target]))))
        sums.add("length", x.square().sum())
        sums.add("nodes", torch.tensor(len(x)))
        self._sums[seen.path].keep("width", torch.tensor(x.size(1)))

    def energies(self) -> dict[str, float]:
        """Return the relative Dirichlet energy of the states, by where they come from, in order."""
        found = {}
        for path, sums in self._sums.items():
            if sums["edges"] and sums["length"]:
                apart = sums["apart"] / sums["edges"]
                found[path] = float(apart / (2 * sums["length"] / sums["nodes"]))
        return found

    def _wide(self, path: str) -> bool:
        """Return whether states have several channels, and enough neighbours were looked at."""
        return bool(self._sums[path]["width"] > 1) and bool(self._sums[path]["pairs"] >= self.few)

    def findings(self) -> list[Finding]:
        """Report the first block after which neighbours are alike."""
        energies = self.energies()
        largest = 0.0
        for path, energy in energies.items():
            fell = largest >= self.energy and energy * self.fall <= largest
            if energy < self.energy and fell and self._wide(path):
                return [
                    Finding(
                        self.id,
                        self.severity,
                        place(path),
                        f"after it, neighbours are alike: Dirichlet energy {energy:.1e} relative "
                        f"to unrelated states, down from {largest:.1e}",
                        {
                            "energy": list(energies.values()),
                            "after": list(energies),
                            "layers": self._curable,
                        },
                        "every layer averages over neighbours, and nothing keeps the states apart",
                        "use fewer layers, residual=True (or x + conv(x)), or PairNorm between "
                        "layers",
                        "residual" if self._curable else None,
                    )
                ]
            largest = max(largest, energy)
        return []
