"""Watching a training: every so many steps the batch that runs anyway is looked at."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from io import BytesIO
from itertools import islice
from math import inf
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
from edgescope.capturing.unseen import seen
from edgescope.lib.compiled_parts import compiled_parts
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.eval_mode import evaluating, generators_kept
from edgescope.lib.mistakes import check_inputs, check_loader, check_model, check_number
from edgescope.lib.model_call import Call, call_model
from edgescope.scanning.batches import device_of, on_device
from edgescope.scanning.monitoring.record_file import RecordFile, record_bytes
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

    Attributes:
        passed: what went beyond a limit so far: sites, each with what it passed.

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
        numbers = {"limit": limit, "least_headroom": least_headroom}
        numbers |= {f"thresholds[{place}]": each for place, each in enumerate(thresholds)}
        for name, number in numbers.items():
            if number is not None:
                check_number(number, name)
                if not 0 < number < inf:
                    raise InputError(f"received {name}={number}, expected a positive number")
        self.passed: dict[str, list[str]] = {}
        self._model = model
        self._limit, self._least_headroom = limit, least_headroom
        self._thresholds = tuple(sorted({float(each) for each in thresholds}))
        columns = schema(self._thresholds)
        self._file = RecordFile(None if file is None else Path(file), columns, overwrite=overwrite)
        self._watch = SiteWatch(
            sites, self._thresholds, None if inputs is None else dict(inputs), discover=discover
        )
        self._held = _held(loader, batches)
        self._call = call
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
        if self._held is not None:
            device = device_of(self._model)
            cuda = [device.index or 0] if device.type == "cuda" else []
            with seen(), evaluating(self._model), torch.no_grad(), generators_kept(cuda):
                for batch in self._held:
                    self._call(self._model, on_device(batch, device))

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
        self._judge(step, rows)
        return rows

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: all records, and how far it has come; plain values."""
        self._file.flush()
        table = torch.frombuffer(bytearray(record_bytes(self._file.table)), dtype=torch.uint8)
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
        self.passed = {site: list(kinds) for site, kinds in state["passed"].items()}
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
                if self._held is not None:
                    self.close()
        wanted = self._now is not None and (self._held is None or not model.training)
        # The hooks of a pass that an interrupt has ended are still there, and torch is calling them.
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
        elif self._counts and self._held is None:
            self.close()

    def _end_pass(self) -> None:
        self._pass.close()
        self._reads = False

    def _judge(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Warn of what goes beyond a limit for the first time."""
        said = []
        for row in rows:
            ratio, headroom, nonfinite = (
                row[name] for name in ("largest_ratio", "headroom_bits", "nonfinite")
            )
            beyond = {}
            if self._limit is not None and ratio is not None and ratio > self._limit:
                beyond["ratio"] = f"a ratio of {ratio:,.4g}, above the limit of {self._limit:,.7g}"
            least = self._least_headroom
            if least is not None and headroom is not None and headroom < least:
                beyond["headroom"] = (
                    f"{headroom:.2g} bits below the largest {row['dtype']}, less than {least:g}"
                )
            if nonfinite:
                beyond["nonfinite"] = f"{nonfinite:,} edges with a NaN or an infinity"
            known = self.passed.get(row["site"], [])
            new = {kind: words for kind, words in beyond.items() if kind not in known}
            if new:
                self.passed[row["site"]] = [*known, *new]
                said.append(f"{row['site']}: {', '.join(new.values())}")
        if said:
            warn(f"in step {step}: {'; '.join(said)}", EdgescopeWarning, stacklevel=3)


def monitor(model: nn.Module, **options: Any) -> Monitor:
    """Watch massive activations emerge while a model trains in a loop of your own.

    Every so many steps the batch that runs anyway is looked at. A step is a forward pass of the
    model in training mode with gradients; validation in between is not looked at. Outputs,
    gradients and random numbers are as without, bit for bit, and no hook is left behind.

    Args:
        model: the model that the loop calls.
        options: ``every``: steps from one record to the next, 50 by default, of which the first is
            made before the first step. ``sites``: as in ``es.capture``; by default the sites of a
            scan, with logits and weights. ``thresholds``: ratios whose share of edges above is
            recorded, 100 and 1,000. ``limit`` (1,000): the ratio that a warning is given at, once
            for each site; ``least_headroom`` (1 bit): the same of the distance to the largest
            number of the type; of a NaN or an infinity it is given in any case; ``None`` for no
            such limit. ``file``: a Parquet file that keeps the record and is whole at every moment,
            also after Ctrl-C; ``overwrite``: whether it may replace what is there. ``loader``:
            graphs to look at instead, always the same ``batches`` (4) of it, in eval mode, for
            curves without the noise of batches at the cost of running them; ``call``: how to call
            the model on one. ``inputs``: as in ``es.capture``. ``discover`` (True): whether to look
            for attention that no adapter knows, on the first batch.

    Returns:
        The monitor, to be entered by ``with``. Its ``record`` is the :class:`TrainingRecord
        <edgescope.TrainingRecord>`; ``stop`` is True once a limit was passed; ``state_dict()`` and
        ``load_state_dict()`` keep it in a checkpoint.

    Raises:
        InputError: if an option is wrong, the model is compiled; within the loop, if nothing of
            the model can be captured.

    Warns:
        EdgescopeWarning: once for each site that passes a limit.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> optimiser = torch.optim.Adam(model.parameters())
        >>> with es.monitor(model, every=2) as monitor:
        ...     for batch in es.data.loader(graphs, batch_size=16):
        ...         optimiser.zero_grad()
        ...         predicted = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        ...         (predicted - batch.y).abs().mean().backward()
        ...         _ = optimiser.step()
        >>> monitor.record.table.filter(site="layers.0:message")["step"].to_list()
        [0, 2]
    """
    return Monitor(model, **options)


def check_every(number: object, name: str) -> None:
    """Refuse what is no number of steps, or of batches.

    Raises:
        InputError: naming what was received.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InputError(f"received {name}={number!r}, expected a whole number from 1")


def _held(loader: Iterable[Any] | None, batches: int) -> list[Any] | None:
    """Return the first batches of a loader, which draws no random numbers for them."""
    if loader is None:
        return None
    check_loader(loader)
    with generators_kept():
        held = list(islice(loader, batches))
    if not held:
        raise InputError("the loader gave no batch; pass a loader over at least one graph")
    return held
