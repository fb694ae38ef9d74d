"""Rule: a few nodes draw most of the attention."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from edgescope.diagnosis.finding import Finding, Severity
from edgescope.diagnosis.neighbour_sums import sum_by
from edgescope.diagnosis.rules.diagnosis_rule import LayerSeen, Rule

MASS = 0.3
"""Share of a graph's attention from which a token is called a sink (Gu et al. 2024, arXiv
2410.10781, section 3.1: epsilon = 0.3)."""

FEW = 0.01
"""The few nodes are the largest in this share of a graph's nodes; one at least."""

OVER = 3.0
"""How many times over the share that their degree explains."""

SMALLEST = 10
"""Nodes that must attend to others in a graph: many attend to a sink, and in a graph of so many
nodes 0.3 of the mass is three times an equal share."""


@dataclass
class AttentionSinks(Rule):
    """Heads that send most attention to a few nodes.

    Attributes:
        mass: share of a graph's attention that its few largest nodes draw, from which it is a sink.
        over: how many times what uniform attention would send them it must be.
        few: share of a graph's nodes that are the few; one at least.
        smallest: graphs in which fewer nodes attend to others are left out.
    """

    id: ClassVar[str] = "attention-sinks"
    title: ClassVar[str] = "a few nodes draw most of the attention"
    severity: ClassVar[Severity] = "note"
    needs: ClassVar[frozenset[str]] = frozenset({"weight"})
    explanation: ClassVar[str] = """\
A sink is a node that many others attend to whatever they need (Xiao et al. 2023, arXiv
2309.17453): often a place to put weight that is not wanted elsewhere, and often where massive
activations are. Per graph and head, the attention that each node draws is summed over all other
nodes, self-loops left out, and the `few` nodes that draw most are compared with what uniform
weights would send them: a hub draws much because of its degree. A head is reported if, on average
over the graphs, these nodes draw `mass` or more of the graph's attention, and `over` times what
their degree explains.

**Thresholds.** `mass` = 0.3 is the bound by which Gu et al. (2024, arXiv 2410.10781, section 3.1)
call a token a sink. `few` = 0.01 of the nodes, one at least; `over` = 3. `smallest` = 10 nodes must
attend to others, as what one node attends to is its choice and no sink; in a graph of ten nodes an
equal share is 0.1.

**What to do.** Nothing, if the task asks for it. Otherwise add a virtual node, which is a sink
that does no harm, or give the softmax a way to attend to nothing; see where the sinks are with
`es.capture`, and whether they bear massive activations (rule `massive-activations`).

**False alarm?** One node that all others really need, such as a labelled one, is a sink, too. In
untrained models with global attention whose states grow from layer to layer, the node with the
largest key draws most; training often ends that.
"""

    mass: float = MASS
    over: float = OVER
    few: float = FEW
    smallest: int = SMALLEST

    def observe(self, seen: LayerSeen) -> None:
        """Add up, over graphs, the share that the few largest nodes draw."""
        if seen.weight is None or seen.node_graph is None or not seen.weight.numel():
            return
        share, uniform, sizes = few_largest(*drawn_mass(seen), self.few)
        attending = torch.zeros_like(seen.node_graph, dtype=torch.bool)
        attending[seen.target[~seen.loop]] = True
        many = seen.node_graph[attending].bincount(minlength=len(sizes)) >= self.smallest
        # Neither is a number in graphs in which no node has another neighbour than itself.
        chosen = many.unsqueeze(1) & share.isfinite() & uniform.isfinite()
        sums = self._sums[seen.path]
        sums.add("share", share.where(chosen, 0).sum(0))
        sums.add("uniform", uniform.where(chosen, 0).sum(0))
        sums.add("graphs", chosen.sum(0))

    def findings(self) -> list[Finding]:
        """Report the heads whose few largest nodes draw too much."""
        found = []
        for path, sums in self._sums.items():
            graphs = sums["graphs"].clamp(min=1)
            share, uniform = sums["share"] / graphs, sums["uniform"] / graphs
            sinks = (share >= self.mass) & (share >= self.over * uniform) & (sums["graphs"] > 0)
            heads = sinks.nonzero().flatten().tolist()
            where = self.place(path, heads, len(share))
            if where is None:
                continue
            least = min(heads, key=lambda head: float(share[head]))
            found.append(
                Finding(
                    self.id,
                    self.severity,
                    where,
                    f"the top {self.few:.0%} of a graph's nodes (at least one) draw "
                    f"{float(share[least]):.0%} or more of all attention; their degree explains "
                    f"{float(uniform[least]):.0%}",
                    {
                        "share": share.tolist(),
                        "explained_by_degree": uniform.tolist(),
                        "heads": heads,
                        "graphs": int(graphs.max()),
                    },
                    "these heads put attention that they need nowhere else on a few nodes",
                    "add a virtual node (torch_geometric.transforms.VirtualNode) as a place for "
                    "it, or leave it if the task needs those nodes",
                )
            )
        return found


def drawn_mass(seen: LayerSeen) -> tuple[Tensor, Tensor, Tensor]:
    """Return the attention that every node draws from others, and what its degree explains.

    Returns:
        The weights of the edges out of every node, self-loops left out ``[V, H]``, those that
        uniform weights would have ``[V, 1]``, and the graph of every node ``[V]``.
    """
    assert seen.node_graph is not None
    nodes, weight = len(seen.node_graph), seen.share
    equal = 1 / seen.degree[seen.softmax].to(weight.dtype)
    others = ~seen.loop.unsqueeze(1)
    both = torch.cat([weight, equal.unsqueeze(1)], dim=1).where(others, 0)
    drawn = sum_by(both, seen.source, nodes)
    return drawn[:, :-1], drawn[:, -1:], seen.node_graph


def few_largest(
    drawn: Tensor, expected: Tensor, graph: Tensor, few: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the few nodes that draw most have of their graph's attention, by graph and head.

    Args:
        drawn: attention that every node draws ``[V, H]``.
        expected: what its degree explains ``[V, 1]``.
        graph: graph of every node ``[V]``.
        few: share of a graph's nodes that are the few; one at least.

    Returns:
        Their share ``[G, H]``, the share that their degree explains ``[G, H]``, both NaN without
        edges, and the number of nodes of every graph ``[G]``.
    """
    sizes = graph.bincount()
    number = (few * sizes).ceil().clamp(min=1)
    by_mass = drawn.argsort(dim=0, descending=True)
    by_graph = graph[by_mass].argsort(dim=0, stable=True)
    order = by_mass.gather(0, by_graph)  # by graph, and within it the largest first
    of = graph[order]
    first = sizes.cumsum(0) - sizes
    rank = torch.arange(len(graph), device=graph.device).unsqueeze(1) - first[of]
    taken = rank < number[of]
    share = _by_graph(drawn.gather(0, order) * taken, of, len(sizes))
    explained = _by_graph(expected.expand_as(drawn).gather(0, order) * taken, of, len(sizes))
    return (
        share / sum_by(drawn, graph, len(sizes)),
        explained / sum_by(expected, graph, len(sizes)),
        sizes,
    )


def _by_graph(values: Tensor, graph: Tensor, size: int) -> Tensor:
    """Return sums of values ``[V, H]``, each of the graph in ``graph`` ``[V, H]``."""
    return values.new_zeros(size, values.size(1)).scatter_add_(0, graph, values)
