"""Rule: logits so large that no gradient passes through the attention weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from edgescope.diagnose.finding import Finding, Severity, place
from edgescope.diagnose.rules.base import LayerInfo, LayerSeen, Rule
from edgescope.diagnose.rules.counting import Sums, largest_by
from edgescope.models.attention import EdgeAttention
from edgescope.models.edge_steps import LOGIT_LIMIT

VANISHED = 1e-3
"""A softmax whose largest weight is 1 - 1e-3 or more has a gradient of at most w (1 - w) = 1e-3 by
any of its logits, 250 times less than the largest possible, 1/4."""

MOST = 0.5
"""Share from which a head counts as saturated: then most of its choices cannot be trained."""


@dataclass
class SaturatedLogits(Rule):
    """Heads of which most logits are beyond the model's clamp, or deep in the softmax's saturation.

    Attributes:
        vanished: a softmax over two edges or more is saturated if its largest weight is at least
            ``1 - vanished``.
        share: share of a head's edges beyond the clamp, or of its softmaxes that are saturated,
            from which it is reported.
    """

    id: ClassVar[str] = "saturated-logits"
    title: ClassVar[str] = "most logits of a head pass no gradient"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"logit", "weight"})
    explanation: ClassVar[str] = f"""\
A softmax whose largest weight is close to 1 hands back a gradient of `w (1 - w)` to that logit,
and less to the others: once attention has settled on one neighbour, training cannot move it.
edgescope's own layers, as published, clamp the logit to ±{LOGIT_LIMIT:g} before the exponential;
beyond, the gradient is exactly zero and all logits weigh the same.

A head is reported if `share` of its edges lie beyond the clamp; or if, of the nodes with two edges
or more, `share` have a largest weight of `1 - vanished` or more.

**Thresholds.** `vanished` = 0.001: the derivative of a softmax weight by its own logit is `w (1 -
w)`, at most 1/4; here it is 250 times smaller. `share` = 0.5: most of what the head decides. The
clamp is the model's own.

**What to do.** Normalise queries and keys, or the states before the layer (`LayerNorm`); a smaller
learning rate or weight decay on the query and key projections; a temperature. In GAT-like layers,
look for input features of very different scales.

**False alarm?** A task may need a hard choice, such as looking up one neighbour. If the loss is
good, a saturated head is the answer and not the problem.
"""

    vanished: float = VANISHED
    share: float = MOST

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was counted."""
        self._clamped = {info.path for info in layers if isinstance(info.layer, EdgeAttention)}
        self._sums: dict[str, Sums] = {}

    def observe(self, seen: LayerSeen) -> None:
        """Count edges beyond the clamp, and saturated nodes."""
        sums = self._sums.setdefault(seen.path, Sums())
        if seen.logit is not None and seen.path.partition("@")[0] in self._clamped:
            sums.add("beyond", (seen.logit.abs() >= LOGIT_LIMIT).sum(0))
            sums.add("edges", seen.logit.new_tensor(len(seen.logit)))
        if seen.weight is None or not seen.weight.numel():
            return
        several = seen.degree > 1
        top = largest_by(seen.share, seen.softmax, len(seen.degree))
        sums.add("saturated", (top[several] >= 1 - self.vanished).sum(0))
        sums.add("nodes", several.sum())

    def findings(self) -> list[Finding]:
        """Report the heads of which most edges or nodes are saturated."""
        found = []
        for path, sums in self._sums.items():
            for counted, of in (("beyond", "edges"), ("saturated", "nodes")):
                if of not in sums or not sums[of]:
                    continue
                shares = (sums[counted] / sums[of]).tolist()
                heads = [head for head, share in enumerate(shares) if share >= self.share]
                if heads:
                    found.append(self._report(path, counted, int(sums[of]), shares, heads))
                    break  # what is beyond the clamp need not be reported twice
        return found

    def _report(
        self, path: str, counted: str, of: int, shares: list[float], heads: list[int]
    ) -> Finding:
        least = min(shares[head] for head in heads)
        if counted == "beyond":
            message = (
                f"{least:.0%} or more of {of:,} logits are beyond the clamp of ±{LOGIT_LIMIT:g}, "
                "where their gradient is zero"
            )
            cause = (
                f"the layer clamps logits to ±{LOGIT_LIMIT:g}, and queries, keys or edge states "
                "have grown until their products are larger"
            )
        else:
            message = (
                f"at {least:.0%} or more of {of:,} nodes with several edges one weight is above "
                f"{1 - self.vanished:g}, where hardly any gradient passes"
            )
            cause = (
                "the logits of neighbours are far apart: the states or the projections are large"
            )
        return Finding(
            self.id,
            self.severity,
            place(path, heads, len(shares)),
            message,
            {f"share_{counted}": shares, "of": of, "heads": heads},
            cause,
            "normalise the states before attention (LayerNorm), lower the learning rate, or put "
            "weight decay on the query and key projections",
            "normalisation",
        )
