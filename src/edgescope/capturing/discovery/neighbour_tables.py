"""Tables of neighbours: what is gathered by an index with a row per node and a place for each."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import nn

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.index_operations import GATHERS, origin
from edgescope.capturing.discovery.steps import KEEPS, Step, Value

WHOLE = frozenset({torch.int32, torch.int64})

UNKNOWN_NODE = "of which node each table of neighbours is cannot be told"
SEVERAL = "which of several tables holds the neighbours cannot be told"


class Table(NamedTuple):
    """Something that was gathered by a table."""

    step: Step
    rows: Value
    """What is gathered from."""
    at: int
    """The dimension of it that the table numbers."""
    by: Value
    """The table, or a form of it."""
    row: int
    """Atom of the nodes that the table has a row of."""
    place: int
    """Atom of the places in a row."""
    places_first: bool
    """Whether the table has a row per place, and not per node."""
    graph: int | None = None
    """Atom of the graphs, where a dense batch has a table for each."""

    @property
    def result(self) -> Value:
        """What was gathered."""
        return self.step.results[0]


class Sources(NamedTuple):
    """Whose numbers a table holds."""

    by: Value
    """The table."""
    rows: Value
    """What the nodes are gathered from."""
    at: int
    """The dimension of it that holds the nodes."""
    target: Value | None
    """Numbers of the nodes of the rows; ``None`` if all nodes have a row, in their order."""
    before: tuple[Value, ...]
    """What stands before the nodes, and is none."""
    places_first: bool
    """Whether the table has a row per place, and not per node."""
    graph: int | None
    """Atom of the graphs, where a dense batch has a table for each."""
    alike: tuple[Value, ...]
    """All tables that have these numbers."""
    certain: bool = True
    """Whether the numbers of the nodes of the rows are of one origin."""
    edges: Value | None = None
    """A table of the same form by which something else is gathered, if there is just one."""


def atoms_of(flow: Flow, value: Value) -> list[int]:
    """Return what a value's dimensions stand for, atom by atom, as they are told apart by views."""
    return [root for dim in value.dims for root in flow.axes.roots(dim)]


def tables_of(flow: Flow) -> list[Table]:
    """Return what was gathered by an index of two dimensions, also if it was viewed as one."""
    found = list(dense_tables(flow))
    for step in flow.trace.steps:
        if step.name not in GATHERS or not step.results:
            continue
        taken = _taken(step)
        if taken is None:
            continue
        rows, at, index = taken
        if not rows.tensor.is_floating_point() or isinstance(rows.tensor, nn.Parameter):
            continue
        atoms = _divided(flow, atoms_of(flow, index))
        if len(atoms) == 2 and len(set(atoms)) == 2:  # noqa: PLR2004  (a row, and a place in it)
            row, place = atoms
            found += [
                Table(step, rows, at, index, row, place, places_first=False),
                Table(step, rows, at, index, place, row, places_first=True),
            ]
    return found


def _taken(step: Step) -> tuple[Value, int, Value] | None:
    """Return what an operation gathers from, along which dimension, and by which index."""
    args = step.args
    if step.name in {"index", "_unsafe_index"}:
        there = [n for n, each in enumerate(args[1]) if isinstance(each, Value)]
        if len(there) != 1 or args[1][there[0]].tensor.dtype not in WHOLE:
            return None
        return args[0], there[0], args[1][there[0]]
    if step.name == "embedding":
        return args[0], 0, args[1]
    if step.name == "index_select":
        return args[0], args[1] % max(args[0].tensor.dim(), 1), args[2]
    return None


def _divided(flow: Flow, atoms: list[int]) -> list[int]:
    """Return the parts of an index of one dimension that was divided into rows and places."""
    if len(atoms) != 1:
        return atoms
    halves = flow.axes.halves(atoms[0])
    return [root for half in halves for root in half] if halves else atoms


def dense_tables(flow: Flow) -> Iterator[Table]:
    """Give what was gathered by a table of each graph of a dense batch."""
    for step in flow.trace.steps:
        found = None
        if step.name in {"index", "_unsafe_index"}:
            found = _by_two(step)
        elif step.name == "stack":
            found = _stacked(flow, step)
        if found is None or not found[0].tensor.is_floating_point():
            continue
        rows, index = found
        own = [flow.axes.roots(dim) for dim in step.results[0].dims[:3]]
        if index.tensor.dim() == 3 and [len(dim) for dim in own] == [1, 1, 1]:  # noqa: PLR2004  (graphs, nodes, places)
            graph, row, place = (dim[0] for dim in own)
            yield Table(step, rows, 1, index, row, place, places_first=False, graph=graph)


def _by_two(step: Step) -> tuple[Value, Value] | None:
    """Return what an operation gathers from by the number of a graph and another index."""
    there = [each for each in step.args[1] if isinstance(each, Value)]
    if len(there) != 2 or [n for n, each in enumerate(step.args[1]) if each is not None] != [0, 1]:  # noqa: PLR2004  (both)
        return None
    graph, index = there
    if index.tensor.dim() != graph.tensor.dim() or graph.tensor.dtype not in WHOLE:
        return None
    count = torch.arange(graph.tensor.size(0), device=graph.tensor.device)
    numbers = count.view(-1, *[1] * (graph.tensor.dim() - 1)).expand_as(graph.tensor)
    return (step.args[0], index) if torch.equal(graph.now, numbers) else None


def _stacked(flow: Flow, step: Step) -> tuple[Value, Value] | None:
    """Return what is gathered from, and the tables, where each graph is gathered by itself."""
    parts = [each.step for each in step.args[0] if isinstance(each, Value)]
    if (step.args[1] if len(step.args) > 1 else step.kwargs.get("dim", 0)) != 0:
        return None
    whole: set[tuple[int, int]] = set()
    for n, part in enumerate(parts):
        taken = None if part is None or part.name not in GATHERS else _taken(part)
        if taken is None:
            return None
        (rows, one), (index, other) = origin(taken[0]), origin(taken[2])
        if one != ((0, n),) or other != ((0, n),):
            return None
        whole.add((rows, index))
    if len(whole) != 1:
        return None
    first, second = (flow.trace.values[number] for number in whole.pop())
    alike = len(parts) == first.tensor.size(0) == second.tensor.size(0)
    return (first, second) if alike else None


def sources_of(
    flow: Flow, tables: list[Table], row: int, used: Mapping[int, Value]
) -> tuple[Sources | None, str]:
    """Return whose numbers the tables of an attention hold, or why that is open.

    Tables of edges, by which what is known of edges is gathered, are left aside: a table of
    neighbours is one by which what is gathered from has a row per node that attends.

    Args:
        flow: the trace.
        tables: what the attention gathers by tables.
        row: atom of the nodes that attend.
        used: what it is computed from.
    """
    found: list[Sources] = []
    for table in tables:
        own = _sources(flow, table, row, used)
        if own is None:
            continue
        same = [n for n, each in enumerate(found) if _is_same(each, own)]
        if same:
            known = found[same[0]]
            found[same[0]] = known._replace(alike=(*known.alike, own.by))
        else:
            found.append(own)
    if len(found) == 1:
        own = found[0]
        others = [t for t in tables if not any(t.by is each for each in own.alike)]
        others = [t for t in others if t.places_first == own.places_first and t.at == own.at == 0]
        if others and all(torch.equal(others[0].by.now, each.by.now) for each in others):
            own = own._replace(edges=others[0].by)
        return own, ""
    return None, SEVERAL if found else UNKNOWN_NODE


def _is_same(one: Sources, other: Sources) -> bool:
    a, b = one.by.now.flatten(), other.by.now.flatten()
    return one.before == other.before and a.shape == b.shape and torch.equal(a, b)


def _sources(flow: Flow, table: Table, row: int, used: Mapping[int, Value]) -> Sources | None:
    for rows, before in _with_rows(table.rows, table.at):
        nodes = flow.axes.roots(rows.dims[table.at])
        if nodes == (row,):
            return _whose(table, [], before)
        targets = _targets(flow, nodes, row, used)
        if targets and all(torch.equal(targets[0].now, each.now) for each in targets):
            return _whose(table, targets, before)
    return None


def _whose(table: Table, targets: list[Value], before: tuple[Value, ...]) -> Sources:
    target, certain = (targets[0] if targets else None), len(set(map(origin, targets))) < 2  # noqa: PLR2004  (of one)
    own, graph = (table.by,), table.graph
    how = (target, before, table.places_first, graph, own, certain)
    return Sources(table.by, table.rows, table.at, *how)


def _with_rows(value: Value, at: int) -> list[tuple[Value, tuple[Value, ...]]]:
    """Return a value, and what it was joined from or padded, with what stands before each."""
    found: list[tuple[Value, tuple[Value, ...]]] = [(value, ())]
    while value.step is not None and value.step.name in KEEPS:
        value = next(value.step.inputs())
    step = value.step
    if step is None or at:
        return found
    if step.name == "cat":
        parts = [each for each in step.args[0] if isinstance(each, Value) and each.dims]
        found += [(part, tuple(parts[:n])) for n, part in enumerate(parts)]
    elif step.name == "constant_pad_nd":
        pad = step.args[1]
        if len(pad) < 2 * value.tensor.dim() or not pad[-2]:
            found.append((step.args[0], ()))
    return found


def _targets(
    flow: Flow, nodes: tuple[int, ...], row: int, used: Mapping[int, Value]
) -> list[Value]:
    """Return the numbers by which nodes were gathered, one for each row of a table."""
    found: list[Value] = []
    for step in flow.trace.steps:
        taken = _taken(step) if step.name in GATHERS and step.results else None
        if taken is None or step.results[0].number not in used:
            continue
        rows, at, index = taken
        if flow.axes.roots(rows.dims[at]) != nodes or atoms_of(flow, index) != [row]:
            continue
        found.append(index)
    return found
