"""The edge types of a scan: their names, and the number of every row's type."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal
from warnings import warn

import torch
from torch import Tensor

from edgescope.capturing import EdgeIdentity
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.model_call import BY_CALL
from edgescope.scanning.type_column import COLUMN, NAMES, TypeColumn, measure_doubt, type_column
from edgescope.scanning.whole_graph import WholeGraph

ADDED = "added"
"""Type of the rows that are no edge of the input: self-loops that a layer adds, and pairs of nodes
without an edge in global attention."""

MOST_TYPES = 256
"""Kinds of integers that are counted as types without being named. Every type has histograms of
its own at every site, of 0.5 MB together, and the joint histogram of a layer of 64 channels has
bins of a factor of 256 with so many types, in the default budget."""

NO_TYPES = "edge"
"""Name of the one type of edges that have none."""

_Kind = Literal["integers", "relations", "none"]


class NewEdgeType(Exception):  # noqa: N818  (no error: the scan starts again)
    """A row has a type that the scan had not foreseen; it is noted, and nothing was counted."""


class EdgeTypes:
    """Names the edge types of a scan and numbers them.

    They are the integers that the model is given for its edges, or the relations of a
    heterogeneous graph, or a single type if there are neither; and :data:`ADDED` where layers
    add rows of their own. Integers that nobody has named are called after their value, such as
    ``"type 7"``, and those that occur are numbered in their order, so that a large number costs no
    more than a small one.

    :class:`~edgescope.scanning.state_types.StateTypes` does the same for nodes.

    Args:
        loader: the batches, whose data set may name the types of its edges.
        names: names of the integer types, in order of their values from 0 on, if the user gave
            them; an empty sequence counts all edges alike.
        inputs: what the model's ``forward`` calls ``edge_type`` and ``edge_attr``.
        added: whether layers are known to add rows.
        passed: returns the names of what the model is given of a batch, as
            :meth:`edgescope.lib.model_call.NotedCall.passed` does.
    """

    row: ClassVar[str] = "edge"
    """What has a type."""
    argument: ClassVar[str] = "edge_type_names"
    """What a scan calls the names."""
    holder: ClassVar[str] = "edge_type"
    """What ``inputs=`` calls the argument that holds them."""
    read_from: ClassVar[str] = "edge_attr or edge_type"
    """What holds the integers."""
    remedies: ClassVar[str] = f"{NAMES}; {COLUMN}"
    """What to do about integers that may be no types."""
    by_name: ClassVar[str] = "edge types are their relations"
    """What the types of a heterogeneous graph are."""
    read = staticmethod(type_column)
    measured = staticmethod(measure_doubt)

    def __init__(
        self,
        loader: Iterable[Any],
        names: Sequence[str] | None,
        inputs: Mapping[str, str] | None,
        added: bool,
        passed: Callable[[Any], Sequence[str]] = lambda _: (),
    ) -> None:
        if isinstance(names, str):
            raise InputError(f"received {self.argument}={names!r}, expected a list of names")
        self._given = None if names is None else tuple(names)
        self._named = names_of(loader, self.argument) if self._given is None else self._given
        self._values: tuple[int, ...] = ()
        self._column: TypeColumn | None = None
        self._edges = 0
        self._by_call = False
        if self._named is None:
            self._look_through(loader, inputs or {}, passed)
        self._relations: tuple[str, ...] = ()
        self._added = added
        self._kind: _Kind | None = None
        self._used: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every edge type."""
        if self._given == ():
            names: tuple[str, ...] = (self.row,)
        elif self._kind == "relations":
            names = self._relations
        elif self._kind == "none":
            names = self._given or (self.row,)
        elif self._named is not None:
            names = self._named
        else:
            names = value_names(self._values) or (self.row,)
        if self._added and ADDED in names:
            raise InputError(
                f"an edge type is called {ADDED!r}, which is what a scan calls rows that are no "
                "edge of the input; pass other names as edge_type_names="
            )
        return (*names, ADDED) if self._added else names

    @property
    def source(self) -> str:
        """What the types were read from, such as ``"edge_attr"``; empty if there are none."""
        if self._given == () or self._kind in {None, "none"}:
            return ""
        if self._kind == "relations":
            return "relations"
        known = self._column is not None and self._column.values is not None and not self._by_call
        return self._column.source if known and self._column else "integers"

    def number(self, identity: EdgeIdentity) -> Tensor:
        """Return the type of every row ``[E]``, a position in :attr:`names`.

        Raises:
            InputError: if the types do not fit the names, or there are too many without names.
            NewEdgeType: if the names are others than before, because of these rows.
        """
        real = identity.input_edge >= 0
        self._added = self._added or not bool(real.all())
        if bool(real.any()):
            self._settle(identity, real)
        names = self.names
        if self._used not in {None, names}:
            self._used = None
            raise NewEdgeType
        self._used = names
        kinds = identity.edge_type
        if kinds is None or self._given == ():
            number = torch.zeros_like(identity.input_edge)
        elif identity.relations is not None:
            places = [names.index(name) if name in names else -1 for name in identity.relations]
            number = torch.tensor(places, device=kinds.device)[kinds]
        elif self._named is not None:
            number = kinds
            self._check_named(kinds[real])
        else:
            values = torch.tensor(self._values or (0,), device=kinds.device)
            number = torch.searchsorted(values, kinds.contiguous()).clamp(max=len(values) - 1)
        return number.where(real, len(names) - 1)

    def state(self) -> dict[str, Any]:
        """Return what the rows so far have told, for :meth:`restore`; JSON can hold it."""
        return {
            "kind": self._kind,
            "relations": list(self._relations),
            "added": self._added,
            "values": list(self._values),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a :meth:`state`, as if its rows had been seen here."""
        self._kind = state["kind"]
        self._relations = tuple(state["relations"])
        self._values = tuple(state["values"])
        self._added = self._added or state["added"]
        self._used = self.names

    def _look_through(
        self,
        loader: Iterable[Any],
        inputs: Mapping[str, str],
        passed: Callable[[Any], Sequence[str]],
    ) -> None:
        """Collect the values that occur, until there are too many for types."""
        # A large graph has all types, of which one of its parts may have some only.
        whole = WholeGraph(loader).data
        for batch in loader if whole is None else [whole]:
            given = passed(batch)
            self._by_call = BY_CALL in given
            column = self.read(batch, inputs, given)
            self._column = column if self._column is None else self._column
            if column is None or column.values is None:
                return  # the batches are alike
            self._edges += len(column.values)
            self._add(column.values)
            if len(self._values) > MOST_TYPES:
                return

    def _add(self, values: Tensor) -> None:
        new = torch.unique(values).tolist()
        self._values = tuple(sorted({*self._values, *new}))

    def _settle(self, identity: EdgeIdentity, real: Tensor) -> None:
        """Note what the edge types of the model are; they must be the same in every batch."""
        kind: _Kind = "none" if identity.edge_type is None else "integers"
        kind = "relations" if identity.relations is not None else kind
        if self._kind not in {None, kind}:
            raise InputError(
                f"some batches give the model an integer per {self.row} as its type and others do "
                f"not; give all of them {self.read_from} of the same form"
            )
        given = len(self._given or ())
        if kind == "relations" and given:
            raise InputError(
                f"received {given} {self.argument} for heterogeneous graphs, whose "
                f"{self.by_name}; leave {self.argument} out"
            )
        if kind == "none" and given > 1:
            raise InputError(
                f"received {given} {self.argument}, but the model is not given an integer per "
                f"{self.row} as {self.read_from}; leave {self.argument} out, or name the argument "
                f"that holds the types with inputs={{'{self.holder}': ...}}"
            )
        first = self._kind is None
        self._kind = kind
        if self._given == () or identity.edge_type is None:
            if first:
                self._warn_of_none()
            return
        if identity.relations is not None:
            present = torch.unique(identity.edge_type[real]).tolist()
            held = [identity.relations[number] for number in present]
            new = held if self._relations else identity.relations
            self._relations = tuple(dict.fromkeys([*self._relations, *new]))
        elif self._named is None:
            self._add(identity.edge_type[real])
            self._check_values()
            if first:
                self._warn_of_doubt()

    def _check_values(self) -> None:
        if len(self._values) <= MOST_TYPES:
            return
        source = self.read_from if self._column is None else self._column.source
        raise InputError(
            f"received integers from {self._values[0]} to {self._values[-1]} as {source}, with "
            f"more than {MOST_TYPES} different values, too many to count each as a type of "
            f"{self.row}; {self.remedies}; or pass a measure, such as a time, as real numbers"
        )

    @property
    def doubt(self) -> str:
        """What is not certain about the integers taken for types; empty if nothing."""
        column = self._column
        if column is None or column.values is None:
            return ""
        return column.doubt or self.measured(column, len(self._values), self._edges)

    def _warn_of_doubt(self) -> None:
        if self.doubt:
            warn(f"{self.doubt}; {self.remedies}", EdgescopeWarning, stacklevel=2)

    def _warn_of_none(self) -> None:
        """Warn if the model was given something that might be types and was not taken for them."""
        if self._column is not None and self._column.doubt and self._named is None:
            warn(self._column.doubt, EdgescopeWarning, stacklevel=2)

    def _check_named(self, kinds: Tensor) -> None:
        if not kinds.numel():
            return
        assert self._named is not None
        low, high, limit = int(kinds.min()), int(kinds.max()), len(self._named)
        if not 0 <= low <= high < limit:
            raise InputError(
                f"received {self.row} types from {low} to {high}, expected 0 to {limit - 1}; "
                f"name all types in order with {self.argument}="
            )


def value_names(values: Iterable[int]) -> tuple[str, ...]:
    """Return what types are called that nobody has named: after their values."""
    return tuple(f"type {value}" for value in values)


def names_of(loader: Iterable[Any], called: str = "edge_type_names") -> tuple[str, ...] | None:
    """Return the names that the data set of a loader gives to its edge types, if it does.

    Args:
        loader: the batches.
        called: the attribute of the data set that holds them.
    """
    dataset = getattr(loader, "dataset", None)
    while dataset is not None:
        names = getattr(dataset, called, None)
        if names is not None:
            return tuple(names)
        dataset = getattr(dataset, "dataset", None)  # of which it is a subset
    return None
