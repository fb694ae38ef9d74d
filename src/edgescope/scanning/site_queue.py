"""The sites of a batch that wait to be counted, each on a thread of its own.

A site is counted by one thread. While a model runs, the other threads of torch would stand idle
meanwhile, so what the sites hold is copied, and counted side by side when the batch is done.
"""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from edgescope.capturing import EdgeActivations
from edgescope.scanning.site_counter import SiteCounter
from edgescope.statistics.counting.edge_labels import EdgeLabels

BUDGET = 64 * 2**20
"""Bytes of copied activations above which they are counted before the batch is done: those of ten
layers of width 64 for 2,600 molecules of ZINC."""


class SiteQueue:
    """Counts sites at once, or several of them together.

    With one thread of torch, and for activations that are not on the CPU, a site is counted at
    once and nothing is copied. Counts are the same either way.

    Args:
        budget: bytes of activations that may wait.

    Example:
        >>> from edgescope.scanning.site_queue import SiteQueue
        >>> SiteQueue().flush()
        set()
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._waiting: dict[str, tuple[SiteCounter, EdgeActivations, EdgeLabels]] = {}
        self._held = 0
        self._memory: dict[str, Tensor] = {}

    def add(
        self, counter: SiteCounter, activations: EdgeActivations, labels: EdgeLabels
    ) -> set[int]:
        """Count a site's activations of a batch, now or later.

        Args:
            counter: what counts the site.
            activations: see :meth:`~edgescope.scanning.site_counter.SiteCounter.update`; they may
                be written to afterwards.
            labels: their type and graph.

        Returns:
            The graphs of which something was kept in what was counted by now.
        """
        values = activations.values
        if values.device.type != "cpu" or torch.get_num_threads() == 1:
            return self.flush() | _count(counter, activations, labels)
        size = 4 * values.numel()
        kept: set[int] = set()
        if activations.site in self._waiting or self._held + size > self._budget:
            kept = self.flush()
        held = activations._replace(values=self._copy(activations.site, values))
        self._waiting[activations.site] = (counter, held, labels)
        self._held += size
        return kept

    def flush(self) -> set[int]:
        """Count what is waiting, and return the graphs of which something was kept."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        self._held = 0
        if not waiting:
            return set()
        for _, _, labels in waiting:
            _ = labels.arrays  # found once, as sites share them
        with ThreadPoolExecutor(min(torch.get_num_threads(), len(waiting))) as threads:
            kept = threads.map(lambda each: _count(*each), waiting)
            return set().union(*kept)

    def _copy(self, site: str, values: Tensor) -> Tensor:
        """Copy values as float32, which they are counted in, to memory that is used again."""
        memory = self._memory.get(site)
        if memory is None or memory.numel() < values.numel():
            memory = self._memory[site] = values.new_empty(values.numel(), dtype=torch.float32)
        return memory[: values.numel()].view(values.shape).copy_(values)


def _count(counter: SiteCounter, activations: EdgeActivations, labels: EdgeLabels) -> set[int]:
    # No mode, ours or the user's, need see what a scan computes for itself.
    with torch.no_grad(), torch._C._DisableTorchDispatch():  # noqa: SLF001  (torch has no public name for it)
        return counter.update(activations, labels)
