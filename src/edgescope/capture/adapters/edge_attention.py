"""Sites of edgescope's own attention core."""

from collections.abc import Collection, Iterator
from typing import Any

from torch import Tensor

from edgescope.capture.adapters.base import Adapter, Emit, Layer, Remove, Stage, observing
from edgescope.capture.rows import EdgeRows
from edgescope.models.attention import LOGIT_LIMIT, NORMALISER_FLOOR, EdgeAttention


class EdgeAttentionAdapter(Adapter):
    """The attention shared by GraphTransformer, SAN and GraphiT."""

    layer = EdgeAttention
    stages = {
        "score": Stage("(K h_j * Q h_i) / sqrt(D) * W e_ij", "[E, H, D]"),
        "logit": Stage(f"sum_d score, clamped to +-{LOGIT_LIMIT:g} only afterwards"),
        "weight": Stage(f"exp(clamp(logit)) / (its sum over j + {NORMALISER_FLOOR:g})"),
        "message": Stage("weight * V h_j", "[E, H, D]"),
    }

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Take the score and the values where they are computed; emit when the layer is done."""
        seen: dict[str, Tensor] = {}

        def scored(_: Layer, __: object, score: Tensor) -> None:
            seen["score"] = score

        def valued(_: Layer, __: object, value: Tensor) -> None:
            seen["value"] = value

        def done(_: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], __: object) -> None:
            edge_index: Tensor = kwargs["edge_index"] if "edge_index" in kwargs else args[2]
            node: Tensor = kwargs["node"] if "node" in kwargs else args[0]
            rows = EdgeRows(edge_index, (node.size(0), node.size(0)))
            score = seen.pop("score")
            value = seen.pop("value").view(-1, layer.num_heads, layer.head_dim)
            if "score" in stages:
                emit("score", score, rows)
            for stage, values in _later_stages(score, value, edge_index, stages):
                emit(stage, values, rows)

        yield layer.score.register_forward_hook(scored).remove
        yield layer.value.register_forward_hook(valued).remove
        yield layer.register_forward_hook(done, with_kwargs=True).remove


def _later_stages(
    score: Tensor, value: Tensor, edge_index: Tensor, stages: Collection[str]
) -> Iterator[tuple[str, Tensor]]:
    """Compute what follows the score, as far as ``stages`` need it, as the layer does.

    Args:
        score: edge scores ``[E, H, D]``.
        value: values of the nodes ``[V, H, D]``.
        edge_index: source and target of every edge ``[2, E]``.
        stages: the stages that are wanted.

    Yields:
        Each wanted stage after the score and its values ``[E, H, D]``.
    """
    if not {"logit", "weight", "message"} & set(stages):
        return
    with observing():
        logit = score.sum(-1, keepdim=True)
    if "logit" in stages:
        yield "logit", logit
    if not {"weight", "message"} & set(stages):
        return
    source, target = edge_index
    with observing():
        weight = logit.clamp(-LOGIT_LIMIT, LOGIT_LIMIT).exp()
        total = weight.new_zeros(value.size(0), *weight.shape[1:]).index_add(0, target, weight)
        weight = weight / (total + NORMALISER_FLOOR)[target]
    if "weight" in stages:
        yield "weight", weight
    if "message" in stages:
        with observing():
            message = value[source] * weight
        yield "message", message
