"""Rule: nodes with the same neighbours and different states get the same output."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from edgescope.diagnosis.finding import Finding, Severity, place
from edgescope.diagnosis.layer_remedies import applicable, instead
from edgescope.diagnosis.layer_view import edge_features
from edgescope.diagnosis.neighbour_sums import largest_magnitude, scaled
from edgescope.diagnosis.rules.diagnosis_rule import LayerSeen, Rule
from edgescope.diagnosis.twin_certificate import find_twins, regions

DIFFERENT = 0.05
"""States that differ by this much in a channel, relative to the largest, are different. Twins of
one layer are near each other before the next, and a dynamic layer then hardly parts them: on
Chameleon, with 0.001, an untrained ``GATv2Conv`` on top of another tied 29 of 40 pairs."""

EQUAL = 2e-6
"""Outputs that differ by less, relative to the largest, are equal: 16 units of rounding in single
precision, in which provably equal outputs differ by one or two."""

FEW = 10
"""Below this many pairs of twins, a finding is a note: too few to say anything of the layer."""

SHARE = 0.05
"""Share of tied pairs from which a layer is reported. One random head of ``GATConv`` ties 4 to
54 % of pairs, one of ``GATv2Conv`` with 8 channels under 0.1 % (measured; page on twins)."""

UNPROVEN = 0.5
"""Share of tied pairs from which a layer is reported that no certificate exists for. Small states
make attention almost uniform, and outputs agree to within rounding: on Chameleon, untrained
``GATv2Conv`` tied 5 of 50 pairs and edgescope's attention 5 of 43. A layer that does not depend on
the node's own state at all ties every pair."""


@dataclass
class IdenticalOutputs(Rule):
    """Layers that cannot tell nodes with the same neighbourhood apart.

    Attributes:
        share: share of the pairs of twins with different states whose outputs are equal, from
            which a ``GATConv`` is reported.
        unproven: the same for other layers, for which ties are not proven.
        different: how far states are apart that count as different.
        equal: how near outputs are that count as equal.
        few: with fewer pairs than this, a finding is a note, and there is none without proof.
    """

    id: ClassVar[str] = "identical-outputs"
    title: ClassVar[str] = "nodes with the same neighbours get the same output"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"logit"})
    explanation: ClassVar[str] = """\
Two nodes are twins for a layer if the edges into them come from the same nodes with the same edge
features (self-loops counted). A layer without attention gives them the same output; attention is
there to weigh the neighbours by what the node itself is. The rule counts pairs of twins whose
states differ before the layer and whose outputs are equal after it.

**Why.** In GATConv, the logit is `LeakyReLU(t_i + s_j)`. If all logits of a node are above zero, or
all below, LeakyReLU is linear there, `t_i` cancels in the softmax, and attention does not depend on
the node. Twins whose logits all lie on the same side have exactly equal outputs. That is the
certificate, and for GATConv the finding says which share of the tied pairs it explains, in two
parts: *linear region*, and the special case *uniform attention*, in which all logits of a node are
equal. Training hardly helps: inside the region the gradient of `t_i` is zero.

**Thresholds.** `share` = 0.05 of the pairs for GATConv; one random head of it ties 4 to 54 % of
them (measured). Of other layers `unproven` = half of the pairs: nothing proves their ties, and
where states are so small that attention is almost uniform, the outputs of some twins agree to
within rounding (untrained on Chameleon, GATv2Conv tied 5 of 50 pairs and edgescope's attention 5 of
43). So a GATv2Conv with one channel, which ties a fifth of its twins, is not reported. States are
`different` by 0.05 of the largest, and outputs `equal` to 0.000002 of it, 16 units of rounding.
Nodes with one neighbour are left out, as no weights can tell them apart. Pairs are formed within
groups of twins, each node with the next; with fewer than `few` = 10 of them the finding is a note,
and where ties are not proven there is none.

**What to do.** GATv2Conv instead of GATConv (`try_remedy` does that), more heads, a residual, or
self-loops, with which twins that are not neighbours of each other are twins no longer.

**False alarm?** If the node's own state is added after the layer (a residual in the block around
it), the model as a whole can tell twins apart; then only attention is blind.
"""

    share: float = SHARE
    unproven: float = UNPROVEN
    different: float = DIFFERENT
    equal: float = EQUAL
    few: int = FEW

    def observe(self, seen: LayerSeen) -> None:
        """Count the pairs of twins of a batch."""
        pairs = self._pairs(seen)
        if not pairs.numel():
            return
        assert seen.output is not None
        tied = relative_distance(seen.output, pairs) <= self.equal
        sums = self._sums[seen.path]
        sums.add("pairs", torch.tensor(pairs.size(1)))
        sums.add("tied", tied.sum())
        if seen.logit is None or not seen.adapter.is_static(seen.layer):
            return
        slope = float(seen.layer.negative_slope)  # type: ignore[arg-type]
        place = regions(seen.logit, seen.target, len(seen.output), slope)
        proof = place.certify(pairs)
        sums.add("certified", (tied & proof.holds.all(1)).sum())
        sums.add("uniform", (tied & proof.uniform.all(1)).sum())
        sums.add("certified_heads", proof.holds.sum(0))

    def _pairs(self, seen: LayerSeen) -> Tensor:
        """Return the pairs of twins whose states differ ``[2, P]``; none if that cannot be told."""
        x, out, edges = seen.x[1], seen.output, seen.ends
        none = edges[:, :0]
        if x is None or out is None or seen.pairs or len(x) != len(out) or not edges.numel():
            return none
        if int(seen.target.max()) >= len(x):
            return none
        try:
            pairs = find_twins(edges, len(x), edge_features(seen))
        except ValueError:
            return none
        return pairs[:, relative_distance(x, pairs) > self.different] if pairs.numel() else pairs

    def findings(self) -> list[Finding]:
        """Report the layers that tie too many pairs."""
        found = []
        for path, sums in self._sums.items():
            pairs, tied = int(sums["pairs"]), int(sums["tied"])
            info = self.layer(path)
            proven = info.adapter.is_static(info.layer)
            if not tied or tied / pairs < (self.share if proven else self.unproven):
                continue
            if not proven and pairs < self.few:
                continue
            evidence: dict[str, float | int | str | list[float]] = {
                "pairs": pairs,
                "tied": tied,
                "share": tied / pairs,
            }
            message = (
                f"{tied:,} of {pairs:,} pairs of nodes with the same neighbours and different "
                "states get the same output"
            )
            if "certified" in sums:
                certified, uniform = int(sums["certified"]), int(sums["uniform"])
                evidence |= {
                    "certified": certified,
                    "linear_region": certified - uniform,
                    "uniform": uniform,
                    "certified_share_by_head": (sums["certified_heads"] / pairs).tolist(),
                }
                message += (
                    f"; proven for {certified:,} of them: {certified - uniform:,} in the linear "
                    f"region of LeakyReLU, {uniform:,} by uniform attention"
                )
            found.append(
                Finding(
                    self.id,
                    self.severity if pairs >= self.few else "note",
                    place(path),
                    message,
                    evidence,
                    "all logits of such a node lie on one side of LeakyReLU's kink, where its own "
                    "state cancels in the softmax"
                    if proven
                    else "the weights of such nodes do not depend on their own states",
                    instead(info, "more heads, or a residual")
                    if proven
                    else "more channels or heads, or a residual around the layer",
                    applicable("gatv2", info.layer),
                )
            )
        return found


def relative_distance(states: Tensor, pairs: Tensor) -> Tensor:
    """Return how far the states of each pair are apart ``[P]``, relative to the largest state."""
    flat = states.detach().flatten(1)
    left, right = (scaled(flat[ends], largest_magnitude(flat)) for ends in pairs)
    return (left - right).abs().amax(1)
