"""What training prints: Lightning without its talk, and how it is getting on."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from typing_extensions import override

from edgescope.lib.progress import is_silent
from edgescope.lib.task_metrics import metric_of_run, written


class TrainingBar(Callback):
    """A bar over all epochs with the latest losses; off a terminal, one line per epoch.

    Args:
        console: where to write; standard error unless given.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            # Together at most 80 characters wide.
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[values]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=is_silent() or not self._console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, values="")

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the bar, at the epoch to start from."""
        self._progress.update(self._task, total=trainer.max_epochs, completed=trainer.current_epoch)
        self._progress.start()

    @override
    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move the bar by a part of an epoch."""
        part = (batch_idx + 1) / float(trainer.num_training_batches)
        self._progress.update(self._task, completed=trainer.current_epoch + part)

    def tell(self, record: Mapping[str, float]) -> None:
        """Show the losses of an epoch that has ended (see ``EpochKeeper.history``)."""
        metric = metric_of_run(record, None, "val")
        values = [f"loss {written(record['train_loss'])}"]
        values.append(f"val {metric.words} {metric.show(record[f'val_{metric.name}'])}")
        values.append(f"lr {record['learning_rate']:.2g}")
        text = "  ".join(values)
        if self._console.is_terminal:
            self._progress.update(self._task, values=text)
        elif not is_silent():
            seconds = f"{record['seconds']:.1f} s"
            self._console.print(f"epoch {record['epoch']:.0f}  {text}  {seconds}", highlight=False)

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the bar away when training is over."""
        self._progress.stop()

    @override
    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Give the terminal back before an error or Ctrl-C is shown."""
        self._progress.stop()


# What is known, meant and of no use to a reader; any other warning is shown.
_KNOWN = (
    # Inside Lightning's own tree traversal.
    r".*isinstance\(treespec, LeafSpec\).*",
    # Of several processes: the metrics have reduced what is logged.
    r".*recommended to use `self\.log\(.*sync_dist=True",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back Lightning's informational log lines and the warnings known to be of no use."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(max(logger.level, logging.WARNING))
        with warnings.catch_warnings():
            for message in _KNOWN:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be a ``KeyboardInterrupt`` again, and SIGTERM end the process with status 143.

    Lightning turns Ctrl-C into ``SystemExit(1)`` and leaves the process deaf to further ones; on
    SIGTERM it exits with status 0, as if training were finished.
    """
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException as error:
        raise SystemExit(128 + signal.SIGTERM) from error
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error.__context__
        raise
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
