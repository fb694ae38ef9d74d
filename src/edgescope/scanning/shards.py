"""Shards: the finished part of a scan on disk, so that a scan that was killed goes on.

The folder that the user names holds one folder per model that is scanned, called after its class
and the fingerprint of its parameters; in it lies one shard, ``batches-00000120``, with a scan of
everything in the first 120 batches and a note of what was asked. A newer shard is moved into
place when it is complete, and only then the older one is deleted, so that there is a usable one at
every moment.
"""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from edgescope.capturing.coverage import merged
from edgescope.lib.errors import InputError
from edgescope.lib.files import alone, writable_folder
from edgescope.lib.manifest import storing
from edgescope.scanning import SHARD_EVERY
from edgescope.scanning.edge_types import EdgeTypes
from edgescope.scanning.merge import merge_sites
from edgescope.scanning.result import Scan
from edgescope.scanning.scan_fingerprint import batch_fingerprint, model_fingerprint
from edgescope.scanning.shard_files import _KIND, _load
from edgescope.scanning.site_scan import held_graphs, one_graph
from edgescope.scanning.store import write_scan
from edgescope.statistics.sketch_layout import JOINT_FLOOR


class Shards(AbstractContextManager["Shards"]):
    """Where the scans of one call keep what they have finished.

    It is a context: at its end other calls may use the folder.

    Args:
        folder: the user's folder, one per process; without it, nothing is kept.
        every: seconds between shards.

    Raises:
        InputError: if the folder cannot be written to, or ``every`` is negative.
    """

    def __init__(self, folder: str | Path | None, every: float = SHARD_EVERY) -> None:
        if not every >= 0:
            raise InputError(f"received shard_every={every}, expected seconds, 0 or more")
        self.folder = None if folder is None else writable_folder(Path(folder))
        self.every = every
        self._opened: list[Path] = []
        self._locks = ExitStack()

    def __exit__(self, *_: object) -> None:
        """Let other calls use the folder."""
        self._locks.close()

    def of(self, model: nn.Module, asked: Mapping[str, object]) -> "Shard":
        """Return the shard of a model.

        Args:
            model: what is scanned.
            asked: every option that changes the result, by name.

        Raises:
            InputError: if the shard on disk is of a scan with other options, or is damaged, or if
                another scan of that model is using the folder.
        """
        if self.folder is None:
            return Shard(None)
        folder = self.folder / f"{type(model).__name__}-{model_fingerprint(model)}"
        while folder in self._opened:  # a model that is one of its own untrained members
            folder = folder.with_name(f"{folder.name}-again")
        busy = f"another scan of this {type(model).__name__} keeps its shards in {self.folder}"
        self._locks.enter_context(alone(folder, f"{busy}; wait for its end, or choose another"))
        self._opened.append(folder)
        return Shard(folder, self.every, {key: repr(value) for key, value in asked.items()})

    def remove(self) -> None:
        """Delete the shards of this call, once its result is complete."""
        for folder in self._opened:
            shutil.rmtree(folder, ignore_errors=True)
        self._locks.close()
        if self.folder is not None and not any(self.folder.iterdir()):
            self.folder.rmdir()


class Shard:
    """The finished part of the scan of one model.

    Args:
        folder: where to keep it; without it, nothing is kept.
        every: seconds between shards.
        asked: what was asked, as text by name.

    Attributes:
        refused: path of a layer that is left out to the reason.
    """

    def __init__(
        self,
        folder: Path | None,
        every: float = SHARD_EVERY,
        asked: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._every = every
        self._asked = dict(asked or {})
        self._finished = None if folder is None else _load(folder, self._asked)
        self.refused = {} if self._finished is None else dict(self._finished.refused)
        self._batches = 0
        self._first = self._last = ""
        self._written = time.monotonic()

    @property
    def resumes(self) -> bool:
        """Whether a part of the scan is on disk."""
        return self._finished is not None

    @property
    def joint_floor(self) -> float:
        """What the joint histograms of the finished part begin at, and so those of the rest."""
        before = {} if self._finished is None else self._finished.scan.sites
        return min(
            (found.sketch.layout.joint_floor for found in before.values()), default=JOINT_FLOOR
        )

    def begin(self, types: EdgeTypes) -> int:
        """Start at the first batch; return how many graphs are counted already."""
        self._batches = 0
        self._first = self._last = ""
        if self._finished is None:
            return 0
        types.restore(self._finished.edge_types)
        return self._finished.scan.info.graphs

    def counted(self, batch: Any) -> bool:  # noqa: ANN401  (any PyG batch)
        """Take note of the next batch; return whether it is counted already.

        Raises:
            InputError: if it is another batch than the one that was counted.
        """
        if self._folder is None:
            return False
        self._batches += 1
        self._last = batch_fingerprint(batch, self._last)
        self._first = self._first or self._last
        finished = self._finished
        if finished is None or self._batches > finished.batches:
            return False
        if self._first != finished.first or (
            self._batches == finished.batches and self._last != finished.last
        ):
            raise InputError(
                f"the loader gives other batches than those counted in {self._folder}; resume with "
                "the same data in the same order (shuffle=False), or delete that folder"
            )
        return True

    @property
    def due(self) -> bool:
        """Whether it is time for a shard."""
        return self._folder is not None and time.monotonic() - self._written >= self._every

    def keep(
        self, part: Scan, sites: Sequence[str], skipped: Sequence[str], types: EdgeTypes
    ) -> None:
        """Write a shard, if there is a folder for it.

        Args:
            part: what was found in the batches since :meth:`begin` that were not counted before.
            sites: the sites that ran in the last batch.
            skipped: sites that hold one number per edge and head.
            types: the edge types of the scan.
        """
        note = {
            "format": _KIND.format,
            "asked": self._asked,
            "batches": self._batches,
            "first": self._first,
            "last": self._last,
            "sites": list(sites),
            "skipped": list(skipped),
            "edge_types": types.state(),
            "refused": self.refused,
        }
        whole = self.join(part)
        if self._folder is None or not whole.sites:
            return  # or no site has run yet
        self._folder.mkdir(parents=True, exist_ok=True)
        place = self._folder / f"batches-{self._batches:08d}"
        with storing(place, _KIND, {"batches": self._batches}) as new:
            write_scan(whole, new / "scan")
            (new / _KIND.marker).write_text(json.dumps(note, indent=2), encoding="utf-8")
        for older in self._folder.iterdir():
            if older != place:
                shutil.rmtree(older, ignore_errors=True)
        self._written = time.monotonic()

    def join(self, part: Scan) -> Scan:
        """Return the finished part and what was found since, as one scan.

        Args:
            part: what was found since; its ``info.graphs`` counts all graphs.

        Raises:
            InputError: if the loader ended before the batches that were counted.
        """
        finished = self._finished
        if finished is None:
            return part
        if self._batches < finished.batches:
            raise InputError(
                f"the loader gave {self._batches} batches, but {finished.batches} are counted in "
                f"{self._folder}; resume with the same data, or delete that folder"
            )
        before = finished.scan
        sites = {
            site: merge_sites(
                [scan.sites[site] for scan in (before, part) if site in scan.sites],
                part.info.max_rows,
            )
            for site in {**before.sites, **part.sites}
        }
        parts = before.info.parts or part.info.parts
        if parts:
            sites = {site: one_graph(found) for site, found in sites.items()}
        names = before.names
        names.take(part.names, what="received batches")
        return Scan(
            sites,
            replace(
                part.info,
                seconds=before.info.seconds + part.info.seconds,
                parts=parts,
                arguments=tuple(dict.fromkeys([*before.info.arguments, *part.info.arguments])),
                types_from=part.info.types_from or before.info.types_from,
                coverage=merged([before.info.coverage, part.info.coverage]),
            ),
            names.of(held_graphs(sites)),
        )

    def sites(self, ran: Sequence[str]) -> list[str]:
        """Return the sites of the last batch: those that ``ran``, unless it was counted before."""
        finished = self._finished
        return (
            finished.sites
            if finished is not None and self._batches <= finished.batches
            else list(ran)
        )

    def skipped(self, found: Sequence[str]) -> list[str]:
        """Return the sites that hold one number per edge and head, before and since."""
        before = [] if self._finished is None else self._finished.skipped
        return list(dict.fromkeys([*before, *found]))

    def forget(self) -> None:
        """Delete the shard: the scan starts again from the first batch."""
        self._finished = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
