"""Finding the graph among the arguments of a call."""

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from edgescope.calling import attribute, bound_call
from edgescope.capture.graph_input import GraphInput, InputEdges, edge_types, plain_edges
from edgescope.errors import InputError

if TYPE_CHECKING:
    from edgescope.capture.rows import Relation

_FIELDS = ("edge_index", "edge_attr", "edge_type", "batch", "x")


def read_graph_input(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
) -> GraphInput:
    """Find the graph among the arguments of a call of ``model``.

    It is looked for by name among the parameters of ``forward`` and then among the attributes of
    each argument (a PyG ``Data``, ``HeteroData`` or ``Batch``): ``edge_index``, ``edge_attr``,
    ``edge_type``, ``batch`` and ``x``, or the same with ``_dict`` for heterogeneous graphs.

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
    several = [value for value in bound.values() if isinstance(value, tuple | list)]
    for source in [bound, *bound.values(), *chain.from_iterable(several)]:
        fields = {name: _field(source, theirs) for name, theirs in called.items()}
        if fields["edge_index"] is not None:
            if isinstance(fields["edge_index"], Mapping):
                return _heterogeneous(fields, owner)
            return _homogeneous(fields, owner)
    batch = _field(bound, called["batch"])
    return GraphInput({}, batch if isinstance(batch, Tensor) else None, owner)


def _homogeneous(fields: Mapping[str, Any], owner: str) -> GraphInput:
    edge_index = plain_edges(fields["edge_index"], owner)
    tensors = {k: v if isinstance(v, Tensor) else None for k, v in fields.items()}
    size = edge_index.size(1)
    # What is called edge_type holds the types, or nothing does.
    types = "edge_attr" if tensors["edge_type"] is None else "edge_type"
    kind = edge_types(tensors[types], size, flags=types == "edge_type")
    batch = tensors["batch"]
    nodes = next((t.size(0) for t in (tensors["x"], batch) if t is not None), None)
    edges = InputEdges(edge_index, kind, (batch, batch), (nodes, nodes))
    return GraphInput({None: edges}, batch, owner)


def _heterogeneous(fields: Mapping[str, Any], owner: str) -> GraphInput:
    batches = _batches(fields["batch"], owner)
    states = fields["x"] if isinstance(fields["x"], Mapping) else {}
    sizes = {
        kind: len(nodes)
        for kind, nodes in [*batches.items(), *states.items()]
        if isinstance(nodes, Tensor)
    }
    edges: dict[Relation | None, InputEdges] = {}
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
        edges[relation] = InputEdges(
            plain_edges(edge_index, owner),
            None,
            (batches.get(source), batches.get(target)),
            (sizes.get(source), sizes.get(target)),
            square=source == target,
        )
    return GraphInput(edges, None, owner)


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
