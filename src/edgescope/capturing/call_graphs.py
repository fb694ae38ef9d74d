"""Finding the graphs among the arguments of a call."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from edgescope.capturing.graph_input import (
    GraphInput,
    InputEdges,
    NodeSet,
    edge_types,
    plain_edges,
    same_tensors,
)
from edgescope.capturing.node_sets import affixes, nodes_of
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import attribute, bound_call

if TYPE_CHECKING:
    from edgescope.capturing.edge_rows import Relation

_FIELDS = ("edge_index", "edge_attr", "edge_type", "batch", "x")

SHOWN = 3
"""How many of several inputs that are one tensor are named."""

DEEPEST = 3
"""Levels of lists, dictionaries and objects in which graphs are looked for."""


def read_graph_input(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
) -> GraphInput:
    """Find the graphs among the arguments of a call of ``model``.

    They are looked for by name among the parameters of ``forward``, among the attributes of each
    argument (a PyG ``Data``, ``HeteroData`` or ``Batch``), and in lists and dictionaries of such:
    ``edge_index``, ``edge_attr``, ``edge_type``, ``batch`` and ``x``, or the same with ``_dict``
    for heterogeneous graphs. Names such as ``edge_index2``, ``edge_index_s`` or
    ``drug_edge_index`` are further inputs, whose features are called alike.

    Args:
        model: the model that is called.
        args: positional arguments of the call.
        kwargs: keyword arguments of the call.
        names: what the model calls them, such as ``{"edge_index": "edges"}``, where it differs.

    Raises:
        InputError: if the edges come as a sparse adjacency matrix, whose edges have no position;
            in a heterogeneous graph, if its edges are not given by relation or ``batch`` is not
            given for the node types of each; if ``names`` names something else.
    """
    unknown = sorted(set(names or {}) - set(_FIELDS))
    if unknown:
        raise InputError(
            f"received inputs= for {', '.join(unknown)}, expected some of {', '.join(_FIELDS)}; "
            "edgescope's name comes first, as in inputs={'edge_index': 'edges'}"
        )
    bound = bound_call(model, args, kwargs)
    called = {name: name for name in _FIELDS} | dict(names or {})
    owner = type(model).__name__
    found: list[InputEdges] = []
    for path, source in _sources("", bound, DEEPEST):
        found += _inputs(path, source, called, owner)
    batch = _field(bound, called["batch"])
    return GraphInput(_distinct(found), batch if isinstance(batch, Tensor) else None, owner)


def _sources(path: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  (any argument)
    """Yield what may hold a graph, with its name among the arguments, outermost first."""
    if value is None or isinstance(value, Tensor | nn.Module | str | bytes | int | float):
        return
    if not isinstance(value, list | tuple) or hasattr(value, "_fields"):
        yield path, value
    if not depth:
        return
    inner: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        inner = [(f"{path}[{key!r}]" if path else str(key), each) for key, each in value.items()]
    elif isinstance(value, list | tuple):
        names = getattr(value, "_fields", range(len(value)))
        inner = [
            (f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}", each)
            for name, each in zip(names, value, strict=True)
        ]
    elif not callable(getattr(value, "keys", None)):  # PyG's data objects are searched by name
        inner = [(f"{path}.{name}", each) for name, each in getattr(value, "__dict__", {}).items()]
    for name, each in inner:
        yield from _sources(name, each, depth - 1)


def _inputs(path: str, source: Any, called: Mapping[str, str], owner: str) -> list[InputEdges]:  # noqa: ANN401  (as above)
    """Return the edges that one argument, or the arguments together, hold."""
    main = _field(source, called["edge_index"])
    if isinstance(main, Mapping):
        fields = {name: _field(source, theirs) for name, theirs in called.items()}
        return _heterogeneous(path, fields, owner)
    found = []
    if main is not None:
        fields = {name: _field(source, theirs) for name, theirs in called.items()}
        found.append(_homogeneous(path or called["edge_index"], source, called, owner, fields))
    for key, (before, after) in affixes(_keys(source)).items():
        if key == called["edge_index"] or not _are_edges(_field(source, key)):
            continue
        own = {name: f"{before}{name}{after}" for name in _FIELDS}
        fields = {name: _field(source, theirs) for name, theirs in own.items()}
        name = f"{path}.{key}" if path else key
        found.append(_homogeneous(name, source, own, owner, fields, called))
    return found


def _homogeneous(
    name: str,
    source: Any,  # noqa: ANN401  (as above)
    called: Mapping[str, str],
    owner: str,
    fields: Mapping[str, Any],
    shared: Mapping[str, str] | None = None,
) -> InputEdges:
    edge_index = plain_edges(fields["edge_index"], owner)
    size = edge_index.size(1)
    # What is called edge_type holds the types, or nothing does.
    types = "edge_attr" if _tensor(fields["edge_type"]) is None else "edge_type"
    kind = edge_types(_tensor(fields[types]), size, flags=types == "edge_type")

    def get(key: str) -> Any:  # noqa: ANN401  (as above)
        return _field(source, key)

    nodes = nodes_of(source, edge_index, get, _keys(source), called, shared)
    found = InputEdges(
        edge_index, kind, nodes.ends, square=nodes.square, name=name, unclear=nodes.unclear
    )
    states = _tensor(fields["x"] if shared is None or fields["x"] is not None else get(shared["x"]))
    if nodes.square and states is not None and states.dim():
        found.node_type = edge_types(states, len(states))
    return found


def _heterogeneous(path: str, fields: Mapping[str, Any], owner: str) -> list[InputEdges]:
    batches = _batches(fields["batch"], owner)
    states = fields["x"] if isinstance(fields["x"], Mapping) else {}
    sizes = {
        kind: len(nodes)
        for kind, nodes in [*batches.items(), *states.items()]
        if isinstance(nodes, Tensor)
    }
    relations: tuple[Relation, ...] = tuple(fields["edge_index"])
    found = []
    for relation, edge_index in fields["edge_index"].items():
        ends = _ends(relation, owner)
        unknown = [end for end in ends if batches and end not in batches]
        if unknown:
            raise InputError(
                f"{owner} was given batch for the nodes of {', '.join(batches)} but not of "
                f"{unknown[0]}, so the graphs of the edges {' '.join(relation)} are not known; "
                "pass batch_dict of all node types"
            )
        source, target = ends
        found.append(
            InputEdges(
                plain_edges(edge_index, owner),
                None,
                (
                    NodeSet(batches.get(source), sizes.get(source)),
                    NodeSet(batches.get(target), sizes.get(target)),
                ),
                square=source == target,
                name=path,
                relation=relation,
                relations=relations,
            )
        )
    return found


def _distinct(found: list[InputEdges]) -> list[InputEdges]:
    """Return every tensor of edges once, under a name only where there are several graphs."""
    same: dict[object, list[InputEdges]] = {}
    for edges in found:
        index = edges.edge_index
        place = (edges.memory, index.storage_offset(), index.shape, index.stride())
        # Memory without elements may be anybody's, and edges of a relation have its name.
        of_its_own = edges.relation is not None or not index.numel()
        same.setdefault((*place, id(edges)) if of_its_own else place, []).append(edges)
    inputs = [_joined(group) for group in same.values()]
    if len({(edges.name, edges.relations) for edges in inputs}) <= 1:
        for edges in inputs:
            edges.name = ""
    return inputs


def _joined(inputs: Sequence[InputEdges]) -> InputEdges:
    """Return one input for several that are the same tensor.

    Rows of a layer that was given this tensor belong to all of them alike, unless something that
    is said of the edges differs; then they cannot be identified.
    """
    first, *others = inputs
    if not others:
        return first
    shown = [edges.name for edges in inputs[:SHOWN]]
    name = ", ".join(shown) + (", ..." if len(inputs) > SHOWN else "")
    unclear = (
        f"the inputs {name} are the same tensor with different types, nodes or relations, and "
        "which of them a layer was given cannot be told; give each its own copy of the edges"
    )
    found = InputEdges(
        first.edge_index,
        first.edge_type,
        first.nodes,
        square=first.square,
        name=name,
        relation=first.relation,
        relations=first.relations,
        unclear=None if all(_alike(first, each) for each in others) else unclear,
    )
    if all(same_tensors(first.node_type, each.node_type) for each in others):
        found.node_type = first.node_type
    return found


def _alike(one: InputEdges, other: InputEdges) -> bool:
    return (
        same_tensors(one.edge_type, other.edge_type)
        and one.relation == other.relation
        and one.unclear == other.unclear
        and all(mine.same_as(its) for mine, its in zip(one.nodes, other.nodes, strict=True))
    )


def _batches(batch: object, owner: str) -> dict[str, Tensor]:
    """Return the graph of every node by node type; empty if there is one graph only."""
    if isinstance(batch, Tensor):
        raise InputError(
            f"{owner} was given a heterogeneous graph and batch as one tensor, which does not "
            "tell the graphs of all node types; pass it as a dictionary by node type, batch_dict"
        )
    return dict(batch) if isinstance(batch, Mapping) else {}


def _ends(relation: object, owner: str) -> tuple[str, str]:
    """Return the source and target node type of a relation."""
    match relation:
        case (str(source), str(), str(target)):
            return source, target
    raise InputError(
        f"{owner} was given edges under {relation!r}; key them by a tuple of source node type, "
        "relation and target node type"
    )


def _are_edges(value: object) -> bool:
    """Return whether something called like edges is a tensor ``[2, M]`` of whole numbers."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.dim() == 2  # noqa: PLR2004  (source and target)
        and value.size(0) == 2  # noqa: PLR2004  (as above)
        and value.dtype in {torch.int64, torch.int32}
    )


def _tensor(value: object) -> Tensor | None:
    return value if isinstance(value, Tensor) else None


def _keys(source: Any) -> list[str]:  # noqa: ANN401  (as above)
    """Return the names of what an argument holds."""
    if isinstance(source, Mapping):
        return [key for key in source if isinstance(key, str)]
    keys = getattr(source, "keys", None)
    if callable(keys):
        return [key for key in keys() if isinstance(key, str)]
    return list(getattr(source, "_fields", getattr(source, "__dict__", {})))


def _field(source: Any, name: str) -> Any:  # noqa: ANN401  (as above)
    """Return ``source[name]`` or ``source.name``, or the same with ``_dict``; else ``None``."""
    for variant in (name, f"{name}_dict"):
        if isinstance(source, Mapping):
            found = source.get(variant)
        elif isinstance(source, Tensor | nn.Module):
            found = None  # a tensor's attributes are no graph's
        else:
            found = attribute(source, variant)
        if found is not None:
            return found
    return None
