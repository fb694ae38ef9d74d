"""How the stages of dense attention are had, found out from one trace of it."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.pair_attention import PairAttention, place_in, value_product
from edgescope.capturing.discovery.pair_parts import PairParts
from edgescope.capturing.discovery.pair_products import (
    CLEANS,
    Spread,
    are_close,
    is_form,
    spread_values,
)
from edgescope.capturing.discovery.pair_scores import products_of
from edgescope.capturing.discovery.pair_values import (
    AsChannels,
    Channels,
    OfNodes,
    OfPairs,
    PairRecipe,
    Products,
    Summed,
    UnknownSize,
    Weighted,
)
from edgescope.capturing.discovery.steps import Step, Value
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.pair_grid import PairGrid, PairPlaces


class Grid(PairRecipe, Protocol):
    """Computes the values of a stage, also for all places at once."""

    def grid(self, trace: Trace) -> Tensor:
        """Return the values ``[G, H, Q, K]``."""


class PairFound(NamedTuple):
    """One dense attention of a program: how its grid and its stages are had."""

    kind: str
    recipes: dict[str, PairRecipe]
    shapes: dict[str, str]
    weight: Grid
    logit: Grid | None
    same: bool
    tokens: tuple[int, int] | None = None
    """How many tokens the model puts before and after the nodes, if that was seen."""
    mixed: bool = False
    """Whether weights are multiplied or mixed with something before they are applied."""
    as_noted: bool = True
    """Whether the numbers of values are those of the trace as it was noted."""

    @property
    def form(self) -> tuple[str, ...]:
        """What tells it from another one in the same place: its kind and stages."""
        return f"pairs {self.kind}", *self.recipes

    def grid(self, trace: Trace, tokens: tuple[int, int] | None = None) -> PairGrid:
        """Return the weights of a run, by which its pairs are known.

        Args:
            trace: the run.
            tokens: how many tokens the model puts before and after the nodes, if that is known.
        """
        # Only a softmax makes 0 of what its logit is far below others; a mask does of any.
        softmax = self.logit is not None and self.kind == "softmax"
        logit = self.logit.grid(trace) if self.logit is not None and softmax else None
        tokens = tokens if self.tokens is None else self.tokens
        return PairGrid(self.weight.grid(trace), logit, same=self.same, tokens=tokens)


def read_pairs(flow: Flow, found: PairAttention) -> PairFound | None:
    """Return how the stages of an attention are had whose weights are formed.

    ``None`` if that cannot be told.
    """
    try:
        return _Reader(flow, found).read()
    except UnknownSize:
        return None


def tokens_of(flow: Flow, found: PairAttention) -> tuple[int, int] | None:
    """Return how many tokens were put before and after the nodes, if they were joined here."""
    parts = flow.axes.pieces(found.node)
    if parts is None:
        return None
    largest = max(parts, key=lambda part: part[0])
    at = parts.index(largest)
    own = [n for n, (_, is_token) in enumerate(parts) if not is_token]
    if own != [at]:
        return None
    before, after = parts[:at], parts[at + 1 :]
    return sum(size for size, _ in before), sum(size for size, _ in after)


class _Reader:
    """Reads one dense attention."""

    def __init__(self, flow: Flow, found: PairAttention) -> None:
        self._flow = flow
        self._found = found
        self._parts = PairParts(flow, found)

    def read(self) -> PairFound | None:
        """Return what was found."""
        found, flow, weight = self._found, self._flow, self._found.weight
        assert weight is not None
        of_weight = self._parts.pairs(weight, found.key)
        if of_weight is None:
            return None
        of_logit = self._logit(weight)
        recipes: dict[str, PairRecipe] = {}
        products, biased = products_of(self._parts)
        if products is not None:
            recipes["score"] = products
            if biased:
                recipes["unbiased"] = Summed(products)
        if of_logit is not None:
            recipes["logit"] = of_logit
        recipes["weight"] = of_weight
        used = value_product(flow, found)
        if used is not None:
            value, applied = self._values(used[0]), self._applied(used[1], of_weight)
            if value is not None and applied is not None:
                recipes["message"] = Weighted(applied, value)
        applied_to = None if used is None else used[1]
        spread = spread_values(flow, found) if used is None else None
        if spread is not None:
            applied_to = spread.weight
            self._add_spread(recipes, spread, of_weight)
        mixed = applied_to is not None and not is_form(applied_to, weight, CLEANS)
        checked = self._checked(recipes, of_weight, of_logit, products)
        shapes = {stage: self._shape(recipe) for stage, recipe in checked.items()}
        of = (shapes, of_weight, of_logit, found.query is not None)
        return PairFound(found.kind, checked, *of, mixed=mixed)

    def _add_spread(
        self, recipes: dict[str, PairRecipe], spread: Spread, of_weight: OfPairs
    ) -> None:
        """Add how messages are had that are formed before they are summed."""
        value = self._parts.nodes(spread.value, None)
        applied = self._applied(spread.weight, of_weight)
        if value is not None and applied is not None:
            recipes["message"] = Weighted(applied, value)
        own = {*self._parts.heads, *self._parts.graphs, self._found.node}
        wider = any(each not in own for each in self._flow.atoms(spread.product))
        if self._parts.heads and not wider and spread.product.dims[-1]:
            recipes |= {name: AsChannels(each) for name, each in recipes.items()}

    def _applied(self, value: Value, of_weight: OfPairs) -> OfPairs | None:
        """Return how the numbers are had by which values are multiplied."""
        found, flow = self._found, self._flow
        assert found.weight is not None
        if is_form(value, found.weight):
            return of_weight
        ends = [n for n, each in enumerate(flow.atoms(value)) if each == found.node]
        keys = [n for n in ends if place_in(flow, value, n, found.weight) == found.key]
        return self._parts.pairs(value, keys[0]) if len(keys) == 1 else None

    def _shape(self, recipe: PairRecipe) -> str:
        zero = torch.zeros(1, dtype=torch.int64)  # the first pair, by which shapes are told
        values = recipe(self._flow.trace, PairPlaces(zero, zero, zero))
        return f"[P, {values.size(1)}, {values.size(2)}]"

    def _logit(self, weight: Value) -> OfPairs | None:
        """Return how the logits are had, in the form in which they enter."""
        logit, alike = self._found.logit, self._flow.atoms(weight)
        return (
            self._parts.pairs(logit, self._found.key) if self._flow.atoms(logit) == alike else None
        )

    def _values(self, step: Step) -> OfNodes | None:
        """Return the values of the nodes, which the weights multiply."""
        one, other = [each for each in step.args if isinstance(each, Value)][-2:]
        value = other if self._parts.is_pair(one) else one
        free = value.dims[-1] if value is other else value.dims[-2]
        return self._parts.nodes(value, free)

    def _checked(
        self,
        recipes: dict[str, PairRecipe],
        weight: OfPairs,
        logit: OfPairs | None,
        products: Products | Channels | None,
    ) -> dict[str, PairRecipe]:
        """Leave out what the numbers contradict."""
        trace = self._flow.trace
        there = (weight.grid(trace) > 0).any(1).nonzero()
        places = PairPlaces(*there.unbind(1))
        if logit is not None and self._found.kind == "softmax":
            grid, of_weight = (each.grid(trace).double() for each in (logit, weight))
            # A mask may multiply what the exponentials are.
            expected = grid.masked_fill(of_weight == 0, -torch.inf).softmax(-1)
            if not are_close(expected, of_weight):
                recipes.pop("logit")
        if products is not None and "unbiased" not in recipes and "logit" in recipes:
            summed = products(trace, places).double().sum(-1, keepdim=True)
            if not are_close(summed, recipes["logit"](trace, places).double()):
                recipes.pop("score")
        return recipes
