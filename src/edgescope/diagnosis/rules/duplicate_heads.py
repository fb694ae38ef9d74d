"""Rule: heads that attend alike."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from edgescope.diagnosis.finding import Finding, Severity, place
from edgescope.diagnosis.rules.diagnosis_rule import LayerSeen, Rule

SAME = 1e-3
"""Squared distance of two heads' deviations from uniform attention, relative to the larger of the
two, below which they are duplicates; heads of equal size have a correlation above 0.9995 then."""

UNIFORM = 1e-3
"""Root mean square deviation from uniform weights below which a head is left to the rule
``uniform-attention``: all uniform heads are alike."""


FEW = 10
"""Choices that heads must have made. Deviations of heads that have nothing to do with each other
are random directions in as many dimensions: half of all pairs have a correlation above 0.9995 in
one dimension, one pair in a hundred in two, and one in 10^14 in ten."""


@dataclass
class DuplicateHeads(Rule):
    """Heads of a layer with the same weights on all edges.

    Attributes:
        distance: squared distance of two heads' deviations from uniform weights, relative to the
            larger deviation, below which they are duplicates.
        uniform: root mean square deviation below which a head is uniform and left out.
        few: with fewer choices than this, the number of neighbours less one, summed over nodes,
            nothing is said.
    """

    id: ClassVar[str] = "duplicate-heads"
    title: ClassVar[str] = "heads of a layer attend alike"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"weight"})
    explanation: ClassVar[str] = """\
Several heads are there to attend to different things. Two heads whose weights agree on every edge
are one head, paid for twice. The weights of a head are compared after taking away what the degree
explains: `d = w - 1/n` over the neighbours of nodes with two or more (several edges to one
neighbour are one neighbour). Two heads a and b are duplicates if
`|d_a - d_b|^2 <= distance * max(|d_a|^2, |d_b|^2)`, summed over all edges of all batches.

**Thresholds.** `distance` = 0.001; for deviations of the same size it means a correlation above
0.9995. Michel et al. (2019, arXiv 1905.10650) show how many heads can be removed from trained
transformers; the bound here is far stricter, and calls only copies so. `uniform` = 0.001: heads
nearer to uniform weights are left to `uniform-attention`. `few` = 10 choices, the number of
neighbours less one, summed over nodes: in so many dimensions, random deviations are never so close.

**What to do.** Fewer `heads` of more channels each, or different initialisations: weights copied
from a smaller model, or all set to the same constant, stay alike in training.

**False alarm?** On data with very few different neighbourhoods (a handful of small graphs), heads
can agree by chance: look at how many edges were compared.
"""

    distance: float = SAME
    uniform: float = UNIFORM
    few: int = FEW

    def observe(self, seen: LayerSeen) -> None:
        """Add up the products of the heads' deviations from uniform weights."""
        if seen.weight is None or seen.weight.numel() == 0 or seen.weight.size(1) == 1:
            return
        if seen.by_channel:
            return  # channels are no heads
        gets, equal = seen.groups.shares(seen.share)
        found = seen.groups.neighbours
        deviation = (gets - equal.unsqueeze(1))[found.number[found.softmax] > 1]
        sums = self._sums[seen.path]
        sums.add("products", deviation.T @ deviation)
        sums.add("edges", deviation.new_tensor(len(deviation)))
        sums.add("choices", (found.number - 1).clamp(min=0).sum())

    def findings(self) -> list[Finding]:
        """Report the groups of heads that are alike."""
        found = []
        for path, sums in self._sums.items():
            edges = int(sums["edges"])
            if not edges or sums["choices"] < self.few:
                continue
            products = sums["products"]
            square = products.diagonal()
            largest = torch.maximum(square[:, None], square[None, :])
            distance = (square[:, None] + square[None, :] - 2 * products) / largest
            chosen = (square / edges).sqrt() >= self.uniform
            alike = (distance <= self.distance) & chosen[:, None] & chosen[None, :]
            for heads in _groups(alike):
                scale = (square[heads][:, None] * square[heads][None, :]).sqrt()
                correlation = float((products[heads][:, heads] / scale).min())
                found.append(
                    Finding(
                        self.id,
                        self.severity,
                        place(path, heads, len(square)),
                        f"their weights on {edges:,} edges are the same: correlation "
                        f"{correlation:.5f}, after subtracting uniform attention",
                        {
                            "heads": heads,
                            "correlation": correlation,
                            "distance": float(distance[heads][:, heads].max()),
                            "edges": edges,
                        },
                        "the heads have the same parameters, up to what does not change weights, "
                        "or see only data on which they agree",
                        "use fewer heads with more channels each, or initialise them differently",
                    )
                )
        return found


def _groups(alike: torch.Tensor) -> list[list[int]]:
    """Return the groups of two heads or more that are like the first of them."""
    left = list(range(len(alike)))
    groups = []
    while left:
        first = left[0]
        group = [first, *(head for head in left[1:] if alike[first, head])]
        left = [head for head in left if head not in group]
        if len(group) > 1:
            groups.append(group)
    return groups
