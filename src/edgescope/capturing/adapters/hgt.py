"""Sites of HGTConv."""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import Tensor

from edgescope.capturing.adapters.adapter import Emit, Layer, Remove, Stage, bound_arguments, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter
from edgescope.capturing.edge_rows import Relation, RelationRows
from edgescope.capturing.graph_input import plain_edges
from edgescope.lib.errors import InputError


class HGTAdapter(MessagePassingAdapter):
    """HGTConv (Hu et al., arXiv 2003.01332): one softmax over the edges of all relations.

    The layer joins its relations into one bipartite graph, in the order in which it is given
    them; the rows are split again, and each end is numbered within its node type. If that is not
    the order of its ``metadata``, PyG 2.8 takes the matrices of other relations; what is captured
    is what it computes.
    """

    layer = "torch_geometric.nn.conv.hgt_conv.HGTConv"
    refuses = ("sparse adjacency", "reversed flow between several relations or node types")
    options = MESSAGE_PASSING | names("in_channels out_channels metadata heads")
    arguments = frozenset({"x_dict", "edge_index_dict"})
    stages = {
        "score": Stage("Q_t x_i * W_r K_s x_j * p_r / sqrt(D)", "[E, H, D]"),
        "logit": Stage("sum_d score"),
        "weight": Stage("softmax_j(logit), over all relations together"),
        "message": Stage("weight * M_r V_s x_j", "[E, H, D]"),
    }

    joins_relations = True

    def relation_order(self, layer: Layer) -> list[Relation]:
        """Return the order of the metadata, in which PyG (2.8) numbers the matrices."""
        return [tuple(relation) for relation in layer.edge_types]

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return none: edges have no features but their relation."""
        return ()

    def refusal(self, layer: Layer) -> str | None:
        """Refuse the reversed flow, in which the layer mixes up the nodes of its relations.

        It numbers sources by relation and targets by node type. Reversed, it looks up keys by the
        one and queries by the other, which agree only where there is one of each.
        """
        backwards = layer.flow == "target_to_source"
        if backwards and not (len(layer.edge_types) == 1 and len(layer.node_types) == 1):
            return (
                "with flow='target_to_source' it takes keys and queries of other nodes than those "
                "of the edge; build it without flow and give it the edges reversed"
            )
        return super().refusal(layer)

    def score(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Recompute the product that ``HGTConv.message`` sums at once."""
        product = call["q_i"] * call["k_j"] * call["edge_attr"].unsqueeze(-1)
        return product / math.sqrt(product.size(-1))

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit in the layer's own order of operations, bit for bit."""
        query = call["q_i"]
        product = (query * call["k_j"]).sum(-1) * call["edge_attr"]
        return product / math.sqrt(query.size(-1))

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Observe the joined graph, and emit its rows as those of the relations."""
        arguments: dict[str, Any] = {}
        rows: list[RelationRows] = []

        def enter(_: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            rows.clear()
            arguments.update(bound_arguments(layer, args, kwargs))

        def joined(_: Layer, inputs: tuple[Any, ...]) -> None:
            given = dict(arguments["edge_index_dict"])
            split = _split(plain_edges(inputs[0], "HGTConv"), given, arguments["x_dict"])
            rows.append(split._replace(target_row=0 if layer.flow == "target_to_source" else 1))
            arguments.clear()

        yield layer.register_forward_pre_hook(enter, with_kwargs=True).remove
        yield layer.register_propagate_forward_pre_hook(joined).remove
        yield from super().attach(
            layer, stages, lambda stage, values, _: emit(stage, values, rows[0])
        )


def _split(
    joined: Tensor, given: Mapping[Relation, Tensor], states: Mapping[str, Tensor]
) -> RelationRows:
    """Return which relation every edge of the joined graph ``[2, E]`` comes from.

    In it, the sources of each relation follow those of the relation before, and the targets of
    each node type have a range of their own.

    Raises:
        InputError: if the joined graph is not the given edges, one relation after the other.
    """
    relations = tuple(given)
    edges = tuple(plain_edges(given[relation], "HGTConv") for relation in relations)
    sizes = tuple((len(states[source]), len(states[target])) for source, _, target in relations)
    start = first_source = 0
    first_target: dict[str, Tensor] = {}
    known = joined.size(1) == sum(each.size(1) for each in edges)
    for (_, _, target), own, size in zip(relations, edges, sizes, strict=True):
        there = joined[:, start : start + own.size(1)]
        if known and own.size(1):
            first = first_target.setdefault(target, there[1, 0] - own[1, 0])
            known = bool(
                (there[0] - own[0] == first_source).all() and (there[1] - own[1] == first).all()
            )
        start += own.size(1)
        first_source += size[0]
    if not known:
        raise InputError(
            "HGTConv did not join the edges of its relations one after the other, in the order of "
            "edge_index_dict, so which row belongs to which edge cannot be told; leave it out "
            "with sites="
        )
    return RelationRows(relations, edges, sizes)
