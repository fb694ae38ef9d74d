"""Sites of chemprop's message passing along directed bonds (version 2)."""

from collections.abc import Collection, Iterator
from typing import Any, Literal

from torch import Tensor

from edgescope.capturing.adapters.adapter import (
    Adapter,
    Emit,
    Layer,
    Remove,
    Stage,
    bound_arguments,
    names,
)
from edgescope.capturing.adapters.node_states import STATE, joined
from edgescope.capturing.edge_rows import EdgeRows, NodeBlock, NodeRows

_PACKAGE = "chemprop.nn.message_passing.base"


class BondMessagesAdapter(Adapter):
    """BondMessagePassing: a D-MPNN (Yang et al., arXiv 1904.01561). It has no attention.

    A call of it passes messages ``depth`` times, and each time is a site: ``path:message`` the
    first, ``path@2:message`` the second, and so on.
    """

    layer = f"{_PACKAGE}.BondMessagePassing"
    stages = {"message": Stage("h_vw, the state of bond v -> w, once per step", "[E, 1, D]")}
    relies_on = ("forward", "initialize", "message", "update")
    options = names(
        "d_v d_e d_h bias depth dropout activation undirected d_vd V_d_transform graph_transform"
    )
    arguments = names("bmg V_d")

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return none: features of bonds are in the graphs that the layer is given."""
        return ()

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Take the states of bonds behind the activation, then behind each step's dropout."""
        del stages
        rows: EdgeRows | None = None
        steps = 0

        def enter(_: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            nonlocal rows, steps
            graphs = bound_arguments(layer, args, kwargs)["bmg"]
            size = graphs.V.size(0)
            rows, steps = EdgeRows(graphs.edge_index, (size, size)), 0

        def begun(_: Layer, __: object, states: Tensor) -> None:
            if steps == 0:
                step(states)

        def updated(_: Layer, __: object, states: Tensor) -> None:
            if 0 < steps < layer.depth:  # what comes after are the states of atoms
                step(states)

        def step(states: Tensor) -> None:
            nonlocal steps
            if rows is not None:
                emit("message", states.unsqueeze(1), rows)
                steps += 1

        def leave(_: Layer, __: object, ___: object) -> None:
            nonlocal rows
            rows = None

        yield layer.register_forward_pre_hook(enter, with_kwargs=True).remove
        yield layer.tau.register_forward_hook(begun).remove
        yield layer.dropout.register_forward_hook(updated).remove
        yield layer.register_forward_hook(leave).remove

    def attach_states(
        self, layer: Layer, end: Literal["in", "out"], emit: Emit
    ) -> Iterator[Remove] | None:
        """Emit the features of atoms that enter, or the states of atoms that leave."""

        def watch(
            _: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor | None = None
        ) -> None:
            graphs = bound_arguments(layer, args, kwargs)["bmg"]
            states = graphs.V if output is None else output
            rows = NodeRows((graphs.edge_index,), (NodeBlock(len(states)),))
            emit(STATE, joined(layer, [states]), rows)

        register = layer.register_forward_pre_hook if end == "in" else layer.register_forward_hook
        return iter((register(watch, with_kwargs=True).remove,))


class AtomMessagesAdapter(BondMessagesAdapter):
    """AtomMessagePassing: the state of the atom that a bond comes from, once per bond."""

    layer = f"{_PACKAGE}.AtomMessagePassing"
    stages = {"message": Stage("h_v along v -> w, once per step", "[E, 1, D]")}
