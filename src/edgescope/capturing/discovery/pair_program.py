"""How the stages of dense attention are had, found out from one trace of it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from edgescope.capturing.discovery.atom_places import place_before
from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.dimensions import Dim
from edgescope.capturing.discovery.pair_attention import (
    MATRICES,
    PairAttention,
    is_mask,
    place_in,
    value_product,
)
from edgescope.capturing.discovery.pair_products import (
    CLEANS,
    are_close,
    is_form,
    is_product,
    scale_of,
)
from edgescope.capturing.discovery.pair_values import (
    OfNodes,
    OfPairs,
    PairRecipe,
    Products,
    Summed,
    UnknownSize,
    Weighted,
    arrangement,
)
from edgescope.capturing.discovery.recipes import Scale
from edgescope.capturing.discovery.steps import KEEPS, Step, Value, is_pointwise
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
        assert found.weight is not None
        atoms = flow.atoms(found.weight)
        ends = {found.key, found.query}
        rest = [each for n, each in enumerate(atoms) if n not in ends]
        heads = {each for each in rest if each in flow.parts}
        self._heads = heads or {each for each in rest if each in flow.features}
        self._graphs = {each for each in rest if each not in self._heads}

    def read(self) -> PairFound | None:
        """Return what was found."""
        found, flow, weight = self._found, self._flow, self._found.weight
        assert weight is not None
        of_weight = self._pairs(weight, found.key)
        if of_weight is None:
            return None
        of_logit = self._logit(weight)
        recipes: dict[str, PairRecipe] = {}
        products, biased = self._products()
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
        mixed = used is not None and not is_form(used[1], weight, CLEANS)
        checked = self._checked(recipes, of_weight, of_logit, products)
        shapes = {stage: self._shape(recipe) for stage, recipe in checked.items()}
        of = (shapes, of_weight, of_logit, found.query is not None)
        return PairFound(found.kind, checked, *of, mixed=mixed)

    def _applied(self, value: Value, of_weight: OfPairs) -> OfPairs | None:
        """Return how the numbers are had by which values are multiplied."""
        found, flow = self._found, self._flow
        assert found.weight is not None
        if is_form(value, found.weight):
            return of_weight
        ends = [n for n, each in enumerate(flow.atoms(value)) if each == found.node]
        keys = [n for n in ends if place_in(flow, value, n, found.weight) == found.key]
        return self._pairs(value, keys[0]) if len(keys) == 1 else None

    def _shape(self, recipe: PairRecipe) -> str:
        zero = torch.zeros(1, dtype=torch.int64)  # the first pair, by which shapes are told
        values = recipe(self._flow.trace, PairPlaces(zero, zero, zero))
        return f"[P, {values.size(1)}, {values.size(2)}]"

    def _pairs(self, value: Value, key: int) -> OfPairs | None:
        """Return how ``[G, H, Q, K]`` is had from a tensor with nodes twice."""
        value = self._unmerged(value)
        atoms = self._flow.atoms(value)
        parts: list[str] = []
        for n, each in enumerate(atoms):
            if each == self._found.node:
                parts.append("key" if n == key else "query")
            elif each in self._heads:
                parts.append("head")
            elif each in self._graphs:
                parts.append("graph")
            else:
                return None
        if sorted(p for p in parts if p in {"key", "query"}) != ["key", "query"]:
            return None
        order = ("graph", "head", "query", "key")
        return OfPairs(value.number, arrangement(self._flow, value.dims, parts, order))

    def _unmerged(self, value: Value) -> Value:
        """Return an earlier form of a value, in which no dimension mixes what batches change."""
        flow = self._flow
        while value.step is not None and value.step.name in KEEPS:
            changing = (
                sum(root not in flow.features for root in flow.axes.roots(dim))
                for dim in value.dims
            )
            before = next(value.step.inputs())
            if max(changing, default=0) < 2 or flow.atoms(before) != flow.atoms(value):  # noqa: PLR2004  (one can be worked out)
                break
            value = before
        return value

    def _logit(self, weight: Value) -> OfPairs | None:
        """Return how the logits are had, in the form in which they enter."""
        logit, alike = self._found.logit, self._flow.atoms(weight)
        return self._pairs(logit, self._found.key) if self._flow.atoms(logit) == alike else None

    def _products(self) -> tuple[Products | None, bool]:
        """Return the products that are summed into the logits, and whether a bias is added."""
        flow, value, key = self._flow, self._found.logit, self._found.key
        scale: Scale = ()
        biased = limited = False
        while value.step is not None:
            step = value.step
            if step.name in MATRICES:
                return self._operands(step, key, scale, limited=limited), biased
            inputs = [v for v in step.inputs() if self._is_pair(v)]
            if step.name in {"add", "sub"} and len(inputs) > 1:
                inputs, others = self._with_product(inputs)
                biased = biased or not all(map(is_mask, others))
            elif step.name == "add":
                biased = biased or not all(is_mask(v) for v in step.inputs() if v not in inputs)
            if len(inputs) != 1 or not (is_pointwise(step) or step.name in KEEPS):
                return None, False
            of_step = scale_of(step, inputs[0])
            before = place_before(flow, step, inputs[0], key)
            if of_step is None or before is None:
                return None, False
            limited = limited or step.name == "clamp"
            scale, key, value = (*scale, *of_step), before, inputs[0]
        return None, False

    def _is_pair(self, value: Value) -> bool:
        return (
            value.tensor.is_floating_point()
            and self._flow.atoms(value).count(self._found.node) == 2  # noqa: PLR2004  (both ends)
        )

    def _with_product(self, values: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """Tell the operand that a product of nodes was summed into from the others."""
        from_products = [each for each in values if is_product(each)]
        return from_products[:1], [each for each in values if each not in from_products[:1]]

    def _operands(self, step: Step, key: int, scale: Scale, *, limited: bool) -> Products | None:
        """Return queries and keys of a matrix product."""
        one, other = [each for each in step.args if isinstance(each, Value)][-2:]
        result = step.results[0]
        last = len(self._flow.atoms(result)) - len(result.dims[-1])
        query, keys = (one, other) if key >= last else (other, one)
        summed = one.dims[-1]
        of_query, of_key = (self._nodes(each, summed) for each in (query, keys))
        if of_query is None or of_key is None:
            return None
        return Products(of_query, of_key, scale, limited)

    def _values(self, step: Step) -> OfNodes | None:
        """Return the values of the nodes, which the weights multiply."""
        one, other = [each for each in step.args if isinstance(each, Value)][-2:]
        value = other if self._is_pair(one) else one
        free = value.dims[-1] if value is other else value.dims[-2]
        return self._nodes(value, free)

    def _nodes(self, value: Value, channels: Dim) -> OfNodes | None:
        """Return how ``[G, H, N, D]`` is had from a tensor with nodes once."""
        roots = set(self._flow.axes.roots(channels))
        value = self._unmerged(value)
        parts: list[str] = []
        for each in self._flow.atoms(value):
            if each == self._found.node:
                parts.append("node")
            elif each in roots:
                parts.append("channel")
            elif each in self._heads:
                parts.append("head")
            elif each in self._graphs:
                parts.append("graph")
            else:
                return None
        if parts.count("node") != 1:
            return None
        order = ("graph", "head", "node", "channel")
        return OfNodes(value.number, arrangement(self._flow, value.dims, parts, order))

    def _checked(
        self,
        recipes: dict[str, PairRecipe],
        weight: OfPairs,
        logit: OfPairs | None,
        products: Products | None,
    ) -> dict[str, PairRecipe]:
        """Leave out what the numbers contradict."""
        trace = self._flow.trace
        there = (weight.grid(trace) > 0).any(1).nonzero()
        places = PairPlaces(*there.unbind(1))
        if logit is not None:
            grid = logit.grid(trace).double()
            expected = grid.softmax(-1) if self._found.kind == "softmax" else None
            if expected is not None and not are_close(expected, weight.grid(trace).double()):
                recipes.pop("logit")
        if products is not None and "unbiased" not in recipes and "logit" in recipes:
            summed = products(trace, places).double().sum(-1, keepdim=True)
            if not are_close(summed, recipes["logit"](trace, places).double()):
                recipes.pop("score")
        return recipes
