"""Rule: attention weights that are all the same."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from edgescope.diagnosis.finding import Finding, Severity
from edgescope.diagnosis.neighbour_sums import Groups, sum_by
from edgescope.diagnosis.rules.diagnosis_rule import LayerSeen, Rule

UNIFORM = 0.999
"""Entropy over the logarithm of the degree from which attention is called uniform. For small
differences between logits, ``log n - H`` is half their variance over the ``n`` neighbours, so at
three neighbours 0.999 means a standard deviation of 0.05: weights 5 % apart."""

FEW = 10
"""Choices that a head must have had. The lost entropy of a node with n neighbours is about a sum
of n - 1 squares, so over k choices it follows a chi-squared law with k degrees of freedom: a head
that loses ten times what the bound allows stays below it by chance with a probability of 0.25 at
one choice, and of 0.0002 at ten."""


@dataclass
class UniformAttention(Rule):
    """Heads whose weights are those of a plain mean.

    Attributes:
        entropy: mean over nodes of ``H_i / log n_i`` from which a head is reported; ``H_i`` is the
            entropy of the weights of node i over its ``n_i`` >= 2 neighbours.
        few: with fewer choices than this, the sum of ``n_i - 1`` over nodes, nothing is said.
    """

    id: ClassVar[str] = "uniform-attention"
    title: ClassVar[str] = "a head weighs all neighbours the same"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"weight"})
    explanation: ClassVar[str] = """\
A head whose weights are equal over the neighbours of a node computes their plain mean: what it
could choose, it does not. For every node with two or more neighbours, the entropy of its weights is
divided by the logarithm of their number; 1 is uniform. A head is reported if the mean over nodes is
`entropy` or more. Nodes with one neighbour are left out, as all their weight goes there whatever
the head does, and so are nodes whose neighbours all enter the layer in the same state, between
which no head can choose by state. Several edges to one neighbour are one neighbour, with the sum of
their weights, which is compared with the share that equal weights of all edges would give it.

**Thresholds.** `entropy` = 0.999. With small differences between logits, `log n - H` is half the
variance of the logits over the neighbours, so at three neighbours 0.999 is a standard deviation of
0.05: weights that differ by about 5 %. The measure itself is that by which attention of GAT on
citation graphs was found to be near uniform (Wang et al. 2019, arXiv 1909.01315, section 5).
`few` = 10 choices, the number of neighbours less one, summed over nodes: with fewer of them weights
are nearly equal by chance (a head that loses ten times the entropy has a probability of 0.25 to do
so at one choice, and of 0.0002 at ten).

**What to do.** Check whether the inputs are far smaller than 1, as sparse bags of words are after a
linear layer: such small states give logits close to zero, which is why GAT, GATv2 and
TransformerConv on Chameleon are reported, untrained in all layers and after 100 epochs still in the
first. Scale them. Check whether the logits are small because the weights are untrained, because the
inputs are almost alike (rule `over-smoothing`), or because of strong weight decay. In GATConv, try
GATv2Conv. If the task needs no choice among neighbours, a mean is as good and cheaper: `SAGEConv`
or `GCNConv`.

**False alarm?** Uniform attention is right where neighbours are interchangeable for the task. Then
the finding is true, and nothing needs to be done. In an untrained GraphTransformer a head or two
may be so by chance (3 of 128 heads on MUTAG and ZINC were, none after training).
"""

    entropy: float = UNIFORM
    few: int = FEW

    def observe(self, seen: LayerSeen) -> None:
        """Add up the entropies of the nodes of a batch."""
        if seen.weight is None or not seen.weight.numel():
            return
        ratio = relative_entropy(seen.groups, seen.share)
        sums = self._sums[seen.path]
        sums.add("share", ratio[seen.choosing].sum(0))
        sums.add("nodes", seen.choosing.sum())
        sums.add("choices", (seen.groups.neighbours.number - 1)[seen.choosing].sum())

    def findings(self) -> list[Finding]:
        """Report the heads whose mean entropy is at the threshold or above."""
        found = []
        for path, sums in self._sums.items():
            nodes, choices = int(sums["nodes"]), int(sums["choices"])
            if not nodes or choices < self.few:
                continue
            shares = (sums["share"] / nodes).tolist()
            heads = [head for head, share in enumerate(shares) if share >= self.entropy]
            where = self.place(path, heads, len(shares))
            if where is not None:
                least = min(shares[head] for head in heads)
                found.append(
                    Finding(
                        self.id,
                        self.severity,
                        where,
                        f"normalised entropy ≥ {least:.4f} (1 is uniform) over {nodes:,} nodes "
                        "with several different neighbours",
                        {"entropy": shares, "nodes": nodes, "heads": heads},
                        "the logits hardly differ between the neighbours of a node, so the layer "
                        "takes their mean",
                        "check that inputs are not tiny and weight decay is moderate; or use a "
                        "mean, such as SAGEConv, if that is all the task needs",
                    )
                )
        return found


def relative_entropy(groups: Groups, share: Tensor) -> Tensor:
    """Return the entropy of every softmax over that of equal weights ``[N, H]``.

    With one edge to each of ``n`` neighbours it is ``sum_j -p_j log p_j / log n``. In general it is
    ``1 - sum_j p_j log(p_j / m_j) / log n``, with ``p_j`` what neighbour j gets over all its edges,
    and ``m_j`` the share of the edges that lead to it; so it is 1 for equal weights, and stays the
    same if every edge is given several times.

    Args:
        groups: which softmax every row belongs to, and whom it leads to.
        share: weights ``[E, H]`` with a sum of 1 over each softmax.

    Returns:
        A number between 0 and 1 where there are two neighbours or more; no meaning elsewhere.
    """
    gets, equal = groups.shares(share)
    found = groups.neighbours
    apart = -torch.special.entr(gets) - gets * equal.log().unsqueeze(1)
    lost = sum_by(apart, found.softmax, len(found.number))
    most = found.number.clamp(min=2).to(share.dtype).log().unsqueeze(1)
    return (1 - lost / most).clamp(0, 1)
