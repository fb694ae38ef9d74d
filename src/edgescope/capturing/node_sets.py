"""Which nodes the two ends of some edges are, as names, PyG's batches and a layer's states tell.

They are of one set, or of two that are numbered each on its own; then the edge from source 3 to
target 3 is no self-loop.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.edge_rows import EdgeIdentity
from edgescope.capturing.graph_input import NodeSet, starts
from edgescope.lib.model_call import attribute

DIRECTIONS = (("s", "t"), ("src", "dst"), ("source", "target"), ("u", "v"))
"""How source and target nodes are told apart in names such as ``x_s`` and ``x_t``."""


class Nodes(NamedTuple):
    """The nodes of some edges."""

    ends: tuple[NodeSet, NodeSet]
    """Those that each row of ``edge_index`` is numbered by."""
    square: bool
    """Whether these are the same nodes."""
    unclear: str | None = None
    """Why it is not certain whose nodes they are, if so."""


def affixes(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return what stands before and after ``edge_index`` in the names that hold it and more.

    Example:
        >>> affixes(["x", "edge_index", "edge_index_s", "drug_edge_index"])
        {'edge_index_s': ('', '_s'), 'drug_edge_index': ('drug_', '')}
    """
    found = {}
    for name in names:
        match = re.fullmatch(r"(?:(\w+_))?edge_index(\w*)", name)
        if match and name not in {"edge_index", "edge_index_dict"}:
            found[name] = (match[1] or "", match[2])
    return found


def nodes_of(
    source: Any,  # noqa: ANN401  (an argument of a stranger's model)
    edge_index: Tensor,
    get: Callable[[str], Any],
    keys: Sequence[str],
    called: Mapping[str, str],
    shared: Mapping[str, str] | None = None,
) -> Nodes:
    """Find out which nodes some edges are numbered by.

    Args:
        source: what holds the edges; a PyG ``Batch`` knows by how much it has increased them.
        edge_index: the edges ``[2, M]``.
        get: returns what ``source`` holds under a name, or ``None``.
        keys: all names in ``source``.
        called: what it calls ``x`` and ``batch`` of these edges, and the edges themselves.
        shared: the same of the main edges, whose nodes these edges may share.
    """
    x, batch = get(called["x"]), _vector(get, called)
    two = [] if isinstance(x, Tensor) else _two_sets(x, get, keys)
    first = _increments(source, called["edge_index"], edge_index)
    if first is not None and not (_is_by_graph(batch, first) and not two):
        sizes = [nodes.size for nodes in two] or [_size(x, None)] * 2
        ends = [NodeSet(None, size, each) for size, each in zip(sizes, first, strict=True)]
        return Nodes((ends[0], ends[1]), square=not two and torch.equal(*first))
    if two:
        return _in_order(edge_index, two, directed=bool(_direction(_named(keys))))
    if isinstance(x, Tensor) or batch is not None:
        nodes = NodeSet(batch, _size(x, batch))
        main = None if shared is None else _vector(get, shared)
        unclear = None
        if batch is None and main is not None and main.numel() and int(main.max()) > 0:
            unclear = (
                f"{called['x']} comes without a batch vector of its own while there are several "
                f"graphs; call it {called['x']}_batch"
            )
        return Nodes((nodes, nodes), square=True, unclear=unclear)
    if shared is not None:
        return nodes_of(source, edge_index, get, keys, {**shared, "edge_index": ""})
    return Nodes((NodeSet(), NodeSet()), square=True)


def _is_by_graph(batch: Tensor | None, first: tuple[Tensor, Tensor]) -> bool:
    """Return whether a batch vector numbers the nodes of both ends of the edges, graph by graph."""
    if batch is None or not torch.equal(*first) or bool((batch.diff() < 0).any()):
        return False
    sizes = batch.bincount(minlength=len(first[0]))
    return len(sizes) == len(first[0]) and torch.equal(starts(sizes), first[0].to(sizes))


def _vector(get: Callable[[str], Any], called: Mapping[str, str]) -> Tensor | None:
    """Return the graph of every node ``[V]``, under the names that PyG and users give it."""
    for name in (called["batch"], f"{called['x']}_batch"):
        found = get(name)
        if isinstance(found, Tensor):
            return found
    return None


def _size(x: object, batch: Tensor | None) -> int | None:
    return next((len(t) for t in (x, batch) if isinstance(t, Tensor) and t.dim()), None)


def _two_sets(x: object, get: Callable[[str], Any], keys: Sequence[str]) -> list[NodeSet]:
    """Return two sets of nodes if there are exactly two, such as ``x_s`` and ``x_t``."""
    if isinstance(x, tuple | list) and len(x) == 2:  # noqa: PLR2004  (source and target)
        return [NodeSet(None, len(each) if isinstance(each, Tensor) else None) for each in x]
    names = _named(keys)
    if len(names) != 2:  # noqa: PLR2004  (as above)
        return []
    found = []
    for name in names:
        states = get(name)
        batch = _vector(get, {"x": name, "batch": f"batch{name.removeprefix('x')}"})
        found.append(NodeSet(batch, _size(states, batch)))
    return found


def _named(keys: Sequence[str]) -> list[str]:
    """Return the names of node features, those of sources first where they tell."""
    names = [key for key in keys if re.fullmatch(r"x_?\w+", key)]
    names = [key for key in names if not key.endswith(("_batch", "_ptr", "_dict"))]
    pair = _direction(names)
    return sorted(names, key=lambda key: pair.index(_end_of(key))) if pair else names


def _direction(names: Sequence[str]) -> tuple[str, ...]:
    """Return how the names of two sets tell sources from targets; empty if they do not."""
    ends = {_end_of(name) for name in names}
    return next((pair for pair in DIRECTIONS if ends == set(pair)), ())


def _end_of(name: str) -> str:
    return name.removeprefix("x").removeprefix("_")


def _in_order(edge_index: Tensor, two: list[NodeSet], *, directed: bool) -> Nodes:
    """Return two sets of nodes as those of sources and of targets, if that is certain."""
    fits = [
        order
        for order in ((two[0], two[1]), (two[1], two[0]))
        if _fits(edge_index, order[0], order[1])
    ]
    first = (two[0], two[1])
    if directed and first in fits:
        return Nodes(first, square=False)
    if len(fits) == 1 or (fits and fits[0][0].same_as(fits[0][1])):
        return Nodes(fits[0], square=False)
    if not any(nodes.tells_graphs for nodes in two):
        return Nodes((NodeSet(), NodeSet()), square=False)
    return Nodes(
        first,
        square=False,
        unclear=(
            "which of two sets of nodes the sources belong to cannot be told; pass a PyG Batch, or "
            "call them x_s and x_t, and their batch vectors x_s_batch and x_t_batch"
        ),
    )


def _fits(edge_index: Tensor, source: NodeSet, target: NodeSet) -> bool:
    """Return whether edges can be numbered by these nodes, with both ends in one graph."""
    for nodes, end in zip((source, target), edge_index, strict=True):
        if nodes.size is not None and end.numel() and int(end.max()) >= nodes.size:
            return False
    if not (source.tells_graphs and target.tells_graphs):
        return True
    return torch.equal(source.graph_of(edge_index[0]), target.graph_of(edge_index[1]))


def noted(owner: Any, kind: str, name: str) -> Tensor | None:  # noqa: ANN401  (any batch)
    """Return what PyG noted under ``name`` when it joined graphs."""
    notes = getattr(owner, kind, None)
    found = notes.get(name) if isinstance(notes, Mapping) else None
    if found is None:
        return None
    try:
        return torch.as_tensor(found).cpu().long().flatten()
    except (TypeError, ValueError, RuntimeError):  # a list of what is no number
        return None


def first_nodes(owner: Any, key: str, size: int) -> Tensor | None:  # noqa: ANN401  (as above)
    """Return what PyG noted as the first node of each of ``size`` graphs at both ends ``[2, G]``.

    A PyG ``Batch`` keeps by how much it has increased what it joined. ``None`` if it is none.
    """
    by = noted(owner, "_inc_dict", key)
    if by is None or by.numel() not in {size, 2 * size}:
        return None
    return by.reshape(size, -1).t().expand(2, size).contiguous()


def _increments(source: Any, key: str, edge_index: Tensor) -> tuple[Tensor, Tensor] | None:  # noqa: ANN401  (as above)
    """Return the first node of every graph at both ends, each ``[G]``, if edges are as joined."""
    bounds = noted(source, "_slice_dict", key)
    if bounds is None or not len(bounds) or int(bounds[-1]) != edge_index.size(1):
        return None
    first = first_nodes(source, key, len(bounds) - 1)
    if first is None:
        return None
    first = first.to(edge_index.device)
    return first[0], first[1]


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


class NodeTypes:
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
