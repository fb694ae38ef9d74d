"""Sparse matrices in a trace: what is done with them is noted as what is done with their entries.

A matrix that was made of numbers of rows and columns and of a value for each is these numbers. So
its product with a dense one gathers by columns, multiplies, and sums by rows, and its softmax is
one over the entries of every row. That is how attention along edges is read in it.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.discovery.steps import Step, Value
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.unseen import unseen

aten = torch.ops.aten

_MADE = frozenset(
    {"_sparse_coo_tensor_with_dims_and_tensors", "_sparse_coo_tensor_unsafe", "sparse_coo_tensor"}
)
_VALUES, _INDICES = frozenset({"_values", "values"}), frozenset({"_indices", "indices"})
_SAME = frozenset({"detach", "alias", "clone", "_coalesced", "lift_fresh"})
_SORTED = frozenset({"_coalesce", "_to_sparse_csr", "coalesce"})
_PRODUCTS = frozenset({"mm", "mv", "_sparse_mm"})


class Entries(NamedTuple):
    """The entries of a sparse matrix."""

    row: Value
    column: Value
    value: Value
    size: tuple[int, ...]


def written_out(trace: Trace) -> Trace:
    """Return a trace in which sparse matrices are their entries; itself if it has none."""
    if any(step.name in _MADE or step.name == "sparse_compressed_tensor" for step in trace.steps):
        return WrittenOut(trace)
    return trace


def way_of(trace: Trace, written: Trace) -> int:
    """Return what two runs have alike in which values have the same numbers, written out or not.

    Args:
        trace: what was noted.
        written: the same, with sparse matrices written out.
    """
    if isinstance(written, WrittenOut):
        return hash((*trace.signature, "written out", *written.choices))
    return hash(trace.signature)


class WrittenOut(Trace):  # type: ignore[no-untyped-call]  # torch's
    """A trace in which sparse matrices are their entries.

    Its values have numbers of their own, which are the same in every run of the same way.

    Args:
        noted: what was noted.

    Attributes:
        noted: what was noted.
        choices: what was decided by numbers, and may be otherwise in another run.
    """

    def __init__(self, noted: Trace) -> None:
        super().__init__()
        self.noted = noted
        self.choices: list[bool] = []
        self._own: dict[int, Value] = {}
        self._entries: dict[int, Entries] = {}
        self._sums: dict[int, tuple[Value, Value]] = {}
        with torch.no_grad(), unseen():
            for step in noted.steps:
                if not self._is_written_out(step):
                    self._repeat(step, self._copied, self._own)

    def _copied(self, value: Value) -> Value:
        if value.number not in self._own:
            self._add(self._own, value, None)
        return self._own[value.number]

    def _is_written_out(self, step: Step) -> bool:
        """Note a step by what it does with entries, if it works on a sparse matrix."""
        if not step.results:
            return False
        if step.name in _MADE or step.name == "sparse_compressed_tensor":
            entries = self._made(step)
            if entries is not None:
                self._entries[step.results[0].number] = entries
            return False
        first = next(step.inputs(), None)
        if (
            first is not None
            and first.number in self._sums
            and step.name in {"to_dense", "_to_dense"}
        ):
            self._summed(step, *self._sums[first.number])
            return True
        sparse = [each for each in step.inputs() if each.number in self._entries]
        if len(sparse) != 1:
            return False
        entries = self._entries[sparse[0].number]
        return self._with_entries(step, sparse[0], entries)

    def _with_entries(self, step: Step, matrix: Value, entries: Entries) -> bool:
        result, name = step.results[0].number, step.name
        if name in _SAME:
            self._entries[result] = entries
        elif name in _SORTED:
            ordered = self._in_order(step, entries)
            if ordered is not None:
                self._entries[result] = ordered
        elif name in {"t", "transpose"} and len(entries.size) == 2:  # noqa: PLR2004  (a matrix)
            size = entries.size[::-1]
            self._entries[result] = Entries(entries.column, entries.row, entries.value, size)
        elif name in _VALUES:
            self._own[result] = entries.value
            return True
        elif name == "_sparse_softmax":
            weights = self._softmax(step, entries)
            if weights is not None:
                self._entries[result] = weights
            return weights is not None
        elif name == "_sparse_sum" and step.args[1:2] in {((1,),), ((-1,),)}:
            self._sums[result] = (entries.row, entries.value)
        elif name in _PRODUCTS | {"_sparse_addmm", "addmm"}:
            return self._product(step, matrix, entries)
        return False

    def _made(self, step: Step) -> Entries | None:
        """Return the entries of a matrix that is made of them."""
        size = next(
            (e for e in step.args if isinstance(e, tuple) and e and isinstance(e[0], int)), ()
        )
        given = [self._copied(each) for each in step.args if isinstance(each, Value)]
        if step.name == "sparse_compressed_tensor":
            if len(given) != 3 or step.kwargs.get("layout") is not torch.sparse_csr:  # noqa: PLR2004  (borders, columns, values)
                return None
            borders, columns, values = given
            row = self._new_value(self._of_borders(borders.now, columns.now))
            return Entries(row, columns, values, size or tuple(step.results[0].tensor.shape))
        if len(given) != 2 or given[0].tensor.dim() != 2 or len(given[0].tensor) != 2:  # noqa: PLR2004  (numbers and values)
            return None
        ends, values = given
        row, column = (self._emit(step, aten.select.int, ends, 0, n) for n in (0, 1))
        return Entries(row, column, values, size or tuple(step.results[0].tensor.shape))

    @staticmethod
    def _of_borders(borders: Tensor, columns: Tensor) -> Tensor:
        rows = torch.arange(borders.numel() - 1, device=borders.device)
        return rows.repeat_interleave(borders.diff(), output_size=columns.numel())

    def _in_order(self, step: Step, entries: Entries) -> Entries | None:
        """Return entries by row and column; ``None`` if two stand in one place, and are summed."""
        places = entries.row.now * entries.size[1] + entries.column.now
        self.choices.append(places.numel() == places.unique().numel())  # type: ignore[no-untyped-call]  # torch's
        if not self.choices[-1]:
            return None
        order = self._emit(step, aten.argsort.default, self._new_value(places))
        row, column, value = (
            self._emit(step, aten.index_select.default, each, 0, order) for each in entries[:3]
        )
        return Entries(row, column, value, entries.size)

    def _softmax(self, step: Step, entries: Entries) -> Entries | None:
        """Return the entries of a softmax over every row, or column, each by its own sum."""
        ordered = self._in_order(step, entries)
        if ordered is None:
            return None
        by = ordered.row if step.args[1] % 2 else ordered.column
        low = self._new_value(self._nodes(ordered, -torch.inf))
        index, rest = by, ordered.value.tensor.shape[1:]
        if rest:
            index = self._emit(step, aten.view.default, by, (-1, *[1] * len(rest)))
            index = self._emit(step, aten.expand.default, index, (-1, *rest))
        largest = self._emit(step, aten.scatter_reduce.two, low, 0, index, ordered.value, "amax")
        top = self._emit(step, aten.index.Tensor, largest, (by,))
        below = self._emit(step, aten.sub.Tensor, ordered.value, top)
        power = self._emit(step, aten.exp.default, below)
        zero = self._new_value(self._nodes(ordered, 0))
        total = self._emit(step, aten.index_add.default, zero, 0, by, power)
        whole = self._emit(step, aten.index.Tensor, total, (by,))
        weight = self._emit(step, aten.div.Tensor, power, whole)
        return ordered._replace(value=weight)

    @staticmethod
    def _nodes(entries: Entries, fill: float) -> Tensor:
        value = entries.value.now
        return value.new_full((max(entries.size[:2]), *value.shape[1:]), fill)

    def _product(self, step: Step, matrix: Value, entries: Entries) -> bool:
        """Note a product with a dense matrix as messages that are summed."""
        tensors = [each for each in step.args if isinstance(each, Value)][-2:]
        if tensors[0] is not matrix:
            return False
        dense = self._copied(tensors[1])
        near: Value = self._emit(step, aten.index.Tensor, dense, (entries.column,))
        value = entries.value
        if near.now.dim() > 1:
            value = self._emit(step, aten.unsqueeze.default, value, -1)
        ones = bool((dense.now == 1).all()) and near.now.shape == value.now.shape
        self.choices.append(ones)
        sent = value if ones else self._emit(step, aten.mul.Tensor, value, near)
        self._summed(step, entries.row, sent)
        return True

    def _summed(self, step: Step, row: Value, sent: Value) -> None:
        """Note what a step gives as a sum of messages."""
        out = step.results[0]
        zero = self._new_value(torch.zeros_like(out.now))
        total = self._emit(step, aten.index_add.default, zero, 0, row, sent)
        total.tensor = out.now
        self._own[out.number] = total

    def _new_value(self, tensor: Tensor) -> Value:
        value = Value(len(self.values), tensor, None, 0)
        self.values.append(value)
        return value

    def _emit(self, like: Step, func: Any, *args: Any) -> Value:  # noqa: ANN401  (torch's)
        """Compute an operation of entries, and note it as if the model had."""
        result = func(*(_now(each) for each in args))
        step = Step(len(self.steps), str(func).split(".")[1], func, args, {})
        step.calls, step.line = like.calls, like.line
        self.steps.append(step)
        for value in step.inputs():
            value.uses.append(step)
        value = Value(len(self.values), result, step, 0)
        self.values.append(value)
        step.results.append(value)
        return value


def _now(given: Any) -> Any:  # noqa: ANN401  (an argument of any kind)
    if isinstance(given, tuple):
        return [_now(each) for each in given]
    return given.now if isinstance(given, Value) else given
