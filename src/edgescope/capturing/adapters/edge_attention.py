"""Sites of edgescope's own attention core."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import Tensor

from edgescope.capturing.adapters.adapter import (
    Adapter,
    Emit,
    Layer,
    Remove,
    Replace,
    Stage,
    bound_arguments,
    observing,
    spliced,
)
from edgescope.capturing.adapters.current_edits import edited, editing
from edgescope.capturing.edge_rows import EdgeRows
from edgescope.models.attention import EdgeAttention
from edgescope.models.attention_steps import LOGIT_LIMIT, NORMALISER_FLOOR, EdgeWeight

BIASED = Stage(
    "(K h_j * Q h_i) / sqrt(D) * W e_ij + b_i e', b_i = (Q h_i . k') / sqrt(D)", "[E, H, D]"
)
"""The score with an explicit bias term."""

OVERWRITTEN = Stage("b_i = (Q h_i . k') / sqrt(D): not of the score, which reaches nothing")
"""The logit with the explicit bias term as released."""

MEAN = Stage("0: not of the score, which reaches no prediction")
"""The logit where attention is a mean."""


class EdgeAttentionAdapter(Adapter):
    """The attention shared by GraphTransformer, SAN and GraphiT."""

    layer = EdgeAttention
    stages = {
        "score": Stage("(K h_j * Q h_i) / sqrt(D) * W e_ij", "[E, H, D]"),
        "logit": Stage(f"sum_d score, clamped to +-{LOGIT_LIMIT:g} only afterwards"),
        "weight": Stage(f"exp(clamp(logit)) / (its sum over j + {NORMALISER_FLOOR:g})"),
        "message": Stage("weight * V h_j", "[E, H, D]"),
    }

    node_argument = "node"

    def stages_of(self, layer: Layer) -> Mapping[str, Stage]:
        """Return the stages, with what an explicit bias term, a full graph and bounds change."""
        stages = dict(self.stages)
        stages["logit"] = Stage(f"sum_d score{_bounded_afterwards(layer.weight)}")
        stages["weight"] = Stage(_weight(layer))
        if layer.explicit_bias:
            stages["score"] = BIASED
            stages["message"] = Stage("weight * (V h_j + v')", "[E, H, D]")
        if layer.explicit_bias == "released":
            stages["logit"] = OVERWRITTEN
        if layer.mean_attention:
            stages["logit"] = MEAN
        if layer.gate is not None:
            formula = f"{stages['message'].formula}, before the sum is multiplied by the gate"
            stages["message"] = Stage(formula, "[E, H, D]")
        if layer.qk_norm:
            formula = stages["score"].formula
            for name in ("Q h_i", "K h_j"):
                formula = formula.replace(name, f"rms({name})")
            stages["score"] = Stage(formula, "[E, H, D]")
        return stages

    def adds_edges(self, layer: Layer) -> bool:
        """Return whether pairs of nodes without an edge attend too."""
        return bool(layer.full_graph)

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return the states of the edges, and of a full graph which are real, with factors."""
        return ("edge", "edge_real", "factor")

    def logit_limit(self, layer: Layer) -> float | None:
        """Return the clamp of the published layers, if it is the bound."""
        limit: float | None = layer.weight.limit
        return limit

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Take score, logit, weight and value where they are computed; emit at the end."""
        seen: dict[str, Tensor] = {}

        def scored(_: Layer, __: object, score: Tensor) -> None:
            seen["score"] = score

        def weighed(_: Layer, args: tuple[Tensor, ...], weight: Tensor) -> None:
            seen["logit"], seen["weight"] = args[0].unsqueeze(-1), weight.unsqueeze(-1)

        def valued(_: Layer, __: object, value: Tensor) -> None:
            seen["value"] = value

        def sunk(_: Layer, __: object, term: Tensor) -> None:
            seen["sink"] = term.unsqueeze(-1)

        def done(_: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], __: object) -> None:
            given = bound_arguments(layer, args, kwargs)
            edge_index, size = given["edge_index"], given["node"].size(0)
            rows = EdgeRows(edge_index, (size, size), real=given["edge_real"])
            now = edited(layer) or {}
            for stage in ("score", "logit"):
                if stage in stages:
                    emit(stage, now.get(stage, seen[stage]), rows)
            for stage, values in _normalised(layer, seen, edge_index, stages):
                emit(stage, now.get(stage, values), rows)
            seen.clear()

        yield layer.score.register_forward_hook(scored).remove
        yield layer.weight.register_forward_hook(weighed).remove
        yield layer.value.register_forward_hook(valued).remove
        if layer.sink is not None:
            yield layer.sink.register_forward_hook(sunk).remove
        yield layer.register_forward_hook(done, with_kwargs=True).remove

    def editable(self, layer: Layer) -> tuple[str, ...]:
        """Return all stages: each is the input or the output of a module of the layer."""
        return tuple(self.stages_of(layer))

    def attach_edit(
        self, layer: Layer, stages: Collection[str], replace: Replace
    ) -> Iterator[Remove]:
        """Replace what goes in and comes out of the modules that score, weigh and send.

        Weight and message are normalised only after the sum over edges. Their new values are
        multiplied by the normaliser of the target, which stays as it was.
        """
        rows = EdgeRows(layer.query.weight.new_empty(2, 0))
        sink: Tensor | None = None

        def enter(_: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            nonlocal rows
            now.clear()
            given = bound_arguments(layer, args, kwargs)
            size = given["node"].size(0)
            rows = EdgeRows(given["edge_index"], (size, size), real=given["edge_real"])

        def scored(_: Layer, __: object, score: Tensor) -> Tensor | None:
            return _put(now, "score", replace("score", score, rows))

        def summed(_: Layer, __: object, logit: Tensor) -> Tensor | None:
            new = replace("logit", logit.unsqueeze(-1), rows)
            return None if new is None else new.squeeze(-1)

        def sunk(_: Layer, __: object, term: Tensor) -> None:
            nonlocal sink
            sink = term.unsqueeze(-1)

        def sent(_: Layer, args: tuple[Tensor, ...], message: Tensor) -> Tensor | None:
            value, weight = args[0], args[1].unsqueeze(-1)
            normaliser = _normaliser(layer, weight, rows.edge_index[1], value.size(0), sink)
            return _sent(value, weight, normaliser, message, rows, stages, replace, now)

        entered = layer.register_forward_pre_hook(enter, with_kwargs=True)
        now = editing(layer, entered)
        yield entered.remove
        if "score" in stages:
            yield layer.score.register_forward_hook(scored).remove
        if "logit" in stages:
            yield layer.logit.register_forward_hook(summed).remove
        if {"weight", "message"} & set(stages):
            if layer.sink is not None:
                yield layer.sink.register_forward_hook(sunk).remove
            yield layer.message.register_forward_hook(sent).remove


def _put(now: dict[str, Tensor], stage: str, new: Tensor | None) -> Tensor | None:
    if new is not None:
        now[stage] = new
    return new


def _sent(
    value: Tensor,
    weight: Tensor,
    normaliser: Tensor,
    message: Tensor,
    rows: EdgeRows,
    stages: Collection[str],
    replace: Replace,
    now: dict[str, Tensor],
) -> Tensor | None:
    """Return messages before normalisation ``[E, H, D]``, with new weights or messages.

    Args:
        value: values of the nodes ``[V, H, D]``.
        weight: weights before normalisation ``[E, H, 1]``.
        normaliser: what they are divided by ``[E, H, 1]``.
        message: the layer's own ``[E, H, D]``.
        rows: which edges they are.
        stages: the stages to replace.
        replace: gives the new values.
        now: takes weights and messages that have changed.
    """
    source = rows.edge_index[0]
    before = weight / normaliser
    after, changed = before, False
    if "weight" in stages:
        new = replace("weight", before, rows)
        if new is not None:
            after, changed = new, True
            now["weight"], now["message"] = after, value[source] * after
            unnormalised = spliced(weight, before, after, after * normaliser)
            message = value[source] * unnormalised
    if "message" in stages:
        normalised = value[source] * after
        new = replace("message", normalised, rows)
        if new is not None:
            now["message"] = new
            message, changed = spliced(message, normalised, new, new * normaliser), True
    return message if changed else None


def _bounded_afterwards(weight: EdgeWeight) -> str:
    if weight.limit is not None:
        return f", clamped to +-{weight.limit:g} only afterwards"
    return "" if weight.cap is None else f", softly capped to +-{weight.cap:g} only afterwards"


def _weight(layer: Layer) -> str:
    """Write the formula of a layer's normalised weights."""
    bound, term = layer.weight, "exp(logit)"
    if bound.limit is not None:
        term = "exp(clamp(logit))"
    elif bound.cap is not None:
        term = f"exp({bound.cap:g} tanh(logit / {bound.cap:g}))"
    more = [] if layer.sink is None else ["exp(z)"]
    more += [] if bound.limit is None else [f"{NORMALISER_FLOOR:g}"]
    total = f"({' + '.join(['its sum over j', *more])})" if more else "its sum over j"
    formula = f"{'f_ij ' if layer.full_graph else ''}{term} / {total}"
    formula += ", f_ij the factor of the pair" if layer.full_graph else ""
    return formula if layer.sink is None else f"{formula}, z the sink's logit"


def _normaliser(
    layer: Layer, weight: Tensor, target: Tensor, num_nodes: int, sink: Tensor | None
) -> Tensor:
    """Return what the layer divides the weights of every edge by ``[E, H, 1]``.

    Args:
        layer: the layer.
        weight: weights before normalisation ``[E, H, 1]``.
        target: target of every edge ``[E]``.
        num_nodes: number of nodes ``V``.
        sink: the term of a sink ``[H, 1]`` or ``[V, H, 1]``, if there is one.
    """
    total = weight.new_zeros(num_nodes, *weight.shape[1:]).index_add(0, target, weight)
    total = total if sink is None else total + sink
    return (total + layer.floor(weight.dtype))[target]


def _normalised(
    layer: Layer, seen: Mapping[str, Tensor], edge_index: Tensor, stages: Collection[str]
) -> Iterator[tuple[str, Tensor]]:
    """Compute what follows the weights before normalisation, as the layer does.

    Args:
        layer: the layer.
        seen: ``weight`` before normalisation ``[E, H, 1]``, ``value`` of the nodes ``[V, F]``, and
            the term of a ``sink`` ``[H, 1]`` or ``[V, H, 1]``, if there is one.
        edge_index: source and target of every edge ``[2, E]``.
        stages: the stages that are wanted.

    Yields:
        The normalised weight ``[E, H, 1]`` and the message ``[E, H, D]``, as far as wanted.
    """
    if not {"weight", "message"} & set(stages):
        return
    source, target = edge_index
    with observing():
        value = seen["value"].view(-1, layer.num_heads, layer.head_dim)
        weight = seen["weight"]
        weight = weight / _normaliser(layer, weight, target, value.size(0), seen.get("sink"))
    if "weight" in stages:
        yield "weight", weight
    if "message" in stages:
        with observing():
            if layer.explicit_bias:
                value = value + layer.bias_term.value
            message = value[source] * weight
        yield "message", message
