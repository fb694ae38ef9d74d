"""When training ends."""

import signal
import threading
from types import FrameType

from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override


def learning_rate(trainer: Trainer) -> float:
    """Return the learning rate of the next step."""
    return float(trainer.optimizers[0].param_groups[0]["lr"])


class StopAtMinimumLearningRate(Callback):
    """End training when the learning rate has fallen to a minimum.

    This is the rule of the benchmark that the published recipes come from (V. P. Dwivedi et al.,
    arXiv 2003.00982, section 4): the scheduler goes on halving the learning rate until it is
    used up, and the length of training follows from the data.

    Args:
        minimum: training ends after the epoch that left the learning rate at this or below.

    Attributes:
        reached: whether that has happened.
    """

    def __init__(self, minimum: float) -> None:
        self.minimum = minimum
        self.reached = False

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do not go on with a run that was interrupted after its last epoch."""
        self._check(trainer)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the learning rate that the epoch's validation has left."""
        self._check(trainer)

    def _check(self, trainer: Trainer) -> None:
        if learning_rate(trainer) <= self.minimum:
            self.reached = True
            trainer.should_stop = True


class EndOnSigterm(Callback):
    """End this process on SIGTERM, with status 143, without a word to those it trains with.

    Lightning tells them by a broadcast from within the signal's handler, where they may be waiting
    for another collective. Whatever is on disk is whole at any moment, and they end with this one.
    """

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Replace the handler that Lightning has set for training."""
        self._replace()

    @override
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Replace the handler that Lightning has set for testing."""
        self._replace()

    def _replace(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    raise SystemExit(128 + number)
