"""Sites of HANConv."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from edgescope.capturing.adapters.adapter import (
    Emit,
    Layer,
    Remove,
    Stage,
    bound_arguments,
    names,
    observing,
)
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter
from edgescope.capturing.edge_rows import EdgeRows, Relation, RelationRows, Rows
from edgescope.capturing.pair_grid import PairGrid, Values
from edgescope.lib.errors import InputError


class HANAdapter(MessagePassingAdapter):
    """HANConv (Wang et al., arXiv 1903.07293): a softmax over the edges of each relation.

    The layer passes messages along one relation after the other; the rows of all of them are
    emitted together. Its second attention weighs relations, not edges, and has no site.
    """

    layer = "torch_geometric.nn.conv.han_conv.HANConv"
    refuses = ("sparse adjacency", "reversed flow between two node types")
    options = MESSAGE_PASSING | names(
        "in_channels out_channels metadata heads negative_slope dropout"
    )
    arguments = frozenset({"x_dict", "edge_index_dict", "return_semantic_attention_weights"})
    stages = {
        "logit": Stage("LeakyReLU(a_s,r . W_s x_j + a_t,r . W_t x_i)"),
        "weight": Stage("softmax_j(logit), per relation", dropout="before"),
        "message": Stage("weight * W_s x_j", "[E, H, D]", "after"),
    }

    def refusal(self, layer: Layer) -> str | None:
        """Refuse the reversed flow between two node types, which the layer mixes up."""
        apart = [kind for kind in layer.metadata[1] if kind[0] != kind[2]]
        if layer.flow == "target_to_source" and apart:
            return (
                f"with flow='target_to_source' it takes the states of the other end's node type "
                f"for the edges {' '.join(apart[0])}; build it without flow and give it the edges "
                "reversed"
            )
        return super().refusal(layer)

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit as ``HANConv.message`` computes it."""
        return F.leaky_relu(call["alpha_j"] + call["alpha_i"], layer.negative_slope)

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Gather what each relation computes; emit when the layer is done."""
        relations: list[Relation] = []
        gathered: dict[str, list[tuple[Tensor, EdgeRows]]] = defaultdict(list)

        def enter(_: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            gathered.clear()  # of what a call that raised left here
            relations[:] = bound_arguments(layer, args, kwargs)["edge_index_dict"]

        def gather(stage: str, values: Values, rows: Rows | PairGrid) -> None:
            assert isinstance(rows, EdgeRows)
            assert isinstance(values, Tensor)
            gathered[stage].append((values, rows))

        def leave(*_: object) -> None:
            if not gathered:
                return  # no relation, no edge
            of_any_stage = next(iter(gathered.values()))
            rows = _join(relations, [rows for _, rows in of_any_stage])
            for stage, parts in gathered.items():
                with observing():
                    joined = torch.cat([values for values, _ in parts])
                emit(stage, joined, rows)
            gathered.clear()

        yield layer.register_forward_pre_hook(enter, with_kwargs=True).remove
        yield from super().attach(layer, stages, gather)
        yield layer.register_forward_hook(leave).remove


def _join(relations: list[Relation], rows: list[EdgeRows]) -> RelationRows:
    """Return the rows of all relations, which are those of ``edge_index_dict`` in its order.

    Raises:
        InputError: if the layer did not pass messages once per relation.
    """
    if len(rows) != len(relations):
        raise InputError(
            f"HANConv passed messages {len(rows)} times for {len(relations)} relations, so which "
            "row belongs to which edge cannot be told; leave it out with sites="
        )
    return RelationRows(
        tuple(relations),
        tuple(each.edge_index for each in rows),
        tuple(each.num_nodes for each in rows),
        rows[0].target_row,
    )
