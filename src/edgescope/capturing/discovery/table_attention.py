"""Attention of nodes to tables of their neighbours, recognised by what is computed with it.

A table has a row per node and a place per neighbour, and what is gathered by it has both
dimensions. A softmax over the places is attention, and so is an exponential or a sigmoid that is
divided by its sum over them, and torch's operation that does all at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from edgescope.capturing.discovery.dataflow import Flow, backward
from edgescope.capturing.discovery.index_operations import origin
from edgescope.capturing.discovery.neighbour_tables import Sources, Table, atoms_of, sources_of
from edgescope.capturing.discovery.pair_attention import FUSED, MATRICES, SOFTMAX
from edgescope.capturing.discovery.place_sums import is_of_places, over_places, quotient, unshifted
from edgescope.capturing.discovery.steps import KEEPS, Step, Value, is_pointwise

Kind = Literal["softmax", "normalised gate", "fused"]


@dataclass
class TableAttention:
    """One attention over tables of neighbours.

    Attributes:
        kind: how the weights come about.
        logit: what the softmax is taken of; the queries, where it is fused.
        weight: its result; ``None`` where it is never formed.
        row: atom of the nodes that attend.
        place: atom of the places in a table.
        graph: atom of the graphs, where a dense batch has a table for each.
        sources: whose numbers the table holds; ``None`` if that is open.
        reason: why, if it is.
        steps: the operations that belong to it.
        message: what is summed over the places, if it was formed.
        product: the product of matrices that sums it, if it was not.
    """

    kind: Kind
    logit: Value
    weight: Value | None
    row: int
    place: int
    graph: int | None
    sources: Sources | None
    reason: str
    steps: list[Step] = field(default_factory=list)
    message: Value | None = None
    product: Step | None = None

    @property
    def is_certain(self) -> bool:
        """Whether the same table is meant in every run, and not just by its numbers."""
        sources = self.sources
        if sources is None:
            return False
        return sources.certain and len({origin(each) for each in sources.alike}) == 1

    def values(self) -> dict[str, Value]:
        """Return the values that are a stage as they are."""
        if self.weight is None:
            return {}
        found = {"logit": self.logit, "weight": self.weight}
        return found if self.message is None else {**found, "message": self.message}


def find_tables(flow: Flow, tables: list[Table]) -> Iterator[TableAttention]:
    """Give every attention over tables of neighbours of a trace, in the order of its operations."""
    for step in flow.trace.steps if tables else ():
        if not step.results:
            continue
        if step.name in SOFTMAX:
            found = _softmax(flow, step, tables)
        elif step.name in {"exp", "sigmoid"}:
            found = _by_hand(flow, step, tables)
        elif step.name in FUSED:
            found = _fused(flow, step, tables)
        else:
            continue
        if found is not None:
            yield found


def _softmax(flow: Flow, step: Step, tables: list[Table]) -> TableAttention | None:
    logit, weight = next(step.inputs()), step.results[0]
    at = next((each for each in step.args[1:] if isinstance(each, int)), -1)
    if step.name == "_log_softmax":
        powers = [use.results[0] for use in weight.uses if use.name == "exp"]
        if not powers:
            return None
        weight = powers[0]
    dim = flow.axes.roots(weight.dims[at]) if weight.dims else ()
    if len(dim) != 1:
        return None
    return _found(flow, "softmax", logit, weight, dim[0], tables, [step])


def _by_hand(flow: Flow, step: Step, tables: list[Table]) -> TableAttention | None:
    """Return what is divided by its own sum over the places of a table."""
    positive = step.results[0]
    atoms = atoms_of(flow, positive)
    for place in dict.fromkeys(table.place for table in tables):
        if atoms.count(place) != 1:
            continue
        weight = quotient(flow, positive, place)
        if weight is None:
            continue
        kind: Kind = "softmax" if step.name == "exp" else "normalised gate"
        steps = [step] if weight.step is None else [step, weight.step]
        logit = unshifted(flow, next(step.inputs()), place)
        found = _found(flow, kind, logit, weight, place, tables, steps)
        if found is not None:
            return found
    return None


def _fused(flow: Flow, step: Step, tables: list[Table]) -> TableAttention | None:
    query, key = step.args[:2]
    places = flow.axes.roots(key.dims[-2])
    if len(places) != 1 or query.tensor.size(-2) != 1:
        return None
    return _found(flow, "fused", query, None, places[0], tables, [step])


def _found(
    flow: Flow,
    kind: Kind,
    logit: Value,
    weight: Value | None,
    place: int,
    tables: list[Table],
    steps: list[Step],
) -> TableAttention | None:
    """Return attention over the places of a table, if something that it weighs is gathered so."""
    after = steps[-1].results[0] if weight is None else weight
    message, product = (None, None) if weight is None else _summed(flow, weight, place)
    used = backward(after if product is None else product.results[0])
    used |= {} if message is None else backward(message)
    here = [each for each in tables if each.place == place and each.result.number in used]
    atoms = atoms_of(flow, after)
    here = [each for each in here if each.row in atoms and _has_heads(flow, each, atoms)]
    if len({(each.graph, each.row) for each in here}) != 1:
        return None
    graph, row = here[0].graph, here[0].row
    sources, reason = sources_of(flow, here, row, used)
    added = [each for each in (product, None if message is None else message.step) if each]
    return TableAttention(
        kind, logit, weight, row, place, graph, sources, reason, steps + added, message, product
    )


def _has_heads(flow: Flow, table: Table, atoms: list[int]) -> bool:
    """Return whether all else that weights have dimensions of are heads and channels of nodes."""
    own = {table.row, table.place, table.graph, *flow.features}
    for other in (table.result, table.rows):
        own.update(flow.axes.with_parts(set(atoms_of(flow, other))))
    return own.issuperset(atoms)


def _summed(flow: Flow, weight: Value, place: int) -> tuple[Value | None, Step | None]:
    """Return what weights multiply and is summed over the places, or the product that does so."""
    own = is_of_places(flow, place)
    along = flow.onward(
        [weight], lambda step, result: own(result) and (is_pointwise(step) or step.name in KEEPS)
    )
    for number in sorted(along):
        value = along[number]
        for use in value.uses:
            if use.name in MATRICES and place not in atoms_of(flow, use.results[0]):
                return None, use
            if over_places(flow, use, value, place) and len(value.dims) and number != weight.number:
                return value, None
    return None, None
