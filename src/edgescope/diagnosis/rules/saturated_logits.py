"""Rule: logits so large that no gradient passes through the attention weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from edgescope.diagnosis.finding import Finding, Severity
from edgescope.diagnosis.layer_remedies import applicable
from edgescope.diagnosis.neighbour_sums import Sums, largest_by, sum_by
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, LayerSeen, Rule
from edgescope.models.attention_steps import LOGIT_LIMIT

VANISHED = 1e-3
"""A softmax whose largest weight is 1 - 1e-3 or more has a gradient of at most w (1 - w) = 1e-3 by
any of its logits, 250 times less than the largest possible, 1/4."""

MOST = 0.5
"""Share from which a head counts as saturated: then most of its choices cannot be trained."""

CLAMPED = 0.1
"""Share of a head's edges beyond the clamp from which it is worth a note. Untrained models have
none there; in the 80 heads of a GraphTransformer trained on ZINC by the published recipe it is 0 to
35 %, with logits up to 20,000."""


FEW = 10
"""Nodes with several neighbours that a head must have. Where one node in ten is saturated, half of
ten are in one case of six hundred, and one of one in one of ten."""


@dataclass
class SaturatedLogits(Rule):
    """Heads of which many logits are beyond the model's clamp, or deep in the softmax's saturation.

    Attributes:
        vanished: a softmax over two edges or more is saturated if its largest weight is at least
            ``1 - vanished``.
        share: share of a head's edges beyond the clamp, or of its softmaxes that are saturated,
            from which it is reported as a warning.
        clamped: share of a head's edges beyond the clamp from which it is reported as a note.
        few: of fewer nodes with several neighbours nothing is said.
    """

    id: ClassVar[str] = "saturated-logits"
    title: ClassVar[str] = "many logits of a head pass no gradient"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"logit", "weight"})
    explanation: ClassVar[str] = f"""\
A softmax whose largest weight is close to 1 hands back a gradient of `w (1 - w)` to that logit,
and less to the others: once attention has settled on one neighbour, training cannot move it.
edgescope's own layers, as published, clamp the logit to ±{LOGIT_LIMIT:g} before the exponential;
beyond, the gradient is exactly zero and all logits weigh the same, however large they are. So
nothing keeps them from growing, and the head can no longer tell such neighbours apart.

A head is a warning if `share` of its edges lie beyond the clamp; or if, of the nodes with two
neighbours or more, `share` give one of them a weight of `1 - vanished` or more (several edges to a
neighbour are one, of their mean weight). From a share of `clamped` beyond the clamp on it is a
note.

**Thresholds.** `vanished` = 0.001: the derivative of a softmax weight by its own logit is `w (1 -
w)`, at most 1/4; here it is 250 times smaller. `share` = 0.5: most of what the head decides.
`clamped` = 0.1: in untrained models no logit is beyond the clamp, and in the 80 heads of a
GraphTransformer trained on ZINC by the published recipe 0 to 35 % are, so a tenth is what training
has done (measured). The clamp is the model's own. `few` = 10 nodes: where one in ten is saturated,
half of ten are in one case of six hundred.

**What to do.** Normalise queries and keys, or the states before the layer (`LayerNorm`, which
`try_remedy` adds); a smaller learning rate or weight decay on the query and key projections; a
temperature. In GAT-like layers, look for input features of very different scales. In edgescope's
models, `logit_cap` bounds logits without cutting off their gradient, and `qk_norm` at the source.

**False alarm?** A task may need a hard choice, such as looking up one neighbour. If the loss is
good, a saturated head is the answer and not the problem. The note is usual in models with a clamp
that work: each of four GraphTransformers trained on MUTAG and ZINC had it in one to four of its
four layers, with 10 to 45 % of a head's logits beyond. `clamped` was chosen on such a model. An
untrained model with batch norms does not normalise in eval mode, so that its states grow from
layer to layer: GPS with global attention is reported then, and rightly, for that state of it;
training ends it.
"""

    vanished: float = VANISHED
    share: float = MOST
    clamped: float = CLAMPED
    few: int = FEW

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was counted."""
        del layers
        self._largest: dict[str, float] = {}

    def observe(self, seen: LayerSeen) -> None:
        """Count edges beyond the clamp, and saturated nodes."""
        sums = self._sums[seen.path]
        limit = seen.adapter.logit_limit(seen.layer)
        if seen.logit is not None and limit is not None and len(seen.logit):
            size = seen.logit.abs()
            sums.add("beyond", (size >= limit).sum(0))
            sums.add("edges", size.new_tensor(len(size)))
            self._largest[seen.path] = max(self._largest.get(seen.path, 0.0), float(size.max()))
        if seen.weight is None or not seen.weight.numel():
            return
        found = seen.groups.neighbours
        several = found.number > 1
        # As if one edge led to each neighbour, with the mean weight of those that do.
        each = seen.groups.shares(seen.share)[0] / found.rows.unsqueeze(1)
        total = sum_by(each, found.softmax, len(found.number)).clamp(
            min=torch.finfo(each.dtype).tiny
        )
        top = largest_by(each / total[found.softmax], found.softmax, len(found.number))
        sums.add("saturated", (top[several] >= 1 - self.vanished).sum(0))
        sums.add("nodes", several.sum())

    def findings(self) -> list[Finding]:
        """Report the heads of which most nodes are saturated, and those with many clamped logits.

        A head is in one finding: the most severe.
        """
        found = []
        for path, sums in self._sums.items():
            saturated, beyond = (
                _shares(sums, counted, of)
                for counted, of in (("saturated", "nodes"), ("beyond", "edges"))
            )
            most = [head for head, share in enumerate(beyond) if share >= self.share]
            sharp = [
                head
                for head, share in enumerate(saturated)
                if share >= self.share and head not in most and sums["nodes"] >= self.few
            ]
            some = [
                head
                for head, share in enumerate(beyond)
                if self.clamped <= share < self.share and head not in sharp
            ]
            if self.place(path, most, len(beyond)):
                found.append(self._beyond(path, "warning", beyond, most))
            if self.place(path, sharp, len(saturated)):
                found.append(self._saturated(path, saturated, sharp))
            if self.place(path, some, len(beyond)):
                found.append(self._beyond(path, "note", beyond, some))
        return found

    def _beyond(
        self, path: str, severity: Severity, shares: list[float], heads: list[int]
    ) -> Finding:
        info, edges = self.layer(path), int(self._sums[path]["edges"])
        limit = info.adapter.logit_limit(info.layer)
        return Finding(
            self.id,
            severity,
            self.place(path, heads, len(shares)) or path,
            f"{_range(shares, heads)} of {edges:,} logits are beyond the clamp of ±{limit:g}, "
            f"where their gradient is zero; the largest is {self._largest[path]:,.0f}",
            {
                "share_beyond": shares,
                "of": edges,
                "heads": heads,
                "largest": self._largest[path],
            },
            f"the layer clamps logits to ±{limit:g}, and queries, keys or edge states have grown "
            "until their products are larger",
            "logit_cap or qk_norm in place of the clamp, a lower learning rate, or weight decay on "
            "the query and key projections",
        )

    def _saturated(self, path: str, shares: list[float], heads: list[int]) -> Finding:
        nodes = int(self._sums[path]["nodes"])
        return Finding(
            self.id,
            self.severity,
            self.place(path, heads, len(shares)) or path,
            f"at {_range(shares, heads)} of {nodes:,} nodes with several neighbours one weight is "
            f"above {1 - self.vanished:g}, where hardly any gradient passes",
            {"share_saturated": shares, "of": nodes, "heads": heads},
            "the logits of neighbours are far apart: the states or the projections are large",
            "normalise the states before attention (LayerNorm), lower the learning rate, or put "
            "weight decay on the query and key projections",
            applicable("norm", self.layer(path).layer),
        )


def _shares(sums: Sums, counted: str, of: str) -> list[float]:
    """Return the share of every head ``[H]``; empty if nothing was counted."""
    if of not in sums or not sums[of]:
        return []
    shares: list[float] = (sums[counted] / sums[of]).tolist()
    return shares


def _range(shares: Sequence[float], heads: Sequence[int]) -> str:
    """Return the shares of some heads as text: one, or from the least to the largest."""
    low, high = (f"{limit(shares[head] for head in heads):.0%}" for limit in (min, max))
    return low if low == high else f"{low} to {high}"
