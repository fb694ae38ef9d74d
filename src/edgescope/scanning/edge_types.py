"""The edge types of a scan: their names, and the number of every row's type."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from edgescope.calling import attribute
from edgescope.capture import EdgeIdentity
from edgescope.capture.graph_input import edge_types
from edgescope.errors import InputError
from edgescope.scanning.whole import WholeGraph

ADDED = "added"
"""Type of the rows that are no edge of the input: self-loops that a layer adds, and pairs of nodes
without an edge in global attention."""

_Kind = Literal["integers", "relations", "none"]


class NewEdgeType(Exception):  # noqa: N818  (no error: the scan starts again)
    """A row has a type that the scan had not foreseen; it is noted, and nothing was counted."""


class EdgeTypes:
    """Names the edge types of a scan and numbers them.

    They are the integers that the model is given for its edges, or the relations of a
    heterogeneous graph, or a single type if there are neither; and :data:`ADDED` where layers
    add rows of their own.

    Args:
        loader: the batches, whose data set may name the types of its edges.
        names: names of the integer types, in order, if the user gave them.
        inputs: what the model's ``forward`` calls ``edge_type`` and ``edge_attr``.
        added: whether layers are known to add rows.
    """

    def __init__(
        self,
        loader: Iterable[Any],
        names: Sequence[str] | None,
        inputs: Mapping[str, str] | None,
        added: bool,
    ) -> None:
        self._given = None if names is None else tuple(names)
        self._integers = _integer_names(loader, self._given, inputs or {})
        self._relations: tuple[str, ...] = ()
        self._added = added
        self._kind: _Kind | None = None
        self._used: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every edge type."""
        if self._kind == "relations":
            names = self._relations
        elif self._kind == "none":
            names = self._given or ("edge",)
        else:
            names = self._integers
        if self._added and ADDED in names:
            raise InputError(
                f"an edge type is called {ADDED!r}, which is what a scan calls rows that are no "
                "edge of the input; pass other names as edge_type_names="
            )
        return (*names, ADDED) if self._added else names

    def number(self, identity: EdgeIdentity) -> Tensor:
        """Return the type of every row ``[E]``, a position in :attr:`names`.

        Raises:
            InputError: if the types do not fit the names.
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
        if kinds is None:
            number = torch.zeros_like(identity.input_edge)
        elif identity.relations is not None:
            places = [names.index(name) if name in names else -1 for name in identity.relations]
            number = torch.tensor(places, device=kinds.device)[kinds]
        else:
            number = kinds
            self._check_integers(kinds[real])
        return number.where(real, len(names) - 1)

    def state(self) -> dict[str, Any]:
        """Return what the rows so far have told, for :meth:`restore`; JSON can hold it."""
        return {"kind": self._kind, "relations": list(self._relations), "added": self._added}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a :meth:`state`, as if its rows had been seen here."""
        self._kind = state["kind"]
        self._relations = tuple(state["relations"])
        self._added = self._added or state["added"]
        self._used = self.names

    def _settle(self, identity: EdgeIdentity, real: Tensor) -> None:
        """Note what the edge types of the model are; they must be the same in every batch."""
        kind: _Kind = "none" if identity.edge_type is None else "integers"
        kind = "relations" if identity.relations is not None else kind
        if self._kind not in {None, kind}:
            raise InputError(
                "some batches give the model an integer per edge as its type and others do not; "
                "give all of them edge_attr or edge_type of the same form"
            )
        given = len(self._given or ())
        if kind == "relations" and given:
            raise InputError(
                f"received {given} edge_type_names for heterogeneous graphs, whose edge types are "
                "their relations; leave edge_type_names out"
            )
        if kind == "none" and given > 1:
            raise InputError(
                f"received {given} edge_type_names, but the model is not given an integer per edge "
                "as edge_attr or edge_type; leave edge_type_names out, or name the argument that "
                "holds the types with inputs={'edge_type': ...}"
            )
        self._kind = kind
        if identity.relations is not None and identity.edge_type is not None:
            present = torch.unique(identity.edge_type[real]).tolist()
            held = [identity.relations[number] for number in present]
            new = held if self._relations else identity.relations
            self._relations = tuple(dict.fromkeys([*self._relations, *new]))

    def _check_integers(self, kinds: Tensor) -> None:
        if not kinds.numel():
            return
        low, high, limit = int(kinds.min()), int(kinds.max()), len(self._integers)
        if not 0 <= low <= high < limit:
            raise InputError(
                f"received edge types from {low} to {high}, expected 0 to {limit - 1}; "
                "name all types in order with edge_type_names="
            )


def _integer_names(
    loader: Iterable[Any], names: tuple[str, ...] | None, inputs: Mapping[str, str]
) -> tuple[str, ...]:
    """Return a name for every integer type, looking through the loader if nothing else says."""
    if names is None:
        names = getattr(getattr(loader, "dataset", None), "edge_type_names", None)
    if names is not None:
        return tuple(names)
    # A large graph has all types, of which one of its parts may have some only.
    whole = WholeGraph(loader).data
    own = None if whole is None else _kinds(whole, inputs)
    largest = 0
    for kinds in (_kinds(batch, inputs) for batch in loader) if own is None else [own]:
        if kinds is None:
            break  # the batches are alike
        if kinds.numel():
            largest = max(largest, int(kinds.max()))
    return tuple(f"type {number}" for number in range(largest + 1)) if largest else ("edge",)


def _kinds(batch: Any, inputs: Mapping[str, str]) -> Tensor | None:  # noqa: ANN401  (any PyG batch)
    """Return the integer types of the edges of a batch ``[E]``, if it is a plain graph with any."""
    edge_index = attribute(batch, inputs.get("edge_index", "edge_index"))
    if not isinstance(edge_index, Tensor):
        return None
    candidates = [attribute(batch, inputs.get(name, name)) for name in ("edge_type", "edge_attr")]
    found = [edge_types(c, edge_index.size(1)) for c in candidates if isinstance(c, Tensor)]
    return next((kind for kind in found if kind is not None), None)
