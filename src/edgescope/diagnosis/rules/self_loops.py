"""Rule: self-loops that are there twice, or missing where nothing stands in for them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from edgescope.diagnosis.finding import Finding, Severity, place
from edgescope.diagnosis.layer_remedies import applicable
from edgescope.diagnosis.module_values import block_of, first_states
from edgescope.diagnosis.neighbour_sums import all_finite, largest_magnitude, scaled
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, LayerSeen, Rule, Sample
from edgescope.lib.compiled_parts import named_parts, original
from edgescope.lib.model_call import attribute

DOUBLED = 0.01
"""Share of nodes with two self-loops or more from which it is reported."""

PROBED = 16
"""Nodes whose states are changed, to see whether they see themselves."""

STEP = 0.1
"""Size of the change, relative to the root mean square of the states."""

SAME = 1e-6
"""Change of a node's next state, relative to its largest value, up to which there is none."""


@dataclass
class SelfLoops(Rule):
    """Nodes with several self-loops, or layers in which nodes cannot see their own state.

    Attributes:
        doubled: share of nodes with two self-loops or more from which it is reported.
        same: change of a node's next state, relative to its largest value, up to which it does not
            depend on its own state.
    """

    id: ClassVar[str] = "self-loops"
    title: ClassVar[str] = "self-loops are doubled, or missing where nothing stands in for them"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"rows"})
    finite: ClassVar[bool] = False
    samples: ClassVar[bool] = True
    explanation: ClassVar[str] = """\
GATConv and its like add a self-loop to every node, after removing those of the input, so that a
node attends to itself. *Doubled*: layers that keep the edges as given see a loop twice if the data
holds it twice, as after `AddSelfLoops` on a graph that has loops; such a node weighs itself
double. *Missing*: with `add_self_loops=False`, on data without loops and without a residual
connection, a node's new state does not depend on its old one, and a node without neighbours gets
zeros (or the bias).

Doubled loops are counted where the layer sees them. For missing ones the model is run again on one
batch, in which a few nodes lose their edges, as in GATv2Conv their own state has a say in how
neighbours are weighed, but adds nothing to the sum. The states of these nodes are changed in
place where they enter the block, and their states where they enter the next block are compared. So
residual connections are found wherever the model has them. Nothing is said of the last block of a
model that predicts whole graphs, as there is no next state.

**Thresholds.** `doubled` = 0.01 of the nodes. `same` = 1e-6: float32 has seven digits, and the
change that is made is a tenth of the states' size.

**What to do.** `torch_geometric.utils.remove_self_loops` or `coalesce` before training; or
`add_self_loops=True`, `residual=True`, or `TransformerConv`, which has a weight for the node
itself.

**False alarm?** In a task where a node must be told from its neighbours only, such as filling in
its own features, it should not see itself.
"""

    doubled: float = DOUBLED
    same: float = SAME

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was seen."""
        del layers
        self._blind: dict[str, tuple[str, int]] = {}

    def observe(self, seen: LayerSeen) -> None:
        """Count self-loops and nodes without any edge."""
        if seen.num_nodes is None or seen.node_graph is None or seen.pairs:
            return
        loops = seen.target[seen.loop].bincount(minlength=seen.num_nodes)
        sums = self._sums[seen.path]
        sums.add("doubled", (loops > 1).sum())
        sums.add("loops", loops.sum())
        sums.add("lonely", (seen.softmax.bincount(minlength=seen.num_nodes) == 0).sum())
        sums.add("nodes", loops.new_tensor(seen.num_nodes))

    def probe(self, sample: Sample) -> None:
        """See whether nodes see themselves in the blocks that have no self-loops."""
        modules = dict(named_parts(sample.model))
        blocks: dict[str, list[str]] = {}
        for path in self._layers:
            if modules.get(path) is self.layer(path).layer:
                blocks.setdefault(block_of(path, modules), []).append(path)
        suspects = {
            block: paths[0]
            for block, paths in blocks.items()
            if all(self._may_be_blind(path) for path in paths)
        }
        if not suspects:
            return
        for block, unseen in own_state_unseen(sample, list(blocks), self.same).items():
            if block in suspects and unseen is None:
                self.leave_out(suspects[block])
            elif block in suspects and unseen:
                self._blind[suspects[block]] = (block, unseen)

    def _may_be_blind(self, path: str) -> bool:
        """Return whether a layer could add self-loops, was told not to, and saw none."""
        sums, info = self._sums.get(path), self.layer(path)
        off = info.adapter.could_replace_loops(info.layer)
        return off and sums is not None and bool(sums["nodes"]) and not bool(sums["loops"])

    def findings(self) -> list[Finding]:
        """Report doubled loops, and blocks in which no probed node sees itself."""
        return [*self._doubled(), *self._missing()]

    def _doubled(self) -> Iterator[Finding]:
        for path, sums in self._sums.items():
            nodes, doubled = int(sums["nodes"]), int(sums["doubled"])
            if nodes and doubled and doubled >= self.doubled * nodes:
                yield Finding(
                    self.id,
                    self.severity,
                    place(path),
                    f"{doubled:,} of {nodes:,} nodes have two or more self-loops, so they count "
                    "themselves several times",
                    {"doubled": doubled, "nodes": nodes},
                    "the data holds the loops twice, and this layer keeps edges as given",
                    "torch_geometric.utils.coalesce, or remove_self_loops, on the data",
                )

    def _missing(self) -> Iterator[Finding]:
        for path, (block, probed) in self._blind.items():
            sums = self._sums[path]
            lonely, nodes = int(sums["lonely"]), int(sums["nodes"])
            left = f"; {lonely:,} of {nodes:,} nodes have no neighbour at all" if lonely else ""
            yield Finding(
                self.id,
                self.severity,
                place(path),
                f"a node's state does not contribute to its next state ({probed} nodes tested)"
                f"{left}",
                {"probed": probed, "block": block, "nodes_without_edges": lonely, "nodes": nodes},
                "add_self_loops=False, the data has no self-loops, and no residual connection "
                "leads around the layer",
                "add_self_loops=True, residual=True, or x + conv(x)",
                applicable("self-loops", self.layer(path).layer),
            )


def own_state_unseen(sample: Sample, blocks: Sequence[str], same: float) -> dict[str, int | None]:
    """Return the blocks whose nodes' next states do not depend on their own.

    Some nodes of the first batch lose their edges, whichever end of them attends, as their own
    state would else have a say in how they weigh their neighbours. The model runs twice on what is
    left. In the second run, at every block, the states that enter it are set to those of the first
    run and, at these nodes, changed. All in place, so that a residual connection around the block
    passes the change on.

    Args:
        sample: the model and its batches.
        blocks: paths of the blocks, in the order in which they run.
        same: change up to which there is none, relative to the largest next state.

    Returns:
        How many nodes were changed, per block where none of them saw it; 0 where one did, ``None``
        where a next state is not finite. Blocks of which no next state is known are left out.
    """
    from torch_geometric.data import Data

    batch = sample.batches[0]
    edges, size = attribute(batch, "edge_index"), attribute(batch, "num_nodes")
    if not isinstance(edges, Tensor) or not isinstance(batch, Data) or not size:
        return {}
    order = torch.randperm(size, generator=torch.Generator().manual_seed(sample.seed))
    chosen = order[:PROBED].to(edges.device)
    batch = batch.edge_subgraph(~torch.isin(edges, chosen).any(0)).clone()  # to be written to
    clean: dict[str, Tensor] = {}

    def note(block: str, states: Tensor) -> None:
        clean.setdefault(block, states.clone())

    with _entering(sample.model, blocks, size, note):
        last = first_states(sample.call(sample.model, batch))
    changed: dict[str, Tensor] = {}
    touched: list[tuple[Tensor, Tensor]] = []
    generator = torch.Generator().manual_seed(sample.seed)

    def change(block: str, states: Tensor) -> None:
        if block in changed:
            return  # a block that runs again
        changed[block] = states[chosen].clone()
        touched.append((states, clean[block]))
        states.copy_(clean[block])
        largest = largest_magnitude(states)
        size = STEP * largest * float(scaled(states, largest).square().mean().sqrt())
        noise = torch.randn(len(chosen), states.size(1), generator=generator).to(states)
        states[chosen] += max(size, torch.finfo(states.dtype).tiny) * noise

    with _entering(sample.model, blocks, size, change):
        try:
            final = first_states(sample.call(sample.model, batch))
        finally:
            for states, before in reversed(touched):
                states.copy_(before)
    ran = list(changed)
    following: list[tuple[Tensor, Tensor] | None] = [
        (clean[block][chosen], changed[block]) for block in ran[1:]
    ]
    by_node = last is not None and final is not None and len(last) == size
    following.append((last[chosen], final[chosen]) if by_node else None)  # type: ignore[index]  # by_node
    return {
        block: None
        if not all(map(all_finite, pair))
        else 0
        if _differ(*pair, same)
        else len(chosen)
        for block, pair in zip(ran, following, strict=True)
        if pair is not None
    }


def _differ(before: Tensor, after: Tensor, same: float) -> bool:
    largest = max(largest_magnitude(before), largest_magnitude(after))
    return bool((scaled(before, largest) - scaled(after, largest)).abs().max() > same)


@contextmanager
def _entering(
    model: nn.Module,
    blocks: Sequence[str],
    size: int,
    action: Any,  # noqa: ANN401  (a function)
) -> Iterator[None]:
    """Call ``action`` with path and node states ``[V, F]`` whenever one of the blocks begins."""
    with ExitStack() as hooks:
        for block in blocks:

            def enter(
                _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], block: str = block
            ) -> None:
                states = first_states((*args, *kwargs.values()))
                if states is not None and len(states) == size:
                    action(block, states)

            module = original(model.get_submodule(block))
            hooks.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
        yield
