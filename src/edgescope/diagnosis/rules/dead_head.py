"""Rule: heads that send nothing, or whose weights do not matter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from edgescope.diagnosis.finding import Finding, Severity
from edgescope.diagnosis.neighbour_sums import Sums, largest_magnitude, scaled, sum_by
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, LayerSeen, Rule

NOTHING = 1e-3
"""Root mean square over that of the layer's strongest head below which a head is dead: what reads
the heads would need weights a thousand times larger to make up for it."""

ALIKE = 1e-3
"""Spread of the values within a neighbourhood, relative to their size, below which it does not
matter how they are weighed: by less than 0.1 % of the output."""

WEIGHT_FLOOR = 1e-6
"""Weights below carry no value that could be told from rounding: a message is weight times value,
and float32 has seven digits."""

MOST_ROWS = 4096
"""Messages that are looked at per layer and batch, about: each is a vector, which costs more than
the weights do."""


FEW = 10
"""Nodes that must have sent something: behind a ReLU half of all single channels are zero, and all
of ten by chance in one case of a thousand."""


@dataclass
class DeadHead(Rule):
    """Heads whose messages are zero, or whose values are the same for all neighbours of a node.

    Attributes:
        nothing: root mean square of a head's messages, relative to the strongest head's, below
            which it is dead.
        alike: spread of the values that a node receives, relative to their root mean square, below
            which the head's weights do not matter.
        few: nothing is said of messages of fewer nodes, nor of values with fewer choices, the
            number of neighbours less one, summed over nodes.
    """

    id: ClassVar[str] = "dead-head"
    title: ClassVar[str] = "a head sends nothing, or its weights do not matter"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"weight", "message"})
    sampled: ClassVar[bool] = True
    explanation: ClassVar[str] = """\
What a head adds to a node is the sum of its messages, weight times value. A head is *dead* if its
messages are zero beside those of the layer's strongest head. It is *blind* if the values that a
node receives are all the same though its neighbours' states are not: their weighted mean is then
that value, whatever the weights, and no gradient reaches the logits. Messages are looked at on a
sample.

**Thresholds.** `nothing` = 0.001: root mean square of the head's messages over that of the
strongest head; whatever reads the heads would need weights a thousand times larger to make up for
it. `alike` = 0.001: root mean square distance of the values from their mean over a node's edges,
over the root mean square of the values; reweighing changes the output by less than 0.1 %. Nodes
whose neighbours enter in the same state are left out, as their values must agree. `few` = 10
nodes that send, or choices between values: behind a ReLU, half of all single channels are zero.

**What to do.** Remove the head (fewer `heads`, or prune it), or train again with a smaller
learning rate or without weight decay on the value projection. Look for a `ReLU` in front that is
dead.

**False alarm?** A head of a layer whose output is scaled up afterwards, head by head, may be small
on purpose. In a pruned model dead heads are what one wants.
"""

    nothing: float = NOTHING
    alike: float = ALIKE
    few: int = FEW

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was counted."""
        del layers
        self._scale: dict[str, float] = {}

    def observe(self, seen: LayerSeen) -> None:
        """Add up the squares of the messages and the spread of the values."""
        if seen.message is None or not len(seen.message):
            return
        # Whole neighbourhoods, spread over the batch: the sizes of heads need no more.
        step = -(-len(seen.message) // MOST_ROWS)
        rows = (seen.softmax % step == 0).nonzero().flatten()
        # All is relative to the size of the first messages, so that no square overflows.
        scale = self._scale.get(seen.path) or largest_magnitude(seen.message)
        self._scale[seen.path] = scale
        message = scaled(seen.message[rows], scale)
        sums = self._sums[seen.path]
        sums.add("square", message.square().sum(-1).sum(0))
        sums.add("edges", torch.tensor(len(message)))
        sums.add("senders", torch.tensor(len(torch.unique(seen.groups.sender[rows]))))
        if seen.weight is not None and seen.weight.shape == seen.message.shape[:2]:
            self._spread(seen, sums, rows, message)

    def _spread(self, seen: LayerSeen, sums: Sums, rows: Tensor, message: Tensor) -> None:
        """Add up how far the values of a node are from their mean."""
        assert seen.weight is not None
        size, softmax = len(seen.degree), seen.softmax[rows]
        weight = seen.weight[rows].to(message.dtype)
        known = weight > WEIGHT_FLOOR
        value = (message / weight.unsqueeze(-1)).where(known.unsqueeze(-1), 0)
        count = sum_by(known.to(message.dtype), softmax, size)
        mean = sum_by(value, softmax, size) / count.clamp(min=1).unsqueeze(-1)
        within = (value - mean[softmax]).square().sum(-1).where(known, 0)
        chooses = ((count > 1) & seen.choosing.unsqueeze(1))[softmax]
        sums.add("value", value.square().sum(-1).where(chooses, 0).sum(0))
        sums.add("within", within.where(chooses, 0).sum(0))
        sums.add("choosing", chooses.sum(0))
        here = torch.zeros_like(seen.choosing)
        here[softmax] = True
        sums.add("choices", (seen.groups.neighbours.number - 1)[seen.choosing & here].sum())

    def findings(self) -> list[Finding]:
        """Report the dead heads and the blind ones of every layer."""
        found = []
        for path, sums in self._sums.items():
            edges = int(sums["edges"])
            if not edges:
                continue
            size = (sums["square"] / edges).sqrt()
            relative = (size / size.max()).nan_to_num(0).tolist()
            dead = [head for head, each in enumerate(relative) if each < self.nothing]
            where = self.place(path, dead, len(relative))
            if where and int(sums["senders"]) >= self.few:
                found.append(self._dead(where, relative, dead, edges))
            if "within" not in sums:
                continue
            spread = (sums["within"] / sums["value"]).sqrt().tolist()
            blind = [
                head
                for head, each in enumerate(spread)
                if head not in dead and sums["choosing"][head] and each < self.alike
            ]
            choosing = int(sums["choosing"].max())
            where = self.place(path, blind, len(spread))
            if where and int(sums["choices"]) >= self.few:
                found.append(self._blind(where, spread, blind, choosing))
        return found

    def _dead(self, where: str, relative: list[float], heads: list[int], edges: int) -> Finding:
        most = max(relative[head] for head in heads)
        what = f"have {most:.1e} of the strongest head's root mean square or less"
        return Finding(
            self.id,
            self.severity,
            where,
            f"the messages of {edges:,} edges {what if most else 'are all zero'}",
            {"relative_size": relative, "heads": heads, "edges": edges},
            "the value projection of the head is zero, or its input is",
            "use fewer heads, or train again with less weight decay on the value projection",
        )

    def _blind(self, where: str, spread: list[float], heads: list[int], edges: int) -> Finding:
        most = max(spread[head] for head in heads)
        return Finding(
            self.id,
            self.severity,
            where,
            f"the values that a node receives differ by {most:.1e} of their size or less "
            f"({edges:,} edges from different neighbours), so the weights do not matter",
            {"spread": [each if each == each else 0.0 for each in spread], "heads": heads},  # noqa: PLR0124  (NaN is not itself)
            "the value projection drops all that the neighbours differ in; only its bias is left",
            "use fewer heads, or reinitialise the head's value projection",
        )
