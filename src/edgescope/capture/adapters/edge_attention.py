"""Sites of edgescope's own attention core."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import Tensor

from edgescope.capture.adapters.base import (
    Adapter,
    Emit,
    Layer,
    Remove,
    Stage,
    bound_arguments,
    observing,
)
from edgescope.capture.rows import EdgeRows
from edgescope.models.attention import (
    LOGIT_LIMIT,
    NORMALISER_FLOOR,
    EdgeAttention,
    EdgeWeight,
)

BIASED = Stage(
    "(K h_j * Q h_i) / sqrt(D) * W e_ij + b_i e', b_i = (Q h_i . k') / sqrt(D)", "[E, H, D]"
)
"""The score with an explicit bias term."""

OVERWRITTEN = Stage("b_i = (Q h_i . k') / sqrt(D): not of the score, which reaches nothing")
"""The logit with the explicit bias term as released."""


class EdgeAttentionAdapter(Adapter):
    """The attention shared by GraphTransformer, SAN and GraphiT."""

    layer = EdgeAttention
    stages = {
        "score": Stage("(K h_j * Q h_i) / sqrt(D) * W e_ij", "[E, H, D]"),
        "logit": Stage(f"sum_d score, clamped to +-{LOGIT_LIMIT:g} only afterwards"),
        "weight": Stage(f"exp(clamp(logit)) / (its sum over j + {NORMALISER_FLOOR:g})"),
        "message": Stage("weight * V h_j", "[E, H, D]"),
    }

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
        if layer.qk_norm:
            formula = stages["score"].formula
            for name in ("Q h_i", "K h_j"):
                formula = formula.replace(name, f"rms({name})")
            stages["score"] = Stage(formula, "[E, H, D]")
        return stages

    def adds_edges(self, layer: Layer) -> bool:
        """Return whether pairs of nodes without an edge attend too."""
        return bool(layer.full_graph)

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
            for stage in ("score", "logit"):
                if stage in stages:
                    emit(stage, seen[stage], rows)
            for stage, values in _normalised(layer, seen, edge_index, stages):
                emit(stage, values, rows)
            seen.clear()

        yield layer.score.register_forward_hook(scored).remove
        yield layer.weight.register_forward_hook(weighed).remove
        yield layer.value.register_forward_hook(valued).remove
        if layer.sink is not None:
            yield layer.sink.register_forward_hook(sunk).remove
        yield layer.register_forward_hook(done, with_kwargs=True).remove


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
        total = weight.new_zeros(value.size(0), *weight.shape[1:]).index_add(0, target, weight)
        if "sink" in seen:
            total = total + seen["sink"]
        weight = weight / (total + layer.floor(weight.dtype))[target]
    if "weight" in stages:
        yield "weight", weight
    if "message" in stages:
        with observing():
            if layer.explicit_bias:
                value = value + layer.bias_term.value
            message = value[source] * weight
        yield "message", message
