"""How tensors with a row per node, or per pair of nodes, are brought into the order of their parts.

What every dimension of a dense attention stands for follows from its weights: two are nodes, and
the others heads or graphs. What has none of these is a channel.
"""

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.dimensions import Dim
from edgescope.capturing.discovery.pair_attention import PairAttention
from edgescope.capturing.discovery.pair_values import OfNodes, OfPairs, arrangement
from edgescope.capturing.discovery.steps import KEEPS, Value


class PairParts:
    """The parts of one dense attention.

    Args:
        flow: the trace.
        found: the attention, whose weights are formed.
    """

    def __init__(self, flow: Flow, found: PairAttention) -> None:
        self.flow = flow
        self.found = found
        assert found.weight is not None
        atoms = flow.atoms(found.weight)
        ends = {found.key, found.query}
        rest = [each for n, each in enumerate(atoms) if n not in ends]
        heads = {each for each in rest if each in flow.parts}
        self.heads = heads or {each for each in rest if each in flow.features}
        self.graphs = {each for each in rest if each not in self.heads}

    def is_pair(self, value: Value) -> bool:
        """Return whether a value has numbers for every pair of nodes."""
        return (
            value.tensor.is_floating_point() and self.flow.atoms(value).count(self.found.node) == 2  # noqa: PLR2004  (both ends)
        )

    def pairs(self, value: Value, key: int) -> OfPairs | None:
        """Return how ``[G, H, Q, K]`` is had from a tensor with nodes twice."""
        value = self.unmerged(value)
        parts = self.of_pairs(value, key)
        if parts is None or "channel" in parts:
            return None
        order = ("graph", "head", "query", "key")
        return OfPairs(value.number, arrangement(self.flow, value.dims, parts, order))

    def of_pairs(self, value: Value, key: int) -> list[str] | None:
        """Return what every atom of a tensor with nodes twice is; ``None`` if they are not both.

        Args:
            value: the tensor.
            key: place among its atoms of the nodes that are attended to.
        """
        parts: list[str] = []
        for n, each in enumerate(self.flow.atoms(value)):
            if each == self.found.node:
                parts.append("key" if n == key else "query")
            elif each in self.heads:
                parts.append("head")
            elif each in self.graphs:
                parts.append("graph")
            else:
                parts.append("channel")
        return parts if parts.count("key") == parts.count("query") == 1 else None

    def nodes(self, value: Value, channels: Dim | None) -> OfNodes | None:
        """Return how ``[G, H, N, D]`` is had from a tensor with nodes once.

        Args:
            value: the tensor.
            channels: its channels; ``None`` for all that is neither node, head nor graph.
        """
        roots = None if channels is None else set(self.flow.axes.roots(channels))
        value = self.unmerged(value)
        parts: list[str] = []
        for each in self.flow.atoms(value):
            if each == self.found.node:
                parts.append("node")
            elif roots is not None and each in roots:
                parts.append("channel")
            elif each in self.heads:
                parts.append("head")
            elif each in self.graphs:
                parts.append("graph")
            elif roots is None:
                parts.append("channel")
            else:
                return None
        if parts.count("node") != 1:
            return None
        order = ("graph", "head", "node", "channel")
        return OfNodes(value.number, arrangement(self.flow, value.dims, parts, order))

    def unmerged(self, value: Value) -> Value:
        """Return an earlier form of a value, in which no dimension mixes what batches change."""
        flow = self.flow
        while value.step is not None and value.step.name in KEEPS:
            changing = (
                sum(root not in flow.features for root in flow.axes.roots(dim))
                for dim in value.dims
            )
            before = next(value.step.inputs())
            if max(changing, default=0) < 2 or flow.atoms(before) != flow.atoms(value):  # noqa: PLR2004  (one can be worked out)
                break
            value = before
        return value
