"""The epochs of a training run, as one process of one or several goes through them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import DDPStrategy
from typing_extensions import override

from edgescope.data import MoleculeLoader, loader
from edgescope.data.edges.edge_changes import plain_sizes
from edgescope.models.variants import build_variant
from edgescope.scanning.monitoring.training_monitor import EVERY
from edgescope.train.best_epoch import BestEpoch
from edgescope.train.callbacks import MassiveActivationMonitor
from edgescope.train.epoch_record import (
    AtomicCheckpointIO,
    EndOnSigterm,
    EpochKeeper,
    Record,
    StopAtMinimumLearningRate,
)
from edgescope.train.preflight import has_targets
from edgescope.train.recipe_file import Recipe
from edgescope.train.standardisation import Standardisation
from edgescope.train.task import PropertyTask

if TYPE_CHECKING:
    from torch import nn

    from edgescope.data import GraphDataset, NeighborBatches, Splits
    from edgescope.train.lightning_output import TrainingBar


@dataclass(frozen=True)
class Job:
    """What every process of a run is told.

    Attributes:
        recipe: how to train; ``batch_size`` is that of all processes together.
        splits: on what.
        checkpoint: where the checkpoint of the last finished epoch lies, or will.
        resume: whether to go on from it.
        device: of the processes; of several on GPUs each has its own.
        processes: how many train together.
        scaling: how the targets are standardised; None if they are not.
        monitor: where massive activations are recorded in training; None if they are not.
        monitor_every: steps from one record to the next.
    """

    recipe: Recipe
    splits: "Splits"
    checkpoint: Path
    resume: bool
    device: Literal["cpu", "cuda"]
    processes: int = 1
    scaling: Standardisation | None = None
    monitor: Path | None = None
    monitor_every: int = EVERY


class Learned(NamedTuple):
    """What training came to.

    Attributes:
        task: with the model after the last epoch, and its predictions of the test split, or of the
            validation split if the test split has no targets.
        history: see :class:`~edgescope.train.epoch_record.EpochKeeper`.
        tested: metrics of the test split; empty if it has no targets.
        by_minimum: whether training ended because the learning rate was used up.
        best: the best epoch and whether training ended for it, if the recipe asks for it.
    """

    task: PropertyTask
    history: list[Record]
    tested: dict[str, Any]
    by_minimum: bool
    best: BestEpoch | None = None


def learn(
    job: Job,
    model: "nn.Module",
    *,
    rank: int = 0,
    logger: Logger | None = None,
    bar: "TrainingBar | None" = None,
) -> Learned:
    """Train and test a model, together with the other processes of the job.

    Only rank 0 writes checkpoints. Of several processes each must have joined their process group
    and start from the same weights.

    Args:
        job: what to do.
        model: before its first step.
        rank: which of the processes this one is.
        logger: what the epochs are logged to.
        bar: shows the epochs.
    """
    recipe, splits = job.recipe, job.splits
    train = _batches(job, splits.train, rank, shuffle=True)
    val, test = (_batches(job, part, rank) for part in (splits.val, splits.test))
    task = PropertyTask(model, recipe, len(train), splits.train.target_names, job.scaling)
    keeper = EpochKeeper(job.checkpoint, tell=bar.tell if bar else None)
    stop = StopAtMinimumLearningRate(recipe.min_learning_rate)
    callbacks: list[Callback] = [stop, keeper, *([bar] if bar else [])]
    best = None if recipe.patience is None else BestEpoch(recipe.loss, recipe.patience)
    if best is not None:
        callbacks.insert(0, best)
    if job.monitor is not None and rank == 0:
        callbacks.insert(0, _monitor(job.monitor, job.monitor_every))
    together: dict[str, Any] = {}
    if job.processes > 1:
        callbacks.append(EndOnSigterm())
        together = {
            # The last layer's edge states lead to no prediction, so not all parameters are used.
            # For other models compiled code says once that the search was in vain.
            "strategy": DDPStrategy(find_unused_parameters=True),
            "sync_batchnorm": job.device == "cuda",
            "use_distributed_sampler": False,  # the batches are shares already
        }
    trainer = Trainer(
        accelerator=job.device,
        devices=job.processes,
        plugins=[AtomicCheckpointIO(), _Rank(rank) if together else LightningEnvironment()],
        max_epochs=recipe.max_epochs,
        callbacks=callbacks,
        logger=logger or False,
        default_root_dir=job.checkpoint.parent.parent,
        # Everything is logged at the end of an epoch, by the keeper.
        log_every_n_steps=0,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_autolog_hparams=False,
        **together,
    )
    resume_from = job.checkpoint if job.resume else None
    trainer.fit(task, train, val, ckpt_path=resume_from, weights_only=True)
    if best is not None:
        best.restore(task)
    tested: dict[str, Any] = {}
    task.keep_predictions = True
    if has_targets(splits.test):
        trainer.test(task, test, verbose=False)
        tested = {name: float(value) for name, value in trainer.callback_metrics.items()}
    else:
        trainer.validate(task, val, verbose=False)
    return Learned(task, keeper.history, tested, stop.reached, best)


_PLAIN = {"use_bias": False, "explicit_bias": None}
"""Options that add parameters to every layer, and what a model without them has."""


def initial_model(recipe: Recipe, splits: "Splits") -> "nn.Module":
    """Build the model of a recipe with its initial weights, drawn from torch's random state.

    They are those of the same recipe without explicit bias term and biases, on the same data
    before they were rewired, as far as that model has them; so runs of one seed can be compared.
    """
    own, part = recipe.model.arguments(), splits.train
    settings = {**part.model_sizes, **own}
    plain = {**plain_sizes(part), **own, **{key: _PLAIN[key] for key in _PLAIN if key in own}}
    torch.manual_seed(recipe.seed)
    return build_variant(recipe.model.architecture, settings, plain)


def _monitor(file: Path, every: int) -> MassiveActivationMonitor:
    # What is beyond a limit is said at the end: the folder is the run's, to be trained anew in.
    return MassiveActivationMonitor(every, model="model", file=file, overwrite=True, limit=None)


def _batches(
    job: Job, part: "GraphDataset", rank: int, *, shuffle: bool = False
) -> "MoleculeLoader | NeighborBatches":
    batches = loader(part, job.recipe.batch_size, shuffle, job.recipe.seed if shuffle else 0)
    if isinstance(batches, MoleculeLoader):
        return replace(batches, rank=rank, processes=job.processes)
    return batches  # of a large graph, for which there is one process


class _Rank(LightningEnvironment):
    """One of the processes on this machine that train together, which Lightning did not start."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self._rank = rank

    @property
    @override
    def creates_processes_externally(self) -> bool:
        """Whether Lightning must not start any."""
        return True

    @override
    def local_rank(self) -> int:
        """Return which of the processes this one is."""
        return self._rank

    @override
    def node_rank(self) -> int:
        """Return 0, for all are on this machine."""
        return 0
