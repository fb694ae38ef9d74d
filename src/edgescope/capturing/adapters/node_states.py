"""Sites of node states: what enters and what leaves a block of attention, a row per node.

A layer that passes messages is called with the states of its nodes and with the edges that number
them. Which node a row is follows from these edges.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.adapters.adapter import Emit, Layer, Remove, bound_arguments, observing
from edgescope.capturing.edge_rows import NodeBlock, NodeRows, Relation
from edgescope.lib.errors import InputError

STATE = "state"
"""The stage of node states."""

End = Literal["in", "out"]
"""Whether states enter a block or leave it."""


class _Block(NamedTuple):
    """What a layer is called with."""

    edges: tuple[Tensor, ...]
    relations: tuple[Relation, ...]
    states: Any


def attach_states(
    layer: Layer, end: End, emit: Emit, node_argument: str = "x", edge_argument: str = "edge_index"
) -> Iterator[Remove]:
    """Emit what enters or what leaves a layer that is called with states and edges.

    Args:
        layer: the layer.
        end: which of the two.
        emit: receives the states ``[V, 1, D]``.
        node_argument: what the layer's ``forward`` calls node states ``[V, F]``; a pair holds those
            of sources and of targets, a dictionary those of every node type.
        edge_argument: what it calls the edges ``[2, E]``, or those by relation.

    Yields:
        A function for each hook that takes it away.
    """

    def read(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Block:
        given = bound_arguments(layer, args, kwargs)
        states, edges = _argument(given, node_argument), _argument(given, edge_argument)
        return _block(layer, states, edges, node_argument, edge_argument)

    def enter(_: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        called = read(args, kwargs)
        values, blocks = _entering(layer, called)
        emit(STATE, joined(layer, values), NodeRows(called.edges, blocks, called.relations))

    def leave(_: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:  # noqa: ANN401  (a stranger's)
        called = read(args, kwargs)
        values, blocks = _leaving(layer, called, output)
        emit(STATE, joined(layer, values), NodeRows(called.edges, blocks, called.relations))

    if end == "in":
        yield layer.register_forward_pre_hook(enter, with_kwargs=True).remove
    else:
        yield layer.register_forward_hook(leave, with_kwargs=True).remove


def joined(layer: Layer, values: list[Tensor]) -> Tensor:
    """Return states ``[V_i, D]`` of several sets of nodes as those of one site ``[V, 1, D]``.

    Raises:
        InputError: if they are no such states, or of different widths.
    """
    name = type(layer).__name__
    for each in values:
        if each.dim() != 2 or not each.is_floating_point() or each.layout != torch.strided:  # noqa: PLR2004  (nodes and channels)
            raise InputError(
                f"the node states around {name} are of the shape {list(each.shape)}, {each.dtype} "
                f"and {each.layout}, expected dense real numbers [V, D]; leave this site out with "
                "sites="
            )
    widths = list(dict.fromkeys(each.size(1) for each in values))
    if len(widths) > 1:
        raise InputError(
            f"the node states around {name} are {' and '.join(map(str, widths))} wide, by the set "
            "of nodes, and one site holds states of one width; leave this site out with sites="
        )
    with observing():
        return (values[0] if len(values) == 1 else torch.cat(values)).unsqueeze(1)


def _argument(given: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401  (of a stranger's layer)
    return given.get(name, given.get(f"{name}_dict"))


def _block(layer: Layer, states: Any, edges: Any, *names: str) -> _Block:  # noqa: ANN401  (as above)
    """Bring what a layer is called with into one form.

    Raises:
        InputError: if it holds no node states or no edges.
    """
    by_relation = dict(edges) if isinstance(edges, Mapping) else {}
    held = tuple(by_relation.values()) if isinstance(edges, Mapping) else (edges,)
    if states is None or edges is None or not all(isinstance(each, Tensor) for each in held):
        missing = names[0] if states is None else names[1]
        raise InputError(
            f"{type(layer).__name__} was called without {missing} as tensors, so its node states "
            "cannot be captured; its adapter's node_argument and edge_argument say what it calls "
            "them"
        )
    return _Block(held, tuple(by_relation), states)


def _entering(layer: Layer, called: _Block) -> tuple[list[Tensor], tuple[NodeBlock, ...]]:
    """Return the states that enter a layer, and whose they are."""
    states = called.states
    if isinstance(states, Mapping):
        return _by_type(layer, called, states)
    if isinstance(states, Tensor):
        return [states], (NodeBlock(len(states)),)
    pair = tuple(states) if isinstance(states, tuple | list) else ()
    if len(pair) != 2 or not isinstance(pair[0], Tensor):  # noqa: PLR2004  (sources and targets)
        raise InputError(
            f"{type(layer).__name__} was called with node states of the type "
            f"{type(states).__name__}, expected a tensor or a pair of them; leave this site out "
            "with sites="
        )
    source, target = pair
    if target is None:
        return [source], (NodeBlock(len(source), 0),)
    if _is_view_of(target, source):
        return [source], (NodeBlock(len(source)),)
    return [source, target], (NodeBlock(len(source), 0), NodeBlock(len(target), 1))


def _leaving(
    layer: Layer,
    called: _Block,
    output: Any,  # noqa: ANN401  (as above)
) -> tuple[list[Tensor], tuple[NodeBlock, ...]]:
    """Return the states that leave a layer, and whose they are: of the nodes that attend."""
    if isinstance(output, tuple | list) and output:
        output = output[0]  # weights, or states of edges, come after
    if isinstance(output, Mapping):
        return _by_type(layer, called, output)
    if not isinstance(output, Tensor):
        raise InputError(
            f"{type(layer).__name__} returned {type(output).__name__}, expected node states as a "
            "tensor; leave this site out with sites="
        )
    target = 0 if getattr(layer, "flow", "") == "target_to_source" else 1
    one = isinstance(called.states, Tensor)
    return [output], (NodeBlock(len(output), None if one else target),)


def _by_type(
    layer: Layer, called: _Block, states: Mapping[Any, Any]
) -> tuple[list[Tensor], tuple[NodeBlock, ...]]:
    """Return the states of every node type that has some."""
    held = {str(kind): each for kind, each in states.items() if isinstance(each, Tensor)}
    if not held or not called.relations:
        raise InputError(
            f"{type(layer).__name__} has states by node type and no edges by relation, or no "
            "states at all; leave this site out with sites="
        )
    blocks = tuple(NodeBlock(len(each), None, kind) for kind, each in held.items())
    return list(held.values()), blocks


def _is_view_of(target: Tensor, source: Tensor) -> bool:
    """Return whether the states of targets are those of the first sources, by their memory."""
    return (
        target.data_ptr() == source.data_ptr()
        and target.stride() == source.stride()
        and target.shape[1:] == source.shape[1:]
        and len(target) <= len(source)
    )
