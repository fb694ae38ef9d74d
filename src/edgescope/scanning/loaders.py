"""What is passed as a loader, made into batches that know which graphs they hold."""

import copy
from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import chain, islice
from typing import Any
from warnings import warn

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.mistakes import check_loader, is_dataset, is_graph
from edgescope.lib.model_arguments import attribute
from edgescope.scanning.loader_order import RecordedOrder, has_positions, in_order
from edgescope.scanning.scan_fingerprint import batch_fingerprint
from edgescope.scanning.whole_graph import WholeGraph


def graph_loader(given: Any) -> Iterable[Any]:  # noqa: ANN401  (anything may be passed)
    """Return what was passed as a loader, as something that gives the same batches in every pass.

    A single graph is a loader of one batch; a data set gives its graphs one by one, one of
    edgescope's in batches. A loader that shuffles, or has a sampler of its own, gives its batches
    in one order, drawn once and used for every pass; each batch says in ``batch.graph`` ``[G]``
    which graphs of ``loader.dataset`` it holds. The loader itself and all generators of random
    numbers stay as they were. Loaders of the parts of one large graph stay as they are.

    Raises:
        InputError: if it is nothing of the kind; while it is gone through again, if it gives
            other batches than before.
    """
    check_loader(given)
    if isinstance(given, GraphLoader):
        return given
    if is_graph(given):
        given = [given]
    elif is_dataset(given) and not hasattr(given, "__next__"):
        given = _loader_of(given)
    if WholeGraph(given).loader or isinstance(given, Sequence):
        return given  # type: ignore[no-any-return]  # the same objects in every pass
    own = _without_prefetching(given)
    source = RecordedOrder(own) if has_positions(own) and not in_order(own) else given
    kind = GraphLoader if batches_of(source) is None else SizedGraphLoader
    return kind(given, source)


class GraphLoader:
    """A loader with the positions of its graphs, and the same batches in every pass.

    Its other attributes, such as ``dataset``, are those of the loader.

    Args:
        loader: the user's loader.
        source: what gives the batches: the same, or its recorded order.
    """

    def __init__(self, loader: Iterable[Any], source: Iterable[Any]) -> None:
        self._given = loader
        self._source = source
        self._positions = source.positions if isinstance(source, RecordedOrder) else None
        self._seen: list[str] = []
        self._warned = False
        self._begun: tuple[list[Any], Iterator[Any]] | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (of any loader)
        """Return an attribute of the loader."""
        if name.startswith("__") or "_given" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self._given, name)

    def __iter__(self) -> Iterator[Any]:
        """Give the batches of a pass.

        Raises:
            InputError: if one is another than it was in an earlier pass.
        """
        before = ""
        taken, rest = self._begun or ((), iter(self._source))
        self._begun = None
        for number, batch in enumerate(chain(taken, rest)):
            known = None if self._positions is None else self._positions[number]
            placed = batch if known is None else _placed(batch, known)
            if placed is None:
                self._warn(
                    "a batch holds another number of graphs than the loader's sampler gave for it"
                )
                placed = batch
            before = self._checked(placed, number, before)
            yield placed

    def first(self) -> list[Any]:
        """Return the first batch, which the next pass gives again; an empty list if there is none.

        That pass goes on where this has begun, so that nothing is fetched or drawn twice.
        """
        if self._begun is None:
            rest = iter(self._source)
            self._begun = list(islice(rest, 1)), rest
        return list(self._begun[0])

    def _checked(self, batch: Any, number: int, before: str) -> str:  # noqa: ANN401  (any PyG batch)
        """Compare a batch with that of the first pass; return its fingerprint."""
        if attribute(batch, "e_id") is not None:  # a part of a large graph, drawn anew
            return before
        unknown = not isinstance(attribute(batch, "graph"), Tensor | int)
        if unknown and self._positions is None and not _ordered(self._given):
            self._warn("the loader does not say which graphs of its data set a batch holds")
        now = batch_fingerprint(batch, before)
        if number == len(self._seen):
            self._seen.append(now)
        elif self._seen[number] != now:
            raise InputError(
                f"the loader gives other graphs each time it is gone through (batch {number} is "
                "not what it was), so that passes cannot be compared; pass a loader with "
                "shuffle=False and without random transforms, or a list of its batches, "
                "list(loader)"
            )
        return now

    def _warn(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            warn(
                f"{what}; graphs are numbered in the order in which they come, by which they may "
                "not be found again; give every batch the positions as batch.graph, or pass a "
                "loader with shuffle=False",
                EdgescopeWarning,
                stacklevel=4,
            )


class SizedGraphLoader(GraphLoader):
    """One that knows how many batches it gives."""

    def __len__(self) -> int:
        """Count the batches of a pass."""
        return len(self._source)  # type: ignore[arg-type]  # checked when it was made


def _ordered(loader: Iterable[Any]) -> bool:
    """Return whether nothing speaks against numbering graphs in the order in which they come."""
    own: Any = loader
    while not isinstance(own, DataLoader) and hasattr(own, "loader"):
        own = own.loader
    if not isinstance(own, DataLoader):
        return not getattr(own, "shuffle", False)
    return not isinstance(own.dataset, IterableDataset) and in_order(own)


def _without_prefetching(loader: Any) -> Any:  # noqa: ANN401  (any loader)
    """Return the loader inside one of PyG's that only moves batches to a device ahead of time."""
    while type(loader).__name__ == "PrefetchLoader" and hasattr(loader, "loader"):
        loader = loader.loader
    return loader


def _loader_of(dataset: Any) -> Iterable[Any]:  # noqa: ANN401  (any data set)
    """Return a loader of the graphs of a data set, in their order."""
    from edgescope.data.batch_loaders import loader
    from edgescope.data.graphs import GraphDataset

    if isinstance(dataset, GraphDataset):
        return loader(dataset)
    return OneByOne(dataset)


class OneByOne:
    """The graphs of a data set, one after the other.

    Args:
        dataset: gives a graph by its position.

    Attributes:
        dataset: the data set.
    """

    def __init__(self, dataset: Any) -> None:  # noqa: ANN401  (any data set)
        self.dataset = dataset

    def __len__(self) -> int:
        """Count the graphs."""
        return len(self.dataset)

    def __iter__(self) -> Iterator[Any]:
        """Give the graphs.

        Raises:
            InputError: if what the data set holds are no graphs.
        """
        for position in range(len(self.dataset)):
            graph = self.dataset[position]
            if not is_graph(graph) and not hasattr(graph, "edge_index"):
                raise InputError(
                    f"received a {type(self.dataset).__name__} of {type(graph).__name__} as the "
                    "loader, expected one of graphs, such as PyG's Data"
                )
            yield graph


def _placed(batch: Any, positions: Sequence[int]) -> Any:  # noqa: ANN401  (any PyG batch)
    """Return a batch with the positions of its graphs; ``None`` if they are not as many."""
    if not is_graph(batch):
        return None
    size = attribute(batch, "num_graphs")
    if (1 if size is None else int(size)) != len(positions):
        return None
    own = attribute(batch, "graph")
    if own is not None:  # it says so itself, or calls something else graph
        fits = isinstance(own, int) or (isinstance(own, Tensor) and own.shape == (len(positions),))
        return batch if fits else None
    placed = copy.copy(batch)
    placed.graph = torch.tensor(positions)
    return placed


def batches_of(loader: Iterable[Any]) -> int | None:
    """Return how many batches a loader gives; ``None`` if it does not say."""
    if not isinstance(loader, Sized):
        return None
    try:
        return len(loader)
    except (TypeError, ValueError):  # a stream, or a sampler that decides as it goes
        return None
