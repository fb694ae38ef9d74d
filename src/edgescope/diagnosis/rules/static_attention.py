"""Rule: all nodes rank their neighbours the same way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from edgescope.diagnosis.finding import Finding, Severity, place
from edgescope.diagnosis.layer_remedies import applicable, instead
from edgescope.diagnosis.neighbour_ranks import compare_rankings
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, LayerSeen, Rule

REORDERED = 0.01
"""Share of the pairs of sources that some targets rank the other way, up to which attention is
static. A GATConv without edge features has 0 but for rounding; the rest is a margin."""

SHARED = 0.5
"""Share of the choosing targets that share two sources with another, from which static attention
matters. It is near 0 in molecules, whose bonds form few rings of four, and 1 where all nodes of a
kind attend to the same others, as in the dictionary look-up."""

SELDOM = 0.05
"""Share of such targets below which static attention is not reported: each ranking is used once.
It is 0 in MUTAG and 0.01 in ZINC."""

COMPARABLE = 30
"""Pairs of sources that have to be compared before static attention counts as measured."""


@dataclass
class StaticAttention(Rule):
    """Layers in which the ranking of neighbours does not depend on who looks.

    Attributes:
        reordered: share of pairs of sources ranked differently by some targets, up to which a head
            is static.
        shared: share of targets that share two sources with another, from which the finding is a
            warning.
        seldom: the same below which nothing is reported.
        comparable: how many pairs of sources at least must be compared, in layers for which there
            is no proof.
    """

    id: ClassVar[str] = "static-attention"
    title: ClassVar[str] = "the ranking of neighbours is the same for all nodes"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"logit", "weight"})
    explanation: ClassVar[str] = """\
A head is static if it ranks neighbours the same way for all nodes: if one node gives j more weight
than k, so does every other node that attends to both (Brody et al., arXiv 2105.14491). Such a head
has favourites, and cannot select by what the node itself needs.

**Proof.** In GATConv, the logit is `LeakyReLU(t_i + s_j)`, which grows with `s_j` whatever `t_i`
is. So every GATConv is static, before and after training; nothing needs to be measured. With edge
features the ranking can change along the edge, but not with the state of the node that looks.

**Measurement.** For other layers, and beside the proof, all pairs of sources that two nodes share
are compared (in dense graphs, those among a random subset of the sources); self-loops are left out.
A layer is static if no head has more than `reordered` = 0.01 of its pairs in opposite order for
some two nodes. A GATConv has none; the rest is a margin for rounding. At least `comparable` = 30
pairs have to be compared.

**When it matters.** If nodes hardly share neighbours, each ranking is used once, and a ranking that
depends on the neighbour alone is all that is needed: below `seldom` = 0.05 of the nodes that share
two neighbours with another node nothing is reported, as on molecules (0.01 in ZINC). If at least
`shared` = 0.5 of them do, and there are no edge features, it is a *warning*, in between a *note*:
the fact is true for every GATConv, also for healthy models.

**What to do.** GATv2Conv instead of GATConv, with the same arguments (`try_remedy` does that).
Several heads help a little: each has favourites of its own.

**False alarm?** Where some neighbours matter more whoever looks (hubs, informative nodes), static
attention is what the task needs. Compare both layers on the validation set.
"""

    reordered: float = REORDERED
    shared: float = SHARED
    seldom: float = SELDOM
    comparable: int = COMPARABLE

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was counted."""
        del layers
        self._by_edge: dict[str, bool] = {}

    def observe(self, seen: LayerSeen) -> None:
        """Compare the rankings of the targets of a batch."""
        order = seen.weight if seen.logit is None else seen.logit
        if order is None or seen.pairs:
            return
        others = ~seen.loop
        found = compare_rankings(
            seen.groups.sender[others], seen.softmax[others], order[others], seen.number
        )
        unknown = seen.adapter.discovers  # whether features of edges go into what was discovered
        given = unknown or (seen.arguments or {}).get("edge_attr") is not None
        has_edges = seen.adapter.ranks_by_edges(seen.layer) and given
        self._by_edge[seen.path] = has_edges or self._by_edge.get(seen.path, False)
        sums = self._sums[seen.path]
        sums.add("comparable", found.comparable)
        sums.add("reordered", found.reordered)
        sums.add("choosing", torch.tensor(found.choosing))
        sums.add("sharing", torch.tensor(found.sharing))

    def findings(self) -> list[Finding]:
        """Report the layers that are static, by proof or by measurement."""
        return [finding for path in self._sums for finding in self._judge(path)]

    def _judge(self, path: str) -> list[Finding]:
        sums, info = self._sums[path], self.layer(path)
        comparable, reordered = sums["comparable"], sums["reordered"]
        choosing, by_edge = int(sums["choosing"]), self._by_edge[path]
        shared = float(sums["sharing"]) / choosing if choosing else 0.0
        rates = torch.where(comparable > 0, reordered / comparable.clamp(min=1), 0)
        measured = bool((rates <= self.reordered).all()) and bool(
            (comparable >= self.comparable).all()
        )
        proven = info.adapter.is_static(info.layer)
        matters = shared >= self.shared
        if shared < self.seldom or not (proven or (measured and matters)):
            return []
        severity: Severity = "warning" if matters and not by_edge else "note"
        pairs, opposite = int(comparable.sum()), int(reordered.sum())
        over = f"over {len(rates)} head{'s' * (len(rates) > 1)}"
        seen = f"{shared:.0%} of the nodes that choose share two neighbours with another"
        if proven:
            message = (
                f"proven for {type(info.layer).__name__}: the state of a node cannot change how "
                f"it ranks its neighbours{'; only edge features can' if by_edge else ''}; of "
                f"{pairs:,} pairs of neighbours that several nodes share, {over}, {opposite:,} are "
                f"ranked differently by some; {seen}"
            )
        else:
            alike = f"{pairs - opposite:,} of {pairs:,}" if opposite else f"all {pairs:,}"
            message = (
                f"{alike} pairs of neighbours that several nodes share, {over}, are ranked the "
                f"same way by all of them{f', {opposite:,} are not' if opposite else ''}; {seen}"
            )
        cause = (
            "LeakyReLU grows with its argument, so the neighbour with the largest a_s . W h_j is "
            "first for every node (arXiv 2105.14491)"
            if proven
            else "the part of the logits that depends on both nodes is small against the part that "
            "depends on the neighbour alone"
        )
        return [
            Finding(
                self.id,
                severity,
                place(path),
                message,
                {
                    "proven": int(proven),
                    "comparable": pairs,
                    "reordered": opposite,
                    "reordered_by_head": rates.tolist(),
                    "share_of_nodes_sharing": shared,
                    "edge_features": int(by_edge),
                },
                cause,
                instead(info, "with the same arguments")
                if proven
                else "check that the states of the nodes differ, or train longer",
                None if info.adapter.discovers else applicable("gatv2", info.layer),
            )
        ]
