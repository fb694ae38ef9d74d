"""Watching a training: every so many steps the batch that runs anyway is looked at."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from warnings import warn

import polars as pl
import torch
from torch import nn

from edgescope.capturing.forward_pass import runs_again
from edgescope.capturing.hooks import Watch
from edgescope.capturing.late_capture import call_new_hooks, hooks_before
from edgescope.capturing.site_choice import Sites
from edgescope.lib.compiled_parts import compiled_parts
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.mistakes import check_inputs, check_model
from edgescope.lib.model_call import Call, call_model
from edgescope.lib.sealed_table import sealed_table
from edgescope.scanning.monitoring.fixed_batches import FixedBatches
from edgescope.scanning.monitoring.monitor_limits import Limits, check_positive
from edgescope.scanning.monitoring.record_file import RecordFile
from edgescope.scanning.monitoring.site_watch import SiteWatch
from edgescope.scanning.monitoring.training_record import TrainingRecord, schema
from edgescope.statistics.sketch_layout import PAPER_RATIO

EVERY = 50
"""Steps from one record to the next by default, so that monitoring takes at most 5 % of them."""

BATCHES = 4
"""Batches of a loader that are looked at by default."""

THRESHOLDS = (100.0, PAPER_RATIO)


class Monitor:
    """Watches a model while it trains: a context, made by :func:`edgescope.monitor`.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> with es.monitor(model, every=1) as monitor:
        ...     for batch in es.data.loader(graphs, batch_size=32):
        ...         _ = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        >>> isinstance(monitor, es.Monitor), monitor.stop
        (True, False)
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        every: int = EVERY,
        sites: Sites = None,
        thresholds: Sequence[float] = THRESHOLDS,
        limit: float | None = PAPER_RATIO,
        least_headroom: float | None = 1.0,
        file: str | Path | None = None,
        overwrite: bool = False,
        loader: Iterable[Any] | None = None,
        batches: int = BATCHES,
        call: Call = call_model,
        inputs: Mapping[str, str] | None = None,
        discover: bool = True,
    ) -> None:
        check_model(model)
        check_inputs(inputs)
        if compiled := compiled_parts(model):
            raise InputError(
                f"{', '.join(each or 'the model' for each in compiled)} is compiled, and within "
                "compiled code no hook is called; monitor a training that is not compiled, or scan "
                "its checkpoints"
            )
        check_every(every, "every")
        check_every(batches, "batches")
        self.every = every
        for place, each in enumerate(thresholds):
            check_positive(each, f"thresholds[{place}]")
        self._model = model
        self._limits = Limits(limit, least_headroom)
        self._thresholds = tuple(sorted({float(each) for each in thresholds}))
        columns = schema(self._thresholds)
        self._file = RecordFile(None if file is None else Path(file), columns, overwrite=overwrite)
        self._watch = SiteWatch(
            sites, self._thresholds, None if inputs is None else dict(inputs), discover=discover
        )
        self._fixed = None if loader is None else FixedBatches(loader, batches, call)
        self._first: dict[str, float] = {}
        self._steps = 0
        self._counts = True
        self._now: tuple[int, int | None] | None = None
        self._pass = ExitStack()
        self._hooks: Watch | None = None
        self._ran = 0
        self._busy = self._reads = False

    @property
    def record(self) -> TrainingRecord:
        """What was recorded so far."""
        return TrainingRecord(self._file.table)

    @property
    def passed(self) -> dict[str, list[str]]:
        """What went beyond a limit so far: sites, each with what it passed.

        That is ``"ratio"``, ``"headroom"`` or ``"nonfinite"``.
        """
        return self._limits.passed

    @property
    def stop(self) -> bool:
        """Whether something went beyond a limit, for a loop that ends then."""
        return bool(self.passed)

    def __enter__(self) -> Self:
        """Begin to watch.

        Raises:
            InputError: if the file cannot be written or is another record, or another thread
                watches the model.
        """
        self._file.begin()
        self._hooks = Watch(self._model)
        self._hooks.register(self._attach)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take all hooks away and write what was recorded, also after an error or Ctrl-C."""
        try:
            self._end_pass()
        finally:
            if self._hooks is not None:
                self._hooks.release()
            self._hooks = self._now = None
            self._file.flush()
        if kind is None and self._counts and not self._steps:
            ran = f"ran {self._ran} times, but never" if self._ran else "was never called"
            warn(
                f"nothing was recorded: the model {ran} in training mode with gradients, which is "
                "what counts as a step; call model.train(), and the model itself",
                EdgescopeWarning,
                stacklevel=2,
            )

    def count_by_caller(self) -> None:
        """Leave it to the caller to count steps, who calls :meth:`open` and :meth:`close`."""
        self._counts = False

    @property
    def is_open(self) -> bool:
        """Whether a record is being made."""
        return self._now is not None

    def is_due(self, step: int) -> bool:
        """Return whether a record is due before a step: at the first, and when ``every`` is full.

        Args:
            step: how many steps have been taken.
        """
        last = self._file.last_step
        return last is None or step // self.every > last // self.every

    def open(self, step: int, epoch: int | None = None) -> None:
        """Begin a record: of the loader's batches, or of whatever the model runs on next."""
        self._watch.clear()
        self._now = (step, epoch)
        if self._fixed is not None:
            self._fixed.run(self._model)

    def close(self) -> list[dict[str, Any]]:
        """End a record, and return its rows; none if the model did not run."""
        self._end_pass()
        if self._now is None:
            return []
        (step, epoch), self._now = self._now, None
        rows = []
        for site, found in self._watch.found.items():
            row = found.row(self._thresholds)
            magnitude = row["largest_magnitude"]
            if magnitude:
                self._first.setdefault(site, magnitude)
            growth = magnitude / self._first[site] if magnitude else None
            rows.append({"step": step, "epoch": epoch, "site": site, "growth": growth, **row})
        self._file.add(rows)
        if said := self._limits.judge(rows):
            warn(f"in step {step}: {said}", EdgescopeWarning, stacklevel=2)
        return rows

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: all records, and how far it has come; plain values."""
        self._file.flush()
        table = torch.frombuffer(bytearray(sealed_table(self._file.table)), dtype=torch.uint8)
        passed = {site: list(kinds) for site, kinds in self.passed.items()}
        return {"record": table, "steps": self._steps, "passed": passed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint; what was recorded after it is forgotten.

        Raises:
            InputError: if it is of a monitor with other thresholds.
        """
        table = pl.read_parquet(BytesIO(state["record"].numpy().tobytes()))
        self._file.go_on(table)
        self._steps = int(state["steps"])
        self._limits.passed = {site: list(kinds) for site, kinds in state["passed"].items()}
        known = table.filter(pl.col("largest_magnitude") > 0)
        first = known.group_by("site", maintain_order=True).first()
        self._first = dict(first.select("site", "largest_magnitude").iter_rows())

    def _attach(self, hooks: Watch) -> None:
        model = self._model
        hooks.add(model.register_forward_pre_hook(self._begin, with_kwargs=True).remove)
        hooks.add(model.register_forward_hook(self._end, always_call=True).remove)

    def _begin(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Look at a forward pass, if a record is being made or is due."""
        if self._busy or runs_again():
            return
        self._ran += 1
        if self._counts and model.training and torch.is_grad_enabled():
            step, self._steps = self._steps, self._steps + 1
            if self.is_due(step):
                self.open(step)
                if self._fixed is not None:
                    self.close()
        wanted = self._now is not None and (self._fixed is None or not model.training)
        # The hooks of a pass that an interrupt has ended are still there; torch is calling them.
        if not wanted or self._reads:
            return
        known = hooks_before(model)
        self._busy = True  # discovery runs the model
        try:
            self._pass.enter_context(self._watch.reading(model, args, kwargs))
        finally:
            self._busy = False
        self._reads = True
        call_new_hooks(model, known, args, kwargs)

    def _end(self, _: nn.Module, __: object, output: object) -> None:
        """End the look at a forward pass, and the record if it is one of this alone."""
        if self._busy or runs_again():
            return
        self._end_pass()
        if output is None and sys.exc_info()[0] is not None:  # the pass has raised
            self._now = None
        elif self._counts and self._fixed is None:
            self.close()

    def _end_pass(self) -> None:
        self._pass.close()
        self._reads = False


def check_every(number: object, name: str) -> None:
    """Refuse what is no number of steps, or of batches.

    Raises:
        InputError: naming what was received.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InputError(f"received {name}={number!r}, expected a whole number from 1")
