"""What is learnt: a property of a graph, predicted by one of the models."""

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torchmetrics import MeanAbsoluteError, MeanMetric
from torchmetrics.classification import BinaryAccuracy
from typing_extensions import override

from edgescope.lib.task_metrics import metric_of_loss
from edgescope.models.losses import LOSSES, EpochLoss
from edgescope.train.decay_groups import decay_groups
from edgescope.train.evaluation import Predictions, TaskAUC
from edgescope.train.guess import known_rows
from edgescope.train.recipe_file import Recipe
from edgescope.train.standardisation import Standardisation


class PropertyTask(LightningModule):
    """Train a model to predict the targets ``y`` of graphs.

    Batches carry ``x``, ``edge_index``, ``edge_attr``, ``batch`` and ``y`` ``[G, T]``, NaN where
    a target is missing. Per epoch it logs ``train/loss``, ``val/loss`` and the metric of the
    loss: for ``l1`` ``val/mae``, each averaged over the known targets and in the unit of the
    targets (the losses of several standardised targets, whose units may differ, are in standard
    deviations instead); for ``masked_bce``, which is in nats, ``val/roc_auc``, the mean over the
    tasks (see :func:`~edgescope.train.evaluation.roc_auc`), and ``val/accuracy``, the share of all
    known labels that a logit is on the right side of 0 for; for ``cross_entropy``, of classes ``y``
    ``[N]`` with -1 where one is missing, ``val/accuracy``, the share of right ones. Testing
    logs the same under ``test``. They reach callbacks, not the logger, which numbers by steps;
    :class:`~edgescope.train.epoch_record.EpochKeeper` passes them on by epochs.

    The training loader must have ``set_epoch``, as :class:`edgescope.data.MoleculeLoader` has.
    Epoch ``n`` takes its order of batches and its dropout from the recipe's seed and ``n`` alone,
    so a run that is taken up at the start of any epoch goes on as if it had never stopped.

    Where several processes train together, each on its share of every batch, losses and metrics
    are those of all of them, and so is the gradient. Each process draws its own dropout.

    Args:
        model: takes ``x, edge_index, edge_attr, batch`` and returns ``[G, T]``.
        recipe: loss, optimiser and seed.
        batches_per_epoch: number of training batches in an epoch.
        target_names: of the ``T`` targets.
        scaling: how the targets are standardised; None if they are not. The model then predicts
            standard deviations, and metrics are in the unit of the targets all the same.

    Attributes:
        keep_predictions: whether the predictions of the next evaluation are kept.
        predicted: of the last such evaluation, predictions and targets ``[G, T]``.
        skipped: by split, the tasks that the last ROC-AUC left out because their known labels were
            all alike.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        batches_per_epoch: int,
        target_names: Sequence[str] = (),
        scaling: Standardisation | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.batches_per_epoch = batches_per_epoch
        self.loss = LOSSES[recipe.loss]
        self.train_loss = EpochLoss()
        self.evaluation_loss = EpochLoss()
        self.target_names = tuple(target_names)
        self.metric = _metric(recipe.loss, self.target_names)
        self.metric_name = metric_of_loss(recipe.loss).name
        self.scaling = scaling
        one = scaling is not None and len(scaling.deviation) == 1
        self.loss_unit = scaling.deviation[0] if one and scaling is not None else 1.0
        self.predictions = Predictions()
        self.keep_predictions = False
        self.predicted: tuple[Tensor, Tensor] | None = None
        self.accuracy = BinaryAccuracy()
        self.skipped: dict[str, list[str]] = {}

    @override
    def forward(self, batch: Any) -> Tensor:
        """Predict every graph of a batch, ``[G, T]``."""
        prediction: Tensor = self.model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        return prediction

    @override
    def on_train_epoch_start(self) -> None:
        """Tell the training batches which epoch they are of; their order depends on it."""
        # Lightning itself tells only samplers of torch's DataLoader.
        cast("Any", self.trainer.train_dataloader).set_epoch(self.current_epoch)

    @override
    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed the epoch's dropout.

        Here and not at the start of the epoch, because an iterator of torch's DataLoader draws
        random numbers too, and Lightning makes it before that in a resumed run and after it
        otherwise.
        """
        if batch_idx == 0:
            # The words of a seed are followed by zeros: rank 0 draws as a process alone does.
            words = [self.recipe.seed, self.current_epoch, self.global_rank]
            sequence = np.random.SeedSequence(words)
            torch.manual_seed(int(sequence.generate_state(1)[0]))

    @override
    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of a batch.

        The gradients of several processes are averaged. Their mean is the gradient of the mean
        over all known targets if each loss is weighted by how many of them the process has.
        """
        loss, known = self.loss(self(batch), self._learnt(batch.y))
        self.train_loss.update(self.loss_unit * loss, known)
        world = self.trainer.world_size
        if world == 1:
            return loss
        total = cast("Tensor", self.trainer.strategy.reduce(known.clone(), reduce_op="sum"))
        return loss * (known * world / total.clamp(min=1))

    @override
    def on_train_epoch_end(self) -> None:
        """Log the training loss, averaged over the steps of the epoch as they were taken."""
        self.log("train/loss", self.train_loss.compute(), logger=False)
        self.train_loss.reset()

    @override
    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Add a batch to the evaluation."""
        prediction = self(batch)
        loss, count = self.loss(prediction, self._learnt(batch.y))
        self.evaluation_loss.update(self.loss_unit * loss, count)
        if self.scaling is not None:
            prediction = self.scaling.undo(prediction)
        if self.keep_predictions:
            self.predictions.update(prediction, batch.y)
        if isinstance(self.metric, MeanMetric):
            known = known_rows(batch.y)
            self.metric.update((prediction.argmax(1) == batch.y)[known].float())
            return
        known = ~batch.y.isnan()
        if isinstance(self.metric, TaskAUC):
            self.metric.update(prediction, batch.y)
            self.accuracy.update((prediction[known] > 0).long(), batch.y[known].long())
        else:
            self.metric.update(prediction[known], batch.y[known])

    @override
    def on_validation_epoch_end(self) -> None:
        """Log what the evaluation gave."""
        self._log_evaluation("val")

    @override
    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Add a batch to the evaluation."""
        self.validation_step(batch, batch_idx)

    @override
    def on_test_epoch_end(self) -> None:
        """Log what the evaluation gave."""
        self._log_evaluation("test")

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note how many processes trained, which the shares and the dropout depend on."""
        checkpoint["processes"] = self.trainer.world_size

    @override
    def configure_optimizers(self) -> Any:
        """Adam and a learning rate that falls when the validation loss stops falling."""
        recipe = self.recipe
        fused = {parameter.device.type for parameter in self.parameters()} <= {"cpu", "cuda"}
        decays = recipe.weight_decay > 0
        optimiser = torch.optim.Adam(
            decay_groups(self.model, recipe) if decays else self.parameters(),
            lr=recipe.learning_rate,
            fused=fused,
            decoupled_weight_decay=decays,
        )
        scheduler = ReduceLROnPlateau(
            optimiser,
            factor=recipe.plateau_factor,
            patience=recipe.plateau_patience,
            eps=0.0,  # or steps below 1e-8 would be left out, and a low minimum never reached
        )
        # With interval "epoch" Lightning would step the scheduler after the epoch's checkpoint is
        # written, which would then lack the step. This steps it right after validation.
        schedule = {
            "scheduler": scheduler,
            "monitor": "val/loss",
            "interval": "step",
            "frequency": self.batches_per_epoch,
        }
        return {"optimizer": optimiser, "lr_scheduler": schedule}

    def _learnt(self, y: Tensor) -> Tensor:
        """Return targets ``[G, T]`` as the model is to predict them."""
        return y if self.scaling is None else self.scaling.standardise(y)

    def _log_evaluation(self, split: str) -> None:
        if self.keep_predictions:
            prediction, target = self.predictions.compute()
            if not isinstance(self.metric, MeanMetric):  # logits of classes are a table already
                width = max(len(self.target_names), 1)
                prediction, target = prediction.reshape(-1, width), target.reshape(-1, width)
            self.predicted = prediction, target
            self.predictions.reset()
        self.log(f"{split}/loss", self.evaluation_loss.compute(), logger=False)
        self.evaluation_loss.reset()
        value = self.metric.compute()
        if isinstance(self.metric, TaskAUC):
            areas = zip(self.target_names, value.reshape(-1).tolist(), strict=True)
            self.skipped[split] = [name for name, area in areas if math.isnan(area)]
            value = value.nanmean()
            self.log(f"{split}/accuracy", self.accuracy.compute(), logger=False)
            self.accuracy.reset()
        self.log(f"{split}/{self.metric_name}", value, logger=False)
        self.metric.reset()


def _metric(loss: str, names: Sequence[str]) -> MeanAbsoluteError | TaskAUC | MeanMetric:
    """Return what a model is judged by that is trained with a loss."""
    if loss == "cross_entropy":
        return MeanMetric()  # of whether the class is right
    return MeanAbsoluteError() if loss == "l1" else TaskAUC(names)
