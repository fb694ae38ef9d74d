"""Training a model by a recipe, into a run folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from edgescope._optional import require
from edgescope.errors import InputError
from edgescope.train.recipe import Recipe
from edgescope.train.run_folder import RunFolder
from edgescope.train.start import check_splits, describe, has_targets, open_run

if TYPE_CHECKING:
    from torch import nn

    from edgescope.data import Splits

MINIMUM = "minimum learning rate"
"""Why training ended: the learning rate was used up."""

MAXIMUM = "maximum epochs"
"""Why training ended: it had been asked to."""


_REPORTED = ("train_loss", "val_loss", "val_mae", "val_roc_auc")


def fit(
    recipe: Recipe,
    splits: "Splits",
    out: str | Path,
    *,
    data: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    progress: bool = True,
) -> RunFolder:
    """Train a model and keep it, with what it was before training and how it got there.

    The ``trained`` weights are those after the last epoch, as in the published protocol, not
    those of the epoch with the lowest validation loss; ``metrics.json`` names that epoch and its
    loss.

    A run may be stopped at any moment, also by SIGKILL: the same call goes on after its last
    finished epoch and ends with the same weights, bit for bit, as a run that was never stopped
    (on a CPU, with the same package versions and number of threads). On a folder whose training
    is finished the call returns at once, unless it asks for more epochs; those are added as if
    they had been asked for from the beginning. Torch's random state is left as it was found.

    Args:
        recipe: see :func:`edgescope.train.recipe`.
        splits: training, validation and test data, from :func:`edgescope.data.load`.
        out: the run folder; made if it does not exist.
        data: where ``splits`` came from, in plain values; kept in ``config.yaml`` so that a later
            step can load the same data again.
        epochs: replaces the recipe's ``max_epochs``.
        progress: show the epochs' losses on standard error.

    Returns:
        The finished run.

    Raises:
        InputError: if the data cannot be trained on, if ``out`` cannot be written to, holds
            another run or has been trained for more epochs already, or if training diverges.
        MissingExtraError: if Lightning or TensorBoard is not installed.
        KeyboardInterrupt: on Ctrl-C; the epochs finished so far are kept.
    """
    if epochs is not None:
        recipe = Recipe.parse({**recipe.model_dump(), "max_epochs": epochs}, "epochs")
    check_splits(splits, recipe)
    run = open_run(out, describe(recipe, splits, data))
    if not _is_finished(run, recipe):
        _train(run, recipe, splits, progress=progress)
    return run


def start(
    recipe: Recipe, splits: "Splits", out: str | Path, *, data: Mapping[str, Any] | None = None
) -> RunFolder:
    """Make a run folder with the model before its first step, and do not train it.

    Its ``untrained`` weights are those that :func:`fit` starts from with the same model, seed
    and data. :func:`fit` on the folder goes on from there.

    Args:
        recipe: see :func:`edgescope.train.recipe`.
        splits: as for :func:`fit`.
        out: the run folder; made if it does not exist.
        data: as for :func:`fit`.

    Raises:
        InputError: if the data cannot be trained on, if ``out`` cannot be written to or holds
            another run.
        MissingExtraError: if Lightning is not installed.
    """
    check_splits(splits, recipe)
    require("lightning", "train")
    from lightning.pytorch.utilities.seed import isolate_rng

    run = open_run(out, describe(recipe, splits, data))
    if not (run.path / "weights" / "untrained.safetensors").is_file():
        run.prepare(recipe.max_epochs)
        with isolate_rng():
            run.write_weights(_initial_model(recipe, splits), "untrained")
    return run


def _is_finished(run: RunFolder, recipe: Recipe) -> bool:
    metrics = run.metrics
    if metrics is None:
        return False
    _refuse_fewer_epochs(run, metrics["epochs"], recipe)
    return metrics["stopped_by"] == MINIMUM or bool(metrics["epochs"] == recipe.max_epochs)


def _refuse_fewer_epochs(run: RunFolder, done: int, recipe: Recipe) -> None:
    if done > recipe.max_epochs:
        raise InputError(
            f"{run.path} has been trained for {done} epochs already, now received a maximum of "
            f"{recipe.max_epochs}; ask for at least {done} or choose another output folder"
        )


def _train(run: RunFolder, recipe: Recipe, splits: "Splits", *, progress: bool) -> None:
    """Train from the last finished epoch on and write weights and metrics."""
    for package in ("lightning", "tensorboard"):
        require(package, "train")
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment
    from lightning.pytorch import Trainer
    from lightning.pytorch.loggers import TensorBoardLogger
    from lightning.pytorch.utilities.seed import isolate_rng

    from edgescope.data import loader
    from edgescope.train.bar import TrainingBar
    from edgescope.train.keeper import AtomicCheckpointIO, EpochKeeper
    from edgescope.train.quiet import interruptible, quiet
    from edgescope.train.stop import StopAtMinimumLearningRate
    from edgescope.train.task import PropertyTask

    checkpoints = AtomicCheckpointIO()
    started = run.checkpoint.is_file()
    if started:
        _refuse_fewer_epochs(run, checkpoints.load_checkpoint(run.checkpoint)["epoch"] + 1, recipe)
    run.prepare(recipe.max_epochs)

    with quiet(), interruptible(), isolate_rng():
        model = _initial_model(recipe, splits)
        if not started:
            run.write_weights(model, "untrained")
        train = loader(splits.train, recipe.batch_size, shuffle=True, seed=recipe.seed)
        val, test = (loader(split, recipe.batch_size) for split in (splits.val, splits.test))
        task = PropertyTask(model, recipe, len(train), splits.train.target_names)
        bar = TrainingBar() if progress else None
        keeper = EpochKeeper(run.checkpoint, tell=bar.tell if bar else None)
        stop = StopAtMinimumLearningRate(recipe.min_learning_rate)
        log = TensorBoardLogger(run.logs, name="", version="", default_hp_metric=False)
        log.log_hyperparams({**recipe.model_dump(exclude={"model"}), **recipe.model.model_dump()})
        trainer = Trainer(
            accelerator="cuda" if torch.cuda.is_available() else "cpu",
            devices=1,
            plugins=[checkpoints, LightningEnvironment()],
            max_epochs=recipe.max_epochs,
            callbacks=[stop, keeper, *([bar] if bar else [])],
            logger=log,
            default_root_dir=run.path,
            # Everything is logged at the end of an epoch, by the keeper.
            log_every_n_steps=0,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_autolog_hparams=False,
        )
        resume_from = run.checkpoint if started else None
        trainer.fit(task, train, val, ckpt_path=resume_from, weights_only=True)
        tested: dict[str, Any] = {}
        if has_targets(splits.test):
            trainer.test(task, test, verbose=False)
            tested = {name: float(value) for name, value in trainer.callback_metrics.items()}
        for part, skipped in task.skipped.items():
            tested[f"{part}_roc_auc_skipped"] = skipped
        run.write_weights(task.model, "trained")
        run.write_metrics(_summary(keeper.history, tested, recipe, by_minimum=stop.reached))


def _initial_model(recipe: Recipe, splits: "Splits") -> "nn.Module":
    from edgescope.models import build

    torch.manual_seed(recipe.seed)
    arguments = {**splits.train.model_sizes, **recipe.model.arguments()}
    return build(recipe.model.architecture, **arguments)


def _summary(
    history: Sequence[Mapping[str, float]],
    tested: Mapping[str, Any],
    recipe: Recipe,
    *,
    by_minimum: bool,
) -> dict[str, Any]:
    last = history[-1]
    best = min(history, key=lambda record: record["val_loss"])
    return {
        "epochs": len(history),
        "stopped_by": MINIMUM if by_minimum else MAXIMUM,
        "seconds": sum(record["seconds"] for record in history),
        "seed": recipe.seed,
        **{key: last[key] for key in _REPORTED if key in last},
        "best_val_loss": best["val_loss"],
        "best_epoch": best["epoch"],
        **{name.replace("/", "_"): value for name, value in tested.items()},
        "history": list(history),
    }
