"""How the stages of attention over tables of neighbours are had, found out from one trace of it."""

from collections.abc import Iterator
from typing import NamedTuple

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.fused_attention import FusedLogit, FusedWeight, operands_of
from edgescope.capturing.discovery.neighbour_tables import atoms_of
from edgescope.capturing.discovery.pair_attention import MATRICES
from edgescope.capturing.discovery.pair_products import are_close, scale_of
from edgescope.capturing.discovery.pair_values import UnknownSize, arrangement
from edgescope.capturing.discovery.quotients import TIMES
from edgescope.capturing.discovery.recipes import Scale
from edgescope.capturing.discovery.steps import KEEPS, Step, Value, is_pointwise
from edgescope.capturing.discovery.table_attention import TableAttention
from edgescope.capturing.discovery.table_values import (
    Cells,
    FusedCells,
    Grid,
    Kept,
    Mask,
    TableEnds,
    Times,
)

ORDER = ("graph", "row", "place", "head", "channel")


class TableStages(NamedTuple):
    """How the stages of an attention over tables are had."""

    ends: TableEnds
    recipes: dict[str, Kept]


def read_table(flow: Flow, found: TableAttention) -> TableStages | None:
    """Return how the stages of an attention over tables are had; ``None`` if that is open."""
    try:
        return _Reader(flow, found).read()
    except UnknownSize:
        return None


class _Reader:
    """Reads one attention over tables of neighbours."""

    def __init__(self, flow: Flow, found: TableAttention) -> None:
        self._flow = flow
        self._found = found
        formed = found.steps[0].results[0] if found.weight is None else found.weight
        own = {found.graph, found.row, found.place}
        self._parts = {found.graph: "graph", found.row: "row", found.place: "place"}
        self._heads = {each for each in atoms_of(flow, formed) if each not in own}

    def read(self) -> TableStages | None:
        """Return what was found."""
        found, flow = self._found, self._flow
        if found.weight is None:
            weight, logit, message = self._fused()
        else:
            weight, logit, message = self._formed(found.weight)
        if weight is None or self._is_batched():
            return None
        sources, of_rows = found.sources, (weight, logit, tuple(self._masks()))
        dense = found.graph is not None
        if sources is None:
            ends = TableEnds(None, False, None, (0, 0), (), *of_rows, dense, None)
        else:
            target = None if sources.target is None else sources.target.number
            before = tuple(each.number for each in sources.before)
            nodes, turned = (sources.rows.number, sources.at), sources.places_first
            edges = None if sources.edges is None else sources.edges.number
            own = (sources.by.number, turned, target, nodes, before)
            ends = TableEnds(*own, *of_rows, dense, edges)
        score = None if found.weight is None or logit is None else self._score(ends)
        stages = {"score": score, "logit": logit, "weight": weight, "message": message}
        recipes = {s: Kept(grid, ends) for s, grid in stages.items() if grid is not None}
        if sources is not None:
            for recipe in recipes.values():
                recipe(flow.trace)  # what has no size of its own raises now
        return TableStages(ends, recipes)

    def _is_batched(self) -> bool:
        """Return whether there are several tables, as for every graph of a dense batch."""
        sources, flow = self._found.sources, self._flow
        dims = () if sources is None else sources.rows.dims[: sources.at]
        return bool({root for dim in dims for root in flow.axes.roots(dim)} & self._heads)

    def _formed(
        self, weight: Value
    ) -> tuple[Cells | FusedCells | None, Cells | FusedCells | None, Grid | None]:
        found = self._found
        own, logit = self._cells(weight), self._cells(found.logit)
        if own is None:
            return None, None, None
        if found.message is not None:
            return own, logit, self._cells(found.message)
        if found.product is None:
            return own, logit, None
        one, other = [each for each in found.product.args if isinstance(each, Value)][-2:]
        value = other if self._is_weight(one) else one
        cells = self._cells(value)
        return own, logit, None if cells is None else Times(own, cells)

    def _is_weight(self, value: Value) -> bool:
        return set(atoms_of(self._flow, value)) <= {
            *self._parts,
            *self._heads,
        }

    def _fused(self) -> tuple[Cells | FusedCells | None, Cells | FusedCells | None, Grid | None]:
        operands = operands_of(self._found.steps[0])
        if operands is None:
            return None, None, None
        key = self._flow.trace.values[operands.key]
        rows = [self._flow.axes.roots(dim) for dim in key.dims]
        if rows[0] != (self._found.row,) or rows[2] != (self._found.place,):
            return None, None, None
        self._heads = set(rows[1])
        weight = FusedCells(FusedWeight(operands))
        value = self._cells(self._flow.trace.values[operands.value])
        message = None if value is None else Times(weight, value)
        return weight, FusedCells(FusedLogit(operands)), message

    def _cells(self, value: Value, scale: Scale = (), places: int | None = 1) -> Cells | None:
        """Return how ``[G, V, K, H, D]`` is had from a tensor; ``None`` if it is not.

        Args:
            value: the tensor.
            scale: what it is multiplied by.
            places: how many of its dimensions are places; ``None`` for what has no channels.
        """
        value = self._unmerged(value)
        parts: list[str] = []
        for each in atoms_of(self._flow, value):
            own = "head" if each in self._heads else "channel"
            parts.append(self._parts.get(each, own))
        if max(parts.count("row"), parts.count("graph")) > 1 or (
            places is not None and parts.count("place") != places
        ):
            return None
        if places is None and "channel" in parts:
            return None
        dims = tuple(map(self._flow.axes.roots, value.dims))
        return Cells(value.number, arrangement(self._flow, dims, parts, ORDER), scale)

    def _unmerged(self, value: Value) -> Value:
        """Return an earlier form of a value, in which no dimension mixes what batches change."""
        flow = self._flow
        while value.step is not None and value.step.name in KEEPS:
            mixed = max((sum(a not in flow.features for a in d) for d in value.dims), default=0)
            before = next(value.step.inputs())
            if mixed < 2 or atoms_of(flow, before) != atoms_of(flow, value):  # noqa: PLR2004  (one can be worked out)
                break
            value = before
        return value

    def _masks(self) -> Iterator[Mask]:
        """Give what says of places, or nodes, that nothing is attended to, beside the logits.

        It makes zeros of weights, or of what comes out for a node that has no neighbour.
        """
        found, flow = self._found, self._flow
        ends = [found.steps[0].results[0], *(use.results[0] for use in self._sums())]
        own = flow.onward(ends, self._goes_on)
        for value in own.values():
            for step in value.uses:
                mask = _mask(step, value)
                cells = None if mask is None else self._cells(mask[0], places=None)
                if mask is not None and cells is not None:
                    yield Mask(cells, mask[1])

    def _sums(self) -> Iterator[Step]:
        """Give the operations by which what is weighed is summed over the places."""
        found = self._found
        if found.product is not None:
            yield found.product
        elif found.message is not None:
            yield from (use for use in found.message.uses if use.name == "sum" and use.results)

    def _goes_on(self, step: Step, value: Value) -> bool:
        return (step.name in TIMES or step.name == "div") and self._found.row in atoms_of(
            self._flow, value
        )

    def _score(self, ends: TableEnds) -> Grid | None:
        """Return the products of which the logits are sums over channels, if they are just that."""
        found, flow = self._found, self._flow
        value, grid = found.logit, None
        scale: Scale = ()
        while value.step is not None:
            step = value.step
            if step.name in {"sum", *MATRICES}:
                grid = self._summed(step, scale)
                break
            inputs = [each for each in step.inputs() if found.place in atoms_of(flow, each)]
            inputs = [each for each in inputs if each.tensor.is_floating_point()]
            of_step = scale_of(step, inputs[0]) if inputs else None
            if of_step is None or not (is_pointwise(step) or step.name in KEEPS):
                return None
            value, scale = inputs[0], (*scale, *of_step)
        if grid is None or ends.logit is None:
            return None
        kept = ends.kept(flow.trace)
        summed = grid.grid(flow.trace).double().sum(-1, keepdim=True)
        logit = ends.logit.grid(flow.trace).double()
        if summed.shape != logit.shape or not are_close(summed[kept], logit[kept]):
            return None
        return grid

    def _summed(self, step: Step, scale: Scale) -> Grid | None:
        """Return what an operation sums over channels."""
        if step.name == "sum":
            return self._cells(next(step.inputs()), scale)
        one, other = [each for each in step.args if isinstance(each, Value)][-2:]
        place = self._found.place
        places = [place in atoms_of(self._flow, each) for each in (one, other)]
        keys, query = (one, other) if places[0] else (other, one)
        if sum(places) != 1:
            return None
        own, of_query = self._cells(keys, scale), self._cells(query, places=0)
        return None if own is None or of_query is None else Times(own, of_query)


def _mask(step: Step, value: Value) -> tuple[Value, bool] | None:
    """Return what makes a value zero in some places, and whether it is true of these."""
    args = step.args
    if step.name == "mul":
        others = [each for each in args if isinstance(each, Value) and each is not value]
        if others and bool(((others[0].now == 0) | (others[0].now == 1)).all()):
            return others[0], False
    if step.name == "masked_fill" and args[0] is value and _is_zero(args[2]):
        return args[1], True
    if step.name == "where" and len(args) == 3:  # noqa: PLR2004  (which, one and other)
        for own, rest, forbids in ((args[1], args[2], False), (args[2], args[1], True)):
            if own is value and _is_zero(rest):
                return args[0], forbids
    return None


def _is_zero(given: object) -> bool:
    if isinstance(given, Value):
        return bool((given.now == 0).all())
    return given == 0
