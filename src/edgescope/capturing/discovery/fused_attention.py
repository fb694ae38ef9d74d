"""Dense attention that torch computes in one operation, whose weights are computed once more."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.discovery.pair_attention import PairAttention, is_mask
from edgescope.capturing.discovery.pair_program import Grid, PairFound
from edgescope.capturing.discovery.pair_values import PairRecipe, Summed
from edgescope.capturing.discovery.steps import Step, Value
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.pair_grid import PairPlaces


class Operands(NamedTuple):
    """What the operation is given, by numbers of values: states ``[G, H, N, D]``."""

    query: int
    key: int
    value: int
    mask: int | None
    causal: bool
    scale: float

    def logits(self, trace: Trace) -> Tensor:
        """Return what the softmax is taken of ``[G, H, Q, K]``."""
        query, key = (trace.values[n].now for n in (self.query, self.key))
        query, key = (
            each.to(torch.promote_types(each.dtype, torch.float32)) for each in (query, key)
        )
        logit = query @ key.mT * self.scale
        if self.causal:
            later = torch.ones(logit.shape[-2:], dtype=torch.bool, device=logit.device).triu(1)
            logit = logit.masked_fill(later, -math.inf)
        if self.mask is None:
            return logit
        mask = trace.values[self.mask].now
        if mask.dtype is torch.bool:
            return logit.masked_fill(~mask, -math.inf)
        return logit + mask.to(logit.dtype)


class FlexOperands(NamedTuple):
    """What ``flex_attention`` is given, with functions that change scores and forbid pairs."""

    step: int
    query: int
    key: int
    value: int
    scale: float

    def logits(self, trace: Trace) -> Tensor:
        """Return what the softmax is taken of ``[G, H, Q, K]``, by torch's own functions."""
        from torch._higher_order_ops.flex_attention import _math_attention_inner

        given = [_tensors(each) for each in trace.steps[self.step].args]
        return _math_attention_inner(*given)[1]


def _tensors(given: Any) -> Any:  # noqa: ANN401  (an argument of any kind)
    if isinstance(given, Value):
        return given.now
    return tuple(map(_tensors, given)) if isinstance(given, tuple) else given


class FusedScore(NamedTuple):
    """The products that are summed into the logits."""

    operands: Operands | FlexOperands

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, H, D]``."""
        operands = self.operands
        query, key = (trace.values[n].now for n in (operands.query, operands.key))
        one = query[places.graph, :, places.query]
        return one * key[places.graph, :, places.key] * operands.scale


class FusedLogit(NamedTuple):
    """What the softmax is taken of."""

    operands: Operands | FlexOperands

    def grid(self, trace: Trace) -> Tensor:
        """Return the values ``[G, H, Q, K]``."""
        return self.operands.logits(trace)

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, H, 1]``."""
        return self.grid(trace)[places.graph, :, places.query, places.key].unsqueeze(-1)


class FusedWeight(NamedTuple):
    """The softmax, 0 where all is masked."""

    operands: Operands | FlexOperands

    def grid(self, trace: Trace) -> Tensor:
        """Return the values ``[G, H, Q, K]``."""
        logit = self.operands.logits(trace)
        return logit.softmax(-1).masked_fill((logit == -math.inf).all(-1, keepdim=True), 0)

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, H, 1]``."""
        return self.grid(trace)[places.graph, :, places.query, places.key].unsqueeze(-1)


class FusedMessage(NamedTuple):
    """The values of the nodes that are attended to, by their weights."""

    weight: FusedWeight

    def __call__(self, trace: Trace, places: PairPlaces) -> Tensor:
        """Return the values ``[P, H, D]``."""
        value = trace.values[self.weight.operands.value].now
        return self.weight(trace, places) * value[places.graph, :, places.key]


def read_fused(trace: Trace, found: PairAttention) -> PairFound | None:
    """Return how the stages of a fused attention are had; ``None`` for a form that is not known."""
    step = found.steps[0]
    operands = operands_of(step)
    if operands is None:
        return None
    query, biased = trace.values[operands.query], True
    if isinstance(operands, Operands):
        biased = operands.mask is not None and not is_mask(trace.values[operands.mask])
    score, weight = FusedScore(operands), FusedWeight(operands)
    recipes: dict[str, PairRecipe] = {"score": score}
    if biased:
        recipes["unbiased"] = Summed(score)
    logit: Grid = FusedLogit(operands)
    recipes |= {"logit": logit, "weight": weight, "message": FusedMessage(weight)}
    zero = torch.zeros(1, dtype=torch.int64, device=query.tensor.device)
    shapes = {
        stage: "[P, {}, {}]".format(*recipe(trace, PairPlaces(zero, zero, zero)).shape[1:])
        for stage, recipe in recipes.items()
    }
    return PairFound("softmax", recipes, shapes, weight, logit, found.query is not None)


def operands_of(step: Step) -> Operands | FlexOperands | None:
    """Return what a fused attention is given; ``None`` for a form that is not known."""
    return _flex(step) if step.name == "flex_attention" else _operands(step)


def _operands(step: Step) -> Operands | None:
    given = _by_name(step)
    query, key, value = (given[name] for name in ("query", "key", "value"))
    if not _alike(query, key):
        return None
    mask = given.get("attn_mask", given.get("attn_bias"))
    scale = given.get("scale")
    scale = 1 / math.sqrt(query.tensor.size(-1)) if scale is None else float(scale)
    number = mask.number if isinstance(mask, Value) else None
    causal = bool(given.get("is_causal"))
    return Operands(query.number, key.number, value.number, number, causal, scale)


def _flex(step: Step) -> FlexOperands | None:
    query, key, value = step.args[:3]
    scale = step.args[5]
    if not _alike(query, key) or not isinstance(scale, float):
        return None
    return FlexOperands(step.number, query.number, key.number, value.number, scale)


def _alike(query: Value, key: Value) -> bool:
    """Return whether there are as many graphs and heads of queries as of keys."""
    return query.tensor.dim() == 4 and query.tensor.shape[:2] == key.tensor.shape[:2]  # noqa: PLR2004  ([G, H, N, D])


def _by_name(step: Step) -> dict[str, Any]:
    names = [each.name for each in step.func._schema.arguments]  # noqa: SLF001  (nothing public says)
    return {**dict(zip(names, step.args, strict=False)), **step.kwargs}
