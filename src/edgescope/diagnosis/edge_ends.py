"""Which nodes the two ends of an edge are: of one set, or of two that are numbered each on its own.

Where they are of two sets, the edge from source 3 to target 3 is no self-loop.
"""

from typing import Any

import torch
from torch import Tensor

from edgescope.capturing.activations import EdgeIdentity
from edgescope.lib.model_call import attribute


def two_node_sets(x: Any, batch: Any) -> bool:  # noqa: ANN401  (what a layer and a model are given)
    """Return whether a layer was given the states of two different sets of nodes.

    Such a layer gets a pair of states. It may also get a pair for one set: a tensor twice, or all
    nodes and the first of them, which are the targets, as in sampled neighbourhoods. Then the
    states of the second are those of the first, or both hold all nodes of a batch that has one
    set. Where all states are equal, so that this cannot be told, only those that share memory are
    taken as the same.

    Args:
        x: what the layer was given for node states.
        batch: what the model was given.
    """
    if not isinstance(x, tuple) or len(x) != 2 or not all(isinstance(each, Tensor) for each in x):  # noqa: PLR2004  (sources and targets)
        return False
    one, other = x
    if one.data_ptr() == other.data_ptr() and one.shape[1:] == other.shape[1:]:
        return False
    nodes = attribute(batch, "x")
    if isinstance(nodes, Tensor) and len(nodes) == len(one) == len(other):
        return False
    if one.shape[1:] != other.shape[1:]:
        return True
    size = min(len(one), len(other))
    first, second = one[:size], other[:size]
    same = (first == second) | (first.isnan() & second.isnan())
    return not bool(same.all()) or bool((one == one[:1]).all())


class NodeSets:
    """The node types at both ends of the relations of a heterogeneous batch.

    Args:
        batch: what the model was given.
    """

    def __init__(self, batch: Any) -> None:  # noqa: ANN401  (any PyG batch)
        kinds = getattr(batch, "edge_types", [])
        self._ends = {" ".join(kind): (kind[0], kind[-1]) for kind in kinds if len(kind) == 3}  # noqa: PLR2004  (of a relation)

    def differ(self, identity: EdgeIdentity) -> bool | Tensor | None:
        """Return whether a row's ends are of different types ``[E]``; ``None`` if it has none.

        One answer, if it is the same for all rows.
        """
        if identity.relation is None or identity.relations is None:
            return None
        differ = [source != target for source, target in map(self._of, identity.relations)]
        rows = torch.tensor(differ, device=identity.relation.device)[identity.relation]
        if bool(rows.all()):
            return len(rows) > 0
        return rows if bool(rows.any()) else False

    def softmax(self, identity: EdgeIdentity, joined: bool) -> Tensor:
        """Return which softmax every row belongs to ``[E]``.

        Args:
            identity: the rows.
            joined: whether there is one softmax over all relations into a node, rather than one
                for each relation.
        """
        target = identity.target
        if identity.relation is None or identity.relations is None or not target.numel():
            return target
        names = identity.relations
        return _numbered(
            identity, target, [self._of(name)[1] if joined else name for name in names]
        )

    def sender(self, identity: EdgeIdentity) -> Tensor:
        """Return a number for the node that every row leads to ``[E]``, different for each node."""
        source = identity.source
        if identity.relation is None or identity.relations is None or not source.numel():
            return source
        return _numbered(identity, source, [self._of(name)[0] for name in identity.relations])

    def _of(self, relation: str) -> tuple[str, str]:
        """Return the node types at both ends of a relation."""
        first, last = relation.partition(" ")[0], relation.rpartition(" ")[2]
        return self._ends.get(relation, (first, last))


def _numbered(identity: EdgeIdentity, node: Tensor, kinds: list[str]) -> Tensor:
    """Number nodes ``[E]`` so that those of different kinds have different numbers."""
    numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    kind = node.new_tensor([numbers[each] for each in kinds])[identity.relation]
    return kind * (int(node.max()) + 1) + node
