"""Rule: node states that lie along one direction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from edgescope.diagnosis.finding import Finding, Severity, place
from edgescope.diagnosis.layer_remedies import applicable
from edgescope.diagnosis.neighbour_sums import largest_magnitude, scaled
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, Rule, StateSeen

COLLAPSED = 1.5
"""Effective rank below which the states lie along one direction: with ten others of equal size, the
first holds more than nine tenths of the sum of singular values then."""

BEFORE = 3.0
"""Effective rank that the states must have had before, else it is the input that has no rank."""

ROOM = 6
"""Channels and nodes that states must have. In fewer, one direction holds most by arithmetic: after
three random layers with ReLU and no averaging at all, the effective rank is below 1.5 in a third to
a half of all draws with three channels, in 5 to 15 % with four, in up to 5 % with five, and in less
than 0.3 % with six (400 draws each, on 8 and on 100 nodes)."""

WIDEST = 256
"""Wider states are projected at random to this many channels, which keeps the shape of the spectrum
(Johnson and Lindenstrauss 1984) and bounds the cost of the Gram matrix."""


@dataclass
class RankCollapse(Rule):
    """Node states whose matrix comes close to rank one.

    Attributes:
        rank: effective rank of the states below which they have collapsed.
        before: effective rank that they must have had before.
        room: channels and nodes that the states must have; the effective rank is no more than
            either.
    """

    id: ClassVar[str] = "rank-collapse"
    title: ClassVar[str] = "node states lie along one direction"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"state"})
    explanation: ClassVar[str] = """\
Attention without residual connections and feed-forward parts loses rank doubly exponentially with
depth (Dong et al. 2021, arXiv 2103.03404): all rows of the matrix of node states become multiples
of one direction, or the same. The measure is the effective rank of the states of all nodes of all
batches (Roy and Vetterli 2007): `exp` of the entropy of the singular values divided by their sum,
between 1 and the width. The singular values come from the Gram matrix, added up batch by batch.
The first block after which the effective rank is below `rank`, having been `before` or more, is
reported, if its states have `room`: they could else not have kept what was there.

**Thresholds.** `rank` = 1.5 and `before` = 3: with ten further directions of equal size, the first
holds more than nine tenths of the sum of the singular values. Dong et al. give no bound; these are
ours. `room` = 6 channels and nodes: the effective rank is no more than the width, nor than the
number of nodes, and in narrow states one direction holds most without any averaging. After three
random layers with ReLU it is below 1.5 in 33 to 49 % of draws with three channels, and in less than
0.3 % with six (measured).

**What to do.** Residual connections, a feed-forward part with its own residual in every block,
fewer layers.

**False alarm?** If the output of a task is nearly one number per node, such as two classes given by
several channels, one direction may be all it takes in the last block.
"""

    rank: float = COLLAPSED
    before: float = BEFORE
    room: int = ROOM

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was counted."""
        self._curable = [info.path for info in layers if applicable("residual", info.layer)]
        self._scale: dict[str, float] = {}

    def observe_state(self, seen: StateSeen) -> None:
        """Add a batch to the Gram matrix of the states."""
        x = seen.x
        # Relative to the size of the first states, so that no square overflows.
        scale = self._scale.get(seen.path) or largest_magnitude(x)
        self._scale[seen.path] = scale
        x = scaled(x, scale)
        if x.size(1) > WIDEST:
            generator = torch.Generator().manual_seed(0)
            x = x @ torch.randn(x.size(1), WIDEST, generator=generator).to(x)
        sums = self._sums[seen.path]
        sums.add("gram", x.T @ x)
        sums.add("nodes", torch.tensor(len(x)))

    def ranks(self) -> dict[str, float]:
        """Return the effective rank of the states, by where they come from, in order."""
        return {path: effective_rank(sums["gram"]) for path, sums in self._sums.items()}

    def findings(self) -> list[Finding]:
        """Report the first block after which the states lie along one direction."""
        ranks = self.ranks()
        highest = 0.0
        for path, rank in ranks.items():
            room = min(len(self._sums[path]["gram"]), int(self._sums[path]["nodes"]))
            if rank < self.rank and highest >= self.before and room >= self.room:
                return [
                    Finding(
                        self.id,
                        self.severity,
                        place(path),
                        f"after it, the states have an effective rank of {rank:.2f}, down from "
                        f"{highest:.1f}",
                        {
                            "effective_rank": list(ranks.values()),
                            "after": list(ranks),
                            "layers": self._curable,
                        },
                        "averaging over neighbours again and again keeps one direction of the "
                        "states and loses the others",
                        "add residual connections (residual=True, or x + conv(x)) and a "
                        "feed-forward part to every block, or use fewer layers",
                        "residual" if self._curable else None,
                    )
                ]
            highest = max(highest, rank)
        return []


def effective_rank(gram: Tensor) -> float:
    """Return the effective rank of a matrix ``X`` from its Gram matrix ``X^T X`` ``[F, F]``.

    It is ``exp(-sum p log p)`` with ``p`` the singular values over their sum (Roy and Vetterli
    2007, eq. 3); 0 for a matrix of zeros. Singular values below the precision of the Gram matrix
    count as zero.
    """
    eigenvalues = torch.linalg.eigvalsh(gram).clamp(min=0)
    floor = eigenvalues.max() * len(gram) * torch.finfo(gram.dtype).eps
    singular = eigenvalues.where(eigenvalues > floor, 0).sqrt()
    if not singular.sum() > 0:
        return 0.0
    return math.exp(float(torch.special.entr(singular / singular.sum()).sum()))
