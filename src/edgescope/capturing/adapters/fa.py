"""Sites of FAConv."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch
from torch import Tensor

from edgescope.capturing.adapters.adapter import (
    Emit,
    Layer,
    Remove,
    Replace,
    Stage,
    bound_arguments,
    names,
)
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter
from edgescope.lib.errors import InputError


class FAAdapter(MessagePassingAdapter):
    """FAConv (Bo et al., arXiv 2101.00797): a signed gate per edge in the place of a softmax."""

    layer = "torch_geometric.nn.conv.fa_conv.FAConv"
    loops = "input's removed, one added per node if normalize and add_self_loops"
    loops_option = "add_self_loops"
    refuses = ("sparse adjacency", "cached edges of another graph")
    options = MESSAGE_PASSING | names("channels eps dropout cached add_self_loops normalize")
    arguments = names("x x_0 edge_index edge_weight return_attention_weights")
    stages = {
        "logit": Stage("a_l . x_j + a_r . x_i", "[E, 1, 1]"),
        "weight": Stage("tanh(logit), from -1 to 1, not normalised", "[E, 1, 1]", "before"),
        "message": Stage(
            "weight * x_j / sqrt(d_i d_j); weight * edge_weight * x_j if not normalize",
            "[E, 1, D]",
            "after",
        ),
    }
    weight_in = "message"
    kept_weight = "_alpha"
    normalised = False

    def replaces_loops(self, layer: Layer) -> bool:
        """Return whether it normalises with self-loops: without, it takes edges as they are."""
        return bool(layer.normalize) and super().replaces_loops(layer)

    def could_replace_loops(self, layer: Layer) -> bool:
        """Return whether it normalises without self-loops."""
        return bool(layer.normalize) and super().could_replace_loops(layer)

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return the weights of edges, which it takes where it does not normalise itself."""
        return () if layer.normalize else ("edge_weight",)

    def ranks_by_edges(self, layer: Layer) -> bool:
        """Return false: what an edge is given scales its message, not its logit."""
        return False

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``FAConv.message`` takes the tanh of."""
        return (call["alpha_j"] + call["alpha_i"]).squeeze(-1)

    def weight_of(self, layer: Layer, call: EdgeCall, logit: Tensor) -> Tensor:
        """Return the gate, which knows nothing of the other edges of its node."""
        return logit.tanh()

    def message_of(self, layer: Layer, call: EdgeCall, weight: Tensor) -> Tensor:
        """Return the message in the layer's own order of operations."""
        return call["x_j"] * (weight * call["edge_weight"]).unsqueeze(-1)

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Observe it as others, once it is known that its cache holds the edges it is given."""
        yield layer.register_forward_pre_hook(_refuse_other_cache, with_kwargs=True).remove
        yield from super().attach(layer, stages, emit)

    def editable(self, layer: Layer) -> tuple[str, ...]:
        """Return all stages."""
        return tuple(self.stages)

    def attach_edit(
        self, layer: Layer, stages: Collection[str], replace: Replace
    ) -> Iterator[Remove]:
        """Replace what ``message`` returns, as long as the cache holds the edges it is given."""
        yield layer.register_forward_pre_hook(_refuse_other_cache, with_kwargs=True).remove
        yield from super().attach_edit(layer, stages, replace)


def _refuse_other_cache(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse a call in which the layer works on the edges of an earlier one instead.

    Raises:
        InputError: if these were other edges.
    """
    cache = layer._cached_edge_index  # noqa: SLF001  (it has no other name)
    given = bound_arguments(layer, args, kwargs)["edge_index"]
    if not layer.normalize or cache is None or not isinstance(given, Tensor):
        return
    if given.layout != torch.strided or cache[0].layout != torch.strided:
        return  # refused where rows are read
    pick: Callable[[Tensor], Tensor] = _without_loops if layer.add_self_loops else _as_given
    if not torch.equal(pick(cache[0]), pick(given)):
        raise InputError(
            "FAConv is built with cached=True and works on the edges of its first call, which are "
            "not those that it was given; build it with cached=False, or call its "
            "reset_parameters() before it is given another graph"
        )


def _without_loops(edges: Tensor) -> Tensor:
    return edges[:, edges[0] != edges[1]]


def _as_given(edges: Tensor) -> Tensor:
    return edges
