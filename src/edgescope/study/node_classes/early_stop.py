"""Training on all of a part at once, up to the epoch with the best validation accuracy."""

import copy
import time
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgescope.lib.model_call import call_model
from edgescope.study.node_classes.class_task import ClassTask, Division

LEARNING_RATE = 0.01
WEIGHT_DECAY = 5e-4
MAX_EPOCHS = 300
PATIENCE = 50
"""Epochs without a better validation accuracy after which training ends."""


class Learned(NamedTuple):
    """A trained model.

    Attributes:
        model: with the weights of the epoch with the best validation accuracy, of several the one
            with the lowest loss there; in evaluation mode.
        epoch: that epoch, counted from 1.
        epochs: how many there were.
        val: its validation accuracy.
        test: its test accuracy.
        seconds: of the training.
    """

    model: nn.Module
    epoch: int
    epochs: int
    val: float
    test: float
    seconds: float


def learn_classes(
    model: nn.Module, task: ClassTask, seed: int, max_epochs: int = MAX_EPOCHS
) -> Learned:
    """Train a copy of a model with Adam on the cross-entropy of the training part.

    Args:
        model: takes a batch of the task; it is left as it was.
        task: the data.
        seed: of dropout.
        max_epochs: training ends after this many at the latest.
    """
    model = copy.deepcopy(model)
    optimiser = torch.optim.Adam(
        model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, foreach=True
    )
    best, best_epoch, kept = (-1.0, 0.0), 0, model.state_dict()
    started, epoch = time.monotonic(), 0
    known = task.train.y >= 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        while epoch < max_epochs and epoch - best_epoch < PATIENCE:
            epoch += 1
            model.train()
            optimiser.zero_grad()
            logits = call_model(model, task.train.inputs)
            loss = F.cross_entropy(logits[known], task.train.y[known])
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            accuracy, entropy = _judged(model, task.val)
            if (accuracy, -entropy) > best:
                best, best_epoch = (accuracy, -entropy), epoch
                kept = copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    test, _ = _judged(model, task.test)
    return Learned(model.eval(), best_epoch, epoch, best[0], test, time.monotonic() - started)


def _judged(model: nn.Module, part: Division) -> tuple[float, float]:
    """Return accuracy and cross-entropy of a model on a part."""
    model.eval()
    with torch.no_grad():
        logits: Tensor = call_model(model, part.inputs)
    known = part.y >= 0
    logits, y = logits[known], part.y[known]
    return float((logits.argmax(1) == y).double().mean()), float(F.cross_entropy(logits, y))
