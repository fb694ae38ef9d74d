"""Training a model by a recipe, into a run folder."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from edgescope.lib.errors import EdgescopeWarning, InputError, UntrainedWarning
from edgescope.lib.optional import require
from edgescope.scanning.monitoring.training_monitor import EVERY, check_every
from edgescope.train.decay_groups import check_decay
from edgescope.train.guess import guessed, judge
from edgescope.train.preflight import check_splits, describe, has_targets, open_run
from edgescope.train.processes import check_processes
from edgescope.train.recipe_file import Recipe
from edgescope.train.run_folder import RunFolder

if TYPE_CHECKING:
    from edgescope.data import Splits
    from edgescope.train.epoch_record import AtomicCheckpointIO
    from edgescope.train.loop import Learned
    from edgescope.train.task import PropertyTask

MINIMUM = "minimum learning rate"
"""Why training ended: the learning rate was used up."""

PATIENCE = "patience"
"""Why training ended: validation had not got better for as long as the recipe waits."""

MAXIMUM = "maximum epochs"
"""Why training ended: it had been asked to."""


_REPORTED = ("train_loss", "val_loss", "val_mae", "val_roc_auc", "val_accuracy")


def fit(
    recipe: Recipe,
    splits: "Splits",
    out: str | Path,
    *,
    data: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    processes: int = 1,
    monitor: int | None = EVERY,
    progress: bool = True,
) -> RunFolder:
    """Train a model and keep it, with what it was before training and how it got there.

    The ``trained`` weights are those after the last epoch, as in the published protocol, not
    those of the epoch with the lowest validation loss; ``metrics.json`` names that epoch and its
    loss. A recipe with ``patience`` keeps those of the epoch with the best validation metric.

    A run may be stopped at any moment, also by SIGKILL: the same call goes on after its last
    finished epoch and ends with the same weights, bit for bit, as a run that was never stopped
    (on a CPU, with the same package versions and numbers of threads and processes). On a folder
    whose training is finished the call returns at once, unless it asks for more epochs; those are
    added as if they had been asked for from the beginning. Torch's random state is left as it was
    found.

    Args:
        recipe: see :func:`edgescope.train.recipe`.
        splits: training, validation and test data, from :func:`edgescope.data.load`.
        out: the run folder; made if it does not exist.
        data: where ``splits`` came from, in plain values; kept in ``config.yaml`` so that a later
            step can load the same data again.
        epochs: replaces the recipe's ``max_epochs``.
        processes: how many processes of this machine train together, on a GPU each where there
            are any, else on the CPU, where they share torch's threads out among them. Each takes
            its share of every batch; ``batch_size`` stays that of the whole batch, and without
            dropout the result is that of one process but for rounding.
        monitor: steps from one look at massive activations to the next, kept in
            ``monitor.parquet`` (see :func:`edgescope.monitor`); ``None`` for none.
        progress: show the epochs' losses on standard error.

    Returns:
        The finished run.

    Raises:
        InputError: if the data cannot be trained on, if a pattern of the recipe's ``decayed``
            matches no parameter, if ``out`` cannot be written to, holds another run or has been
            trained for more epochs already, if training diverges, or if several processes cannot
            train this model on these data or this machine.
        EdgescopeError: if one of several processes ends before its time.
        MissingExtraError: if Lightning or TensorBoard is not installed.
        KeyboardInterrupt: on Ctrl-C; the epochs finished so far are kept.

    Warns:
        UntrainedWarning: if the trained model is not better than guessing, see
            :attr:`RunFolder.caution`.
        EdgescopeWarning: if the run was begun with another number of processes; it goes on, to a
            result that may differ in dropout and rounding. And of what spoils a training on a
            table of one's own, one for each grave kind of :func:`edgescope.data.check_table`.

    Example:
        >>> import tempfile
        >>> import edgescope as es
        >>> splits = es.data.load("solubility")
        >>> recipe = es.train.recipe("demo", max_epochs=1, num_layers=1, hidden_dim=8, num_heads=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = es.train.fit(recipe, splits, folder)
        ...     epochs = run.metrics["epochs"]
        >>> epochs
        1
    """
    if epochs is not None:
        recipe = Recipe.parse({**recipe.model_dump(), "max_epochs": epochs}, "epochs")
    if monitor is not None:
        check_every(monitor, "monitor")
    check_splits(splits, recipe)
    check_decay(splits, recipe)
    check_processes(processes, recipe, splits)
    run = open_run(out, describe(recipe, splits, data), splits)
    if not _is_finished(run, recipe):
        from edgescope.data.checks.grave_findings import warn_of_grave

        warn_of_grave(splits)
        _train(run, recipe, splits, processes, monitor, progress=progress)
    if caution := run.caution:
        warnings.warn(f"{run.path}: {caution}", UntrainedWarning, stacklevel=2)
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

    Example:
        >>> import tempfile
        >>> import edgescope as es
        >>> splits = es.data.load("solubility")
        >>> recipe = es.train.recipe("demo", max_epochs=1, num_layers=1, hidden_dim=8, num_heads=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = es.train.start(recipe, splits, folder)
        ...     stages = sorted(path.stem for path in (run.path / "weights").iterdir())
        >>> stages
        ['untrained']
    """
    check_splits(splits, recipe)
    check_decay(splits, recipe)
    require("lightning", "train")
    from lightning.pytorch.utilities.seed import isolate_rng

    from edgescope.train.loop import initial_model

    run = open_run(out, describe(recipe, splits, data), splits)
    if not (run.path / "weights" / "untrained.safetensors").is_file():
        run.prepare(recipe.max_epochs)
        with isolate_rng():
            run.write_weights(initial_model(recipe, splits), "untrained")
    return run


def _is_finished(run: RunFolder, recipe: Recipe) -> bool:
    metrics = run.metrics
    if metrics is None:
        return False
    _refuse_fewer_epochs(run, metrics["epochs"], recipe)
    ended = metrics["stopped_by"] in {MINIMUM, PATIENCE}
    return ended or bool(metrics["epochs"] == recipe.max_epochs)


def _refuse_fewer_epochs(run: RunFolder, done: int, recipe: Recipe) -> None:
    if done > recipe.max_epochs:
        raise InputError(
            f"{run.path} has been trained for {done} epochs already, now received a maximum of "
            f"{recipe.max_epochs}; ask for at least {done} or choose another output folder"
        )


def _train(
    run: RunFolder,
    recipe: Recipe,
    splits: "Splits",
    processes: int,
    monitor: int | None,
    *,
    progress: bool,
) -> None:
    """Train from the last finished epoch on and write weights and metrics."""
    for package in ("lightning", "tensorboard"):
        require(package, "train")
    from lightning.pytorch.loggers import TensorBoardLogger
    from lightning.pytorch.utilities.seed import isolate_rng

    from edgescope.train.epoch_record import AtomicCheckpointIO
    from edgescope.train.lightning_output import TrainingBar, interruptible, quiet
    from edgescope.train.loop import Job, initial_model, learn
    from edgescope.train.processes import helpers

    started = run.checkpoint.is_file()
    if started:
        _check_start(run, recipe, processes, AtomicCheckpointIO())
    run.prepare(recipe.max_epochs)

    job = Job(
        recipe,
        splits,
        run.checkpoint,
        resume=started,
        device="cuda" if torch.cuda.is_available() else "cpu",
        processes=processes,
        scaling=run.standardisation,
        monitor=None if monitor is None else run.monitor,
        monitor_every=monitor or EVERY,
    )
    with quiet(), interruptible(), isolate_rng():
        model = initial_model(recipe, splits)
        if not started:
            run.write_weights(model, "untrained")
        log = TensorBoardLogger(run.logs, name="", version="", default_hp_metric=False)
        log.log_hyperparams({**recipe.model_dump(exclude={"model"}), **recipe.model.model_dump()})
        with helpers(job):
            learned = learn(job, model, logger=log, bar=TrainingBar() if progress else None)
        tested = learned.tested
        for part, skipped in learned.task.skipped.items():
            tested[f"{part}_roc_auc_skipped"] = skipped
        run.write_weights(learned.task.model, "trained")
        run.write_metrics(
            _summary(learned, tested, recipe, processes)
            | _beside_guessing(learned.task, splits)
            | {"history": list(learned.history)}
        )


def _check_start(
    run: RunFolder, recipe: Recipe, processes: int, checkpoints: "AtomicCheckpointIO"
) -> None:
    """Look at what a run would go on from."""
    kept = checkpoints.load_checkpoint(run.checkpoint)
    _refuse_fewer_epochs(run, kept["epoch"] + 1, recipe)
    before = kept.get("processes", 1)
    if before != processes:
        warnings.warn(
            f"{run.path} was started with processes={before} and resumes with "
            f"processes={processes}; the result may differ from both in dropout and rounding",
            EdgescopeWarning,
            stacklevel=4,
        )


def _summary(
    learned: "Learned", tested: Mapping[str, Any], recipe: Recipe, processes: int
) -> dict[str, Any]:
    history, kept = learned.history, learned.best
    last = history[-1] if kept is None else history[kept.epoch - 1]
    best = min(history, key=lambda record: record["val_loss"]) if kept is None else last
    stopped_by = MINIMUM if learned.by_minimum else MAXIMUM
    if kept is not None and kept.reached:
        stopped_by = PATIENCE
    return {
        "epochs": len(history),
        "stopped_by": stopped_by,
        "seconds": sum(record["seconds"] for record in history),
        "seed": recipe.seed,
        "processes": processes,
        **{key: last[key] for key in _REPORTED if key in last},
        "best_val_loss": best["val_loss"],
        "best_epoch": best["epoch"],
        **{name.replace("/", "_"): value for name, value in tested.items()},
    }


def _beside_guessing(task: "PropertyTask", splits: "Splits") -> dict[str, Any]:
    """Return what guessing gets on each part, and the comparison with what was learnt."""
    found: dict[str, Any] = {"metric": task.metric_name}
    for name in ("val", "test"):
        part = getattr(splits, name)
        if has_targets(part):
            guess = guessed(splits.train.y, part.y, task.metric_name, task.scaling)
            found |= {f"{name}_{key}_trivial": value for key, value in guess.items()}
    assert task.predicted is not None
    judged = judge(
        *task.predicted,
        splits.train.y,
        metric=task.metric_name,
        names=splits.train.target_names,
        units=getattr(splits.train, "target_units", ()),
    )
    part = "test" if has_targets(splits.test) else "val"
    return found | {"judged": {"part": part, **judged}}
