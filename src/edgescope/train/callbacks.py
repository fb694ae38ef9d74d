"""Callbacks of Lightning: a training that is watched, in its loggers and in a file."""

import math
import re
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from typing_extensions import override

from edgescope.lib.errors import InputError
from edgescope.scanning.monitoring.training_monitor import EVERY, Monitor, check_every
from edgescope.scanning.monitoring.training_record import TrainingRecord

FILE = "massive_activations.parquet"
"""The file in the folder of a logger, by default."""

_LOGGED = ("largest_ratio", "largest_magnitude", "growth", "headroom_bits", "saturated")


class MassiveActivationMonitor(Callback):
    """Watch massive activations emerge in a training by Lightning.

    Every so many steps the batch that runs anyway is looked at, as by :func:`edgescope.monitor`.
    What is found goes to all loggers of the trainer, as ``massive/SITE/NAME`` by the trainer's
    global step, and into a Parquet file. Outputs, gradients and random numbers are as without. In a
    checkpoint the callback keeps all records, and a training that goes on from one continues them.
    Of several processes the first records its share of a batch.

    Args:
        every_n_steps: optimiser steps from one record to the next.
        every_n_epochs: epochs from one record, of their first batch, to the next, in place of
            ``every_n_steps``.
        model: dotted name of the module within the Lightning module that the training step calls,
            such as ``"net"``. By default the one with all parameters, if it is one, else the
            Lightning module itself.
        stop: whether training ends when something passes a limit.
        file: where the record is kept; by default ``massive_activations.parquet`` in the log
            folder of the trainer.
        options: as for :func:`edgescope.monitor`, such as ``sites``, ``limit`` and ``loader``.

    Raises:
        InputError: if an option is wrong; in training, if nothing of the model can be captured, or
            the training step calls another module.

    Warns:
        EdgescopeWarning: once for each site that passes a limit.

    Example:
        >>> import edgescope as es
        >>> from lightning.pytorch import Trainer
        >>> monitor = es.callbacks.MassiveActivationMonitor(every_n_steps=50, stop=True)
        >>> trainer = Trainer(callbacks=[monitor])  # doctest: +SKIP
        >>> trainer.fit(task, loader)  # doctest: +SKIP
        >>> monitor.record.emergence()  # doctest: +SKIP
    """

    def __init__(
        self,
        every_n_steps: int = EVERY,
        *,
        every_n_epochs: int | None = None,
        model: str | None = None,
        stop: bool = False,
        file: str | Path | None = None,
        **options: Any,
    ) -> None:
        if "every" in options:
            raise InputError("received every=, expected every_n_steps= or every_n_epochs=")
        self._every = every_n_steps
        self._every_n_epochs = every_n_epochs
        self._model = model
        self._stop = stop
        self._given = file
        self._options = options
        self._monitor: Monitor | None = None
        self._running = False
        self._state: dict[str, Any] = {}
        check_every(every_n_steps, "every_n_steps")
        if every_n_epochs is not None:
            check_every(every_n_epochs, "every_n_epochs")
        Monitor(nn.Identity(), **options)  # checks the rest

    @property
    def record(self) -> TrainingRecord:
        """What was recorded so far.

        Raises:
            InputError: if training has not begun, or this is not the first of its processes.
        """
        if self._monitor is None:
            raise InputError("nothing was recorded yet; the first of the processes that train does")
        return self._monitor.record

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to watch, or to go on."""
        file = self._given
        if file is None:  # asking for the folder is something that all processes do together
            file = Path(trainer.log_dir or trainer.default_root_dir) / FILE
        if not trainer.is_global_zero:
            return
        watched = _watched(pl_module, self._model)
        options = {"every": self._every, **self._options}
        self._monitor = Monitor(watched, file=file, **options)
        self._monitor.count_by_caller()
        if self._state:
            self._monitor.load_state_dict(self._state)
        self._monitor.__enter__()
        self._running = True

    @override
    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begin a record if it is time."""
        if self._monitor is not None and self._is_due(trainer, batch_idx):
            self._monitor.open(trainer.global_step, trainer.current_epoch)

    @override
    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """End a record, log it, and stop if that was asked for."""
        if self._monitor is not None and self._monitor.is_open:
            rows = self._monitor.close()
            if not rows:
                raise InputError(
                    f"the training step did not call {self._model or 'the module'} that is "
                    "watched; name the module that it calls with model=, such as model='net'"
                )
            values = logged_scalars(rows)
            for logger in trainer.loggers:
                logger.log_metrics(values, step=rows[0]["step"])
        if self._stop:
            passed = self._monitor is not None and self._monitor.stop
            told = trainer.strategy.reduce_boolean_decision(passed, all=False)
            trainer.should_stop = trainer.should_stop or told

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the hooks away and write the file."""
        self._leave()

    @override
    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Do so after an error or Ctrl-C as well."""
        self._leave()

    @override
    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: all records, as plain values."""
        return {} if self._monitor is None else self._monitor.state_dict()

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._state = dict(state_dict)
        if self._monitor is not None and self._state:
            self._monitor.load_state_dict(self._state)

    def _is_due(self, trainer: Trainer, batch_idx: int) -> bool:
        assert self._monitor is not None
        if self._every_n_epochs is None:
            return self._monitor.is_due(trainer.global_step)
        return batch_idx == 0 and trainer.current_epoch % self._every_n_epochs == 0

    def _leave(self) -> None:
        if self._running and self._monitor is not None:
            self._running = False
            self._monitor.__exit__(None, None, None)


def _watched(module: LightningModule, named: str | None) -> nn.Module:
    """Return the module that the training step calls."""
    if named is not None:
        try:
            return module.get_submodule(named)
        except AttributeError as error:
            raise InputError(
                f"received model={named!r}, but {type(module).__name__} has no such module; it has "
                f"{', '.join(name for name, _ in module.named_children())}"
            ) from error
    own = any(True for _ in module.parameters(recurse=False))
    holders = [each for each in module.children() if any(True for _ in each.parameters())]
    if len(holders) == 1 and not own and type(holders[0]).forward is not nn.Module.forward:
        return holders[0]
    return module


def logged_scalars(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the finite numbers of a record, under names that every logger takes."""
    found: dict[str, float] = {}
    names: dict[str, str] = {}
    for row in rows:
        site = _plain(row["site"])
        while names.setdefault(site, row["site"]) != row["site"]:
            site += "-"  # two sites differ in letters that not every logger takes
        shares = [name for name in row if name.startswith("over_")]
        for name in (*_LOGGED, "nonfinite", *shares):
            number = row[name]
            if number is not None and math.isfinite(number):
                found[f"massive/{site}/{name}"] = float(number)
    return found


def _plain(site: str) -> str:
    """Return a site's name in letters that every logger takes.

    MLflow takes letters, digits, ``_``, ``-``, ``.``, blanks and ``/`` on every system.

    Example:
        >>> _plain("layers.0#2:weight")
        'layers.0-2/weight'
    """
    path, _, stage = site.rpartition(":")
    return "/".join(re.sub(r"[^\w. -]", "-", part) for part in (path, stage) if part)
