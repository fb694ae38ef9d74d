"""The end of an epoch: its record, its lines in the log, its checkpoint; and when training ends."""

import hashlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any
from warnings import warn

import torch
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from typing_extensions import override

from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.files import replacing
from edgescope.lib.input_files import DAMAGED, reason, whole


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


Record = dict[str, float]
"""What is kept of one epoch (see :class:`EpochKeeper`)."""


class AtomicCheckpointIO(CheckpointIO):
    """Checkpoints that are whole or absent, and that are read without unpickling.

    Lightning's own writer makes its temporary file in the system's folder for such files, from
    where moving it into place is a copy if that is another disk; a copy can be cut short.
    """

    @override
    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any | None = None,
    ) -> None:
        """Write a checkpoint beside ``path`` and move it there once it is on the disk."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        held = BytesIO()
        torch.save(checkpoint, held)
        with replacing(path) as temporary, temporary.open("wb") as file:
            file.write(_with_digest(held.getvalue()))
            file.flush()
            os.fsync(file.fileno())

    @override
    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any | None = "cpu",
        weights_only: bool | None = True,
    ) -> dict[str, Any]:
        """Read a checkpoint: tensors and plain values, whatever ``weights_only`` says.

        Raises:
            InputError: if the file is not one that :meth:`save_checkpoint` has written.

        Warns:
            EdgescopeWarning: if it is of an earlier version, without a digest.
        """
        data = whole(Path(path), "the checkpoint of a training run")
        try:
            checked = _check_digest(data)
            checkpoint = torch.load(BytesIO(data), map_location=map_location, weights_only=True)
        except DAMAGED as error:
            raise InputError(
                f"{path} is not a readable checkpoint ({reason(error)}); delete it to train this "
                "run from its start"
            ) from error
        if not isinstance(checkpoint, dict) or "optimizer_states" not in checkpoint:
            raise InputError(
                f"{path} is not a checkpoint of a training run; delete it to train this run "
                "from its start"
            )
        if not checked:
            warn(
                f"{path} is of an earlier version, which has no checksum and cannot be checked for "
                "damage",
                EdgescopeWarning,
                stacklevel=2,
            )
        return checkpoint

    @override
    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def _with_digest(data: bytes) -> bytes:
    """Put a digest into the comment that a zip archive, which a checkpoint is, may end with."""
    body = data[:-_LENGTH]
    comment = hashlib.sha256(body).hexdigest().encode()
    return body + len(comment).to_bytes(_LENGTH, "little") + comment


def _check_digest(data: bytes) -> bool:
    """Compare a checkpoint with its digest; return False if it is of a version without one.

    Raises:
        ValueError: if it was changed after it was written.
    """
    if data[-_END:].startswith(_END_MARK):
        return False
    size = hashlib.sha256().digest_size * 2
    if _with_digest(data[:-size]) != data or not data[-_END - size :].startswith(_END_MARK):
        raise ValueError("its checksum is wrong: it was changed or cut after it was written")
    return True


_END_MARK = b"PK\x05\x06"
"""What the last record of a zip archive begins with."""

_END = 22
"""Its bytes, without the comment."""

_LENGTH = 2
"""The last of them, which hold the length of the comment."""


class EpochKeeper(Checkpoint):
    """Close every epoch: keep its record, log it, write the checkpoint to resume from.

    As a ``Checkpoint`` it is called after everything else that happens at the end of an epoch.

    Args:
        path: where the checkpoint of the last finished epoch lies.
        tell: called with the record of each epoch once its checkpoint is written.

    Attributes:
        history: one record per finished epoch, in order: ``epoch`` (counted from 1),
            ``train_loss``, ``val_loss``, ``val_mae`` or ``val_roc_auc`` and ``val_accuracy``,
            ``learning_rate`` (that the epoch was trained with) and ``seconds``.
    """

    def __init__(self, path: Path, tell: Callable[[Record], None] | None = None) -> None:
        super().__init__()
        self.path = path
        self.tell = tell
        self.history: list[Record] = []
        self._started = 0.0
        self._learning_rate = 0.0

    @override
    def state_dict(self) -> dict[str, Any]:
        """Put the history in the checkpoint."""
        return {"history": self.history}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the history from a checkpoint."""
        self.history = state_dict["history"]

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note when the epoch began, and at which learning rate."""
        self._started = time.monotonic()
        self._learning_rate = learning_rate(trainer)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep, log and save.

        Raises:
            InputError: if a loss is no longer a finite number.
        """
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        record: Record = {"epoch": trainer.current_epoch + 1}
        for name in ("train/loss", "val/loss", "val/mae", "val/roc_auc", "val/accuracy"):
            if name in logged:
                record[name.replace("/", "_")] = logged[name]
        record["learning_rate"] = self._learning_rate
        record["seconds"] = time.monotonic() - self._started
        broken = [name for name in ("train_loss", "val_loss") if not math.isfinite(record[name])]
        if broken:
            raise InputError(
                f"training diverged: {broken[0]} is {record[broken[0]]} in epoch "
                f"{record['epoch']}; train again in another folder with a learning_rate below "
                f"{self._learning_rate:g}"
            )
        self.history.append(record)
        for logger in trainer.loggers:
            scalars = {**logged, **{key: record[key] for key in ("learning_rate", "seconds")}}
            logger.log_metrics(scalars, step=int(record["epoch"]))
            logger.save()
        trainer.save_checkpoint(self.path, weights_only=False)
        if self.tell:
            self.tell(record)
