"""Ending training when validation no longer gets better, with the weights of its best epoch."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from edgescope.lib.task_metrics import metric_of_loss


class BestEpoch(Callback):
    """Keep the weights of the best epoch and end training so many epochs after it.

    The best epoch is that with the best validation metric, and among equal ones that with the
    lowest validation loss. Its weights are part of the checkpoint, so that a run that is taken up
    again ends with the same ones.

    Args:
        loss: the recipe's, which says what the metric is.
        patience: training ends after so many epochs without a better one.

    Attributes:
        epoch: the best one, counted from 1; 0 before the first.
        weights: those of the model then.
        reached: whether training ended for it.
    """

    def __init__(self, loss: str, patience: int) -> None:
        self.metric = metric_of_loss(loss)
        self.patience = patience
        self.epoch = 0
        self.best: tuple[float, float] | None = None
        self.weights: dict[str, Any] = {}
        self.reached = False

    @override
    def state_dict(self) -> dict[str, Any]:
        """Put the best epoch in the checkpoint."""
        return {"epoch": self.epoch, "best": self.best, "weights": self.weights}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it from a checkpoint."""
        self.epoch, self.weights = state_dict["epoch"], state_dict["weights"]
        self.best = None if state_dict["best"] is None else tuple(state_dict["best"])

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do not go on with a run that was interrupted after its last epoch."""
        self._check(trainer, trainer.current_epoch)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare the epoch with the best one."""
        logged, sign = trainer.callback_metrics, 1 if self.metric.higher_is_better else -1
        found = sign * float(logged[f"val/{self.metric.name}"]), -float(logged["val/loss"])
        if self.best is None or found > self.best:
            self.best, self.epoch = found, trainer.current_epoch + 1
            self.weights = {
                name: value.detach().clone() for name, value in pl_module.state_dict().items()
            }
        self._check(trainer, trainer.current_epoch + 1)

    def restore(self, module: LightningModule) -> None:
        """Give a module the weights of the best epoch."""
        with torch.no_grad():
            module.load_state_dict(self.weights)

    def _check(self, trainer: Trainer, epochs: int) -> None:
        if self.epoch and epochs - self.epoch >= self.patience:
            self.reached = True
            trainer.should_stop = True
