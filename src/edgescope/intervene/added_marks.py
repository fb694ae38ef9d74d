"""Which edges of a batch were added to its graphs: by the mark of a rewiring, or by their type."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from edgescope.capturing.edge_rows import EdgeIdentity
from edgescope.lib.errors import InputError
from edgescope.lib.model_arguments import attribute

MARK = "edge_added"
"""What data sets, graphs and batches call the mark ``[E]`` of an edge that was added."""

UNNAMED = ("added",)
"""What added edges are called if their types have no names."""


class AddedEdges:
    """Tells added edges from own ones.

    Attributes:
        names: names of the types of added edges.

    Args:
        loader: yields batches of the graphs.
        added: names of the types of added edges; by default it is the edges that are marked.
        edge_type_names: name of each edge type, in order; by default those of the data set.

    Raises:
        InputError: if no edge is marked and no type named, or none of the types is there.
    """

    def __init__(
        self,
        loader: Iterable[Any],
        added: Sequence[str] | None,
        edge_type_names: Sequence[str] | None,
    ) -> None:
        dataset = getattr(loader, "dataset", None)
        names = edge_type_names or getattr(dataset, "edge_type_names", None)
        self._kinds: list[int] | None = None
        if added is not None:
            self.names, self._kinds = _named(added, names)
            return
        marked = getattr(dataset, MARK, None)
        if dataset is not None and names is not None and marked is None:
            raise InputError(
                f"no edge of {getattr(dataset, 'name', 'the graphs')} is marked as added; add some "
                "with es.data.rewire, or name the types of added edges with added=, of "
                f"{', '.join(names)}"
            )
        self.names = UNNAMED
        if dataset is not None and marked is not None and names is not None:
            self.names = tuple(names[kind] for kind in dataset.edge_types[marked].unique().tolist())

    def of(self, identity: EdgeIdentity, batch: Any) -> Tensor:  # noqa: ANN401  (any PyG batch)
        """Return which rows are edges that were added ``[E]``; others are False.

        Raises:
            InputError: if the batch does not say it.
        """
        real = identity.input_edge >= 0
        if self._kinds is not None:
            if identity.edge_type is None:
                raise InputError(
                    "the model is not given an integer per edge as edge_attr or edge_type, so "
                    "added edges cannot be identified; name that argument with "
                    "inputs={'edge_type': ...}"
                )
            return torch.isin(identity.edge_type, torch.tensor(self._kinds, device=real.device))
        marks = attribute(batch, MARK)
        if not isinstance(marks, Tensor):
            raise InputError(
                f"the batches have no {MARK}, which says which of their edges were added; add some "
                "with es.data.rewire, or name the types of added edges with added="
            )
        if not len(marks):
            return torch.zeros_like(real)
        return marks.to(real.device)[identity.in_input.clamp(min=0)] & real


def _named(added: Sequence[str], names: Sequence[str] | None) -> tuple[tuple[str, ...], list[int]]:
    """Return names and numbers of the added types that the graphs have."""
    if names is None:
        raise InputError(
            "the loader does not name the edge types; name them in order with edge_type_names="
        )
    there = tuple(name for name in added if name in names)
    if not there:
        raise InputError(
            f"received added={list(added)}, but the edge types are {', '.join(names)}; name the "
            "types of the added edges, or add some with es.data.rewire"
        )
    return there, [list(names).index(name) for name in there]
