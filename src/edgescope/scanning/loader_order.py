"""The order in which a loader gives graphs: recorded, so that every graph has its position."""

import copy
import random
from collections.abc import Iterator, Sequence
from typing import Any
from warnings import warn

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

from edgescope.lib.errors import EdgescopeWarning
from edgescope.lib.eval_mode import generators_kept

SEED = 0
"""Of what a recorded loader hands to its workers, so that every pass gives the same batches."""


class RecordedOrder:
    """A loader whose batches come in an order that was drawn once.

    The order is that which torch's ``DataLoader`` would have given in its next pass. Neither the
    loader nor its samplers, nor any generator of random numbers, is changed by drawing it.

    Args:
        loader: a loader of a data set that has positions.

    Attributes:
        positions: of every batch, the positions of its graphs in ``loader.dataset``; ``None`` if
            the sampler gives other keys than whole numbers.
    """

    def __init__(self, loader: "DataLoader[Any]") -> None:
        batched = loader.batch_sampler is not None
        sampler = loader.batch_sampler if batched else loader.sampler
        with generators_kept():
            drawn = list(iter(_copied(sampler)))  # whose length may not be asked for
        self._loader = _with_order(loader, drawn, batched)
        self.positions = _positions(drawn, batched)
        if self.positions is not None:
            _warn_of_repeats(loader, self.positions)

    def __len__(self) -> int:
        """Count the batches of a pass."""
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        """Give the batches, each the same in every pass, where the data set does."""
        generator = torch.Generator().manual_seed(SEED)
        self._loader.__dict__["generator"] = generator  # or a pass draws from torch's own
        self._loader.__dict__["_iterator"] = None
        return iter(self._loader)


def in_order(loader: "DataLoader[Any]") -> bool:
    """Return whether a loader gives the graphs of its data set by position, from 0 on."""
    batches = loader.batch_sampler
    if batches is None:
        return type(loader.sampler) is SequentialSampler
    return type(batches) is BatchSampler and type(batches.sampler) is SequentialSampler


def has_positions(loader: object) -> bool:
    """Return whether a loader is torch's, of a data set with positions."""
    return isinstance(loader, DataLoader) and not isinstance(loader.dataset, IterableDataset)


def _with_order(
    loader: "DataLoader[Any]", drawn: Sequence[Any], batched: bool
) -> "DataLoader[Any]":
    """Return a copy of a loader, of whatever class, that gives what was drawn."""
    copied = copy.copy(loader)
    # The class refuses to set these, as an iteration that runs would not notice.
    copied.__dict__["batch_sampler" if batched else "sampler"] = drawn
    copied.__dict__["persistent_workers"] = False
    copied.__dict__["_iterator"] = None
    return copied


def _positions(drawn: Sequence[Any], batched: bool) -> list[list[int]] | None:
    batches = drawn if batched else [[each] for each in drawn]
    try:
        return [[int(each) for each in batch] for batch in batches]
    except (TypeError, ValueError):  # keys of another kind
        return None


def _warn_of_repeats(loader: "DataLoader[Any]", positions: Sequence[Sequence[int]]) -> None:
    """Warn if a pass gives a graph several times, so that its edges are counted several times."""
    every = [each for batch in positions for each in batch]
    twice = len(every) - len(set(every))
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    if twice:
        warn(
            f"the {type(sampler).__name__} of the loader gives {len(every)} graphs, of which "
            f"{twice} are repeats; their edges are counted each time; to count every graph once, "
            "pass a loader without that sampler",
            EdgescopeWarning,
            stacklevel=2,
        )
        return
    padded = getattr(sampler, "total_size", 0)
    try:
        size = len(loader.dataset)  # type: ignore[arg-type]  # a data set with positions
    except TypeError:
        return
    if isinstance(padded, int) and padded > size:
        warn(
            f"the {type(sampler).__name__} of the loader gives {padded - size} graphs to two "
            "processes, so that all have as many; where the processes' results are merged, the "
            "edges of these are counted twice; split the data set without repeats, such as "
            "range(rank, len(dataset), world_size)",
            EdgescopeWarning,
            stacklevel=2,
        )


def _copied(thing: Any) -> Any:  # noqa: ANN401  (a sampler, or what one holds)
    """Return a copy of a sampler with samplers and generators of its own; it shares its data."""
    if isinstance(thing, torch.Generator):
        generator = torch.Generator(thing.device)
        generator.set_state(thing.get_state())
        return generator
    if isinstance(thing, np.random.Generator | np.random.RandomState | random.Random):
        return copy.deepcopy(thing)
    copied = copy.copy(thing)
    for name, held in getattr(copied, "__dict__", {}).items():
        samples = isinstance(held, torch.utils.data.Sampler)
        draws = isinstance(
            held,
            torch.Generator | np.random.Generator | np.random.RandomState | random.Random,
        )
        if samples or draws:
            copied.__dict__[name] = _copied(held)
    return copied
