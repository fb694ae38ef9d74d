"""Rule: self-loops added between two different sets of nodes."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from edgescope.diagnosis.finding import Finding, Severity, place
from edgescope.diagnosis.layer_remedies import applicable
from edgescope.diagnosis.rules.diagnosis_rule import LayerSeen, Rule


@dataclass
class BipartiteSelfLoops(Rule):
    """Layers between two sets of nodes that replace edges from i to i by loops of their own."""

    id: ClassVar[str] = "bipartite-self-loops"
    title: ClassVar[str] = "a layer between two sets of nodes adds self-loops"
    severity: ClassVar[Severity] = "error"
    needs: ClassVar[frozenset[str]] = frozenset({"rows"})
    finite: ClassVar[bool] = False
    explanation: ClassVar[str] = """\
GATConv, GATv2Conv and SuperGATConv drop the self-loops of their input and add one to every node,
unless they are built with `add_self_loops=False`. Between two sets of nodes, such as users and
items, each numbered from 0, the edge from user 3 to item 3 is no self-loop. The layer takes it for
one: it drops all edges between equal numbers, and joins every user to the item of the same number,
as far as both sets go. So real edges are lost where there were some, and false ones are there for
certain, and weigh in every softmax.

A layer is looked at if it is given the states of two sets: a pair of tensors in a homogeneous
model, or, in a heterogeneous one, a relation between two node types. A pair in which the second
holds the first nodes of the first, as in sampled neighbourhoods, is one set. The finding counts the
edges that were dropped and those that were added, of all batches. That PyG's `HeteroConv` and
`to_hetero` refuse such layers does not help models that call them by themselves.

**Thresholds.** None: one false edge is one too many.

**What to do.** Build the layer with `add_self_loops=False`. `try_remedy` switches it off and keeps
the weights; but these were trained with the false edges, so train again.

**False alarm?** None, if the two ends are different nodes. If both tensors are states of the same
nodes, in the same order, self-loops are right; give the layer one tensor, or the batch an `x` with
one row for each of these nodes.
"""

    def observe(self, seen: LayerSeen) -> None:
        """Count the edges that a layer dropped, and those that it added."""
        given = (seen.arguments or {}).get("edge_index")
        if not seen.adapter.replaces_loops(seen.layer) or seen.two_sets is not True:
            return
        if not isinstance(given, Tensor) or given.layout != torch.strided:
            return
        dropped = (given[0] == given[1]).sum()
        sums = self._sums[seen.path]
        sums.add("dropped", dropped)
        sums.add("given", torch.tensor(given.size(1)))
        sums.add("added", seen.edge_index.size(1) - (given.size(1) - dropped))

    def findings(self) -> list[Finding]:
        """Report the layers that added or dropped an edge."""
        return [
            self._report(path, *(int(sums[name]) for name in ("dropped", "given", "added")))
            for path, sums in self._sums.items()
            if sums["dropped"] or sums["added"]
        ]

    def _report(self, path: str, dropped: int, given: int, added: int) -> Finding:
        layer = self.layer(path).layer
        return Finding(
            self.id,
            self.severity,
            place(path),
            f"this {type(layer).__name__} is between two sets of nodes, where an edge from i to i "
            f"is no self-loop: it drops {dropped:,} of {given:,} edges, and adds {added:,} that "
            "are not there",
            {"dropped": dropped, "edges": given, "added": added},
            "add_self_loops=True, which is the default",
            "build it with add_self_loops=False, and train again",
            applicable("no-self-loops", layer),
        )
