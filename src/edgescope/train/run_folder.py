"""A training run on disk, laid out for people to read."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from warnings import warn

from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.input_files import json_of, reading, whole
from edgescope.lib.task_metrics import Metric, metric_of_run
from edgescope.lib.typed_fields import fitting, sealed, unsealed
from edgescope.train.recipe_file import Recipe
from edgescope.train.run_config import UNCHECKED, read_config, write_config
from edgescope.train.standardisation import Standardisation

if TYPE_CHECKING:
    from torch import nn

    from edgescope.data import AtomVocabulary, Splits
    from edgescope.scanning.site_scan import ScanInfo
    from edgescope.train.run_verdict import Verdict

Stage = Literal["untrained", "trained"]
"""Weights before the first step, and after the last."""

_FORMAT = 2
"""Of ``metrics.json``; files of earlier versions have no format and no checksum."""

_KINDS = {
    "history": list[dict[str, Any]],
    **dict.fromkeys(("epochs", "seconds", "seed", "processes"), float),
    **dict.fromkeys(("train", "val", "test", "best"), float | list[Any] | dict[str, Any] | None),
}
"""Types of metrics by the first word of their names."""


class RunFolder:
    """The folder of one training run.

    ==============================  ==============================================================
    ``config.yaml``                 recipe, data, atom and edge types, versions
    ``data.safetensors``            64 bits of every graph, to say which are others if some are
    ``weights/*.safetensors``       ``untrained`` and ``trained``
    ``metrics.json``                losses of every epoch and of the test split; written last
    ``checkpoints/last.ckpt``       what an interrupted run goes on from
    ``logs/``                       TensorBoard
    ``monitor.parquet``             massive activations in the course of training
    ``scan/``, ``report.html``      where later steps put their results
    ==============================  ==============================================================

    Args:
        path: a folder in which training was started.

    Raises:
        InputError: if it is not one.

    Example:
        >>> import tempfile
        >>> import edgescope as es
        >>> splits = es.data.load("solubility")
        >>> recipe = es.train.recipe("demo", max_epochs=1, num_layers=1, hidden_dim=8, num_heads=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = es.train.start(recipe, splits, folder)
        ...     run = es.train.RunFolder(folder)
        ...     model = run.model("untrained")
        >>> type(model).__name__
        'GraphTransformer'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config: dict[str, Any] = read_config(self.path / "config.yaml")

    @classmethod
    def create(cls, path: str | Path, config: Mapping[str, Any]) -> Self:
        """Write ``config`` into a folder, which is made if needed, and open it.

        Raises:
            InputError: if the folder cannot be written to.
        """
        path = writable_folder(Path(path))
        write_config(path / "config.yaml", config)
        return cls(path)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the run."""
        return Recipe.parse(self.config["recipe"], f"{self.path / 'config.yaml'}")

    @property
    def data(self) -> dict[str, Any] | None:
        """Where the molecules came from, as given to ``fit``; None if it was not told."""
        data: dict[str, Any] | None = self.config["data"]
        return data

    @cached_property
    def vocabulary(self) -> "AtomVocabulary":
        """The atom types of the run's data, in the order of their numbers."""
        from edgescope.data import AtomVocabulary

        return AtomVocabulary(tuple(self.config["vocabulary"]))

    @property
    def edge_type_names(self) -> tuple[str, ...]:
        """Names of the edge types, in the order of their numbers."""
        return tuple(self.config["edge_types"])

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets, in the order of the model's outputs."""
        return tuple(self.config["targets"])

    def splits(self, root: str | Path | None = None, *, progress: bool = False) -> "Splits":
        """Load the data of the run again: the graphs that it was trained on, or none.

        Args:
            root: folder of the data's files now, if they were moved.
            progress: show a bar while molecules are read.

        Raises:
            InputError: if the run does not say where its data came from, they cannot be loaded, or
                they are not those of the training any more: the message says what differs.
        """
        from edgescope.train.own_data import own_splits

        return own_splits(self, root, progress=progress)

    def read(self, source: str | Path, **options: Any) -> "Splits":
        """Load other data as the model of this run reads them.

        They get the features, bond types, atom types and rewiring of the run. A molecule with an
        atom type that the model does not know is listed in ``rejected``.

        Args:
            source: as for :func:`edgescope.data.load`, as are the options.
            options: further options.

        Raises:
            InputError: as :func:`edgescope.data.load`; and if types of nodes or edges have another
                meaning than in the run.
        """
        from edgescope.train.own_data import read_like

        return read_like(self, source, options)

    def said_of_scan(self, info: "ScanInfo") -> str | None:
        """Say that a scan is of other data than the run's own; None if it is not, as far as known.

        Raises:
            InputError: if it bears the name of a part of the run's data, is of as many graphs and
                not of these.
        """
        from edgescope.train.own_data import said_of_scan

        return said_of_scan(self, info)

    def weights(self, stage: Stage = "trained") -> Path:
        """Return the path of the weights before or after training.

        Raises:
            InputError: if training has not come that far.
        """
        path = self._weights(stage)
        if not path.is_file():
            raise InputError(
                f"{self.path} has no {stage} weights, because its training was interrupted; "
                "run the same training again, which resumes where it stopped"
            )
        return path

    def model(self, stage: Stage = "trained") -> "nn.Module":
        """Return the model with its weights before or after training, in eval mode.

        Raises:
            InputError: if training has not come that far or the file is damaged.
        """
        from edgescope.models import load

        return load(self.weights(stage), stage=stage)

    @property
    def metrics(self) -> dict[str, Any] | None:
        """The results of training; None while it is not finished.

        ``epochs``, ``stopped_by`` (``"minimum learning rate"`` or ``"maximum epochs"``),
        ``seconds``, ``seed``, ``processes``, ``train_loss``, ``val_loss`` and ``val_mae`` of the
        last epoch, ``best_val_loss`` and ``best_epoch``, ``test_loss`` and ``test_mae``, and
        ``history``, one record per epoch. With labels the ``mae`` are ``roc_auc``, the mean over
        tasks, and ``val_roc_auc_skipped`` and ``test_roc_auc_skipped`` name the tasks in which it
        is undefined, because all known labels are alike; ``val_accuracy`` and ``test_accuracy`` are
        shares of all known labels. ``metric`` names the metric that the run is judged by.

        What guessing gets on the same graphs (see :mod:`edgescope.train.guess`) has the same
        name with ``_trivial``, as in ``test_mae_trivial``. ``judged`` compares the two target by
        target, with intervals (see :func:`edgescope.train.guess.judge`), on ``part``: the test
        split, or the validation split if the test split has no targets.
        """
        path = self.path / "metrics.json"
        if not path.exists():
            return None
        with reading(f"{path}", "train again in another folder, or restore it"):
            held = json_of(whole(path, "the metrics of a training run"))
            metrics, checked = unsealed(held, _FORMAT)
            for name, value in metrics.items():
                fitting(value, _KINDS.get(name.partition("_")[0], Any), name)
        if not checked:
            warn(UNCHECKED.format(path), EdgescopeWarning, stacklevel=2)
        return metrics

    @property
    def metric(self) -> Metric:
        """The metric that the run is judged by: what ``metrics.json`` says, else the loss's.

        Raises:
            InputError: if ``metrics.json`` names one that there is not.
        """
        return metric_of_run(self.metrics, self.recipe.loss)

    @property
    def verdict(self) -> "Verdict | None":
        """How the trained model compares with guessing; None if its metrics do not say."""
        from edgescope.train.run_verdict import Verdict

        return Verdict.read(self.metrics, self.metric)

    @property
    def caution(self) -> str:
        """Say in a sentence that the trained model is untrained in effect; empty if it is not.

        It is if its metric on the test split is not better than what guessing gets, beyond the
        chance of which graphs are in the split. Empty too for a run of before this was measured.
        """
        verdict = self.verdict
        return "" if verdict is None else verdict.caution

    @property
    def checkpoint(self) -> Path:
        """Where the state after the last finished epoch lies."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def logs(self) -> Path:
        """Folder of the TensorBoard log."""
        return self.path / "logs"

    @property
    def monitor(self) -> Path:
        """Where the record of massive activations in training lies, if it was watched."""
        return self.path / "monitor.parquet"

    def prepare(self, maximum: int) -> None:
        """Note how many epochs are now asked for."""
        if maximum != self.config["recipe"]["max_epochs"]:
            recipe = {**self.config["recipe"], "max_epochs": maximum}
            self.config = self.create(self.path, {**self.config, "recipe": recipe}).config

    @property
    def standardisation(self) -> Standardisation | None:
        """How training standardised the targets; None if it did not.

        Raises:
            InputError: if ``config.yaml`` does not say it rightly.
        """
        return Standardisation.read(self.config)

    def write_weights(self, model: "nn.Module", stage: Stage) -> Path:
        """Write the weights of ``model`` as those before or after training.

        They predict in the unit of the data, also where training saw standardised targets.
        """
        from edgescope.models import save

        scaling = self.standardisation
        told = model if scaling is None else scaling.told(model)
        return save(told, self._weights(stage), stage=stage)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write the results of training, which marks it as finished."""
        with replacing(self.path / "metrics.json") as temporary:
            temporary.write_text(json.dumps(sealed(metrics, _FORMAT), indent=1), encoding="utf-8")

    def _weights(self, stage: Stage) -> Path:
        if stage not in ("untrained", "trained"):
            raise InputError(f"received stage {stage!r}, expected 'untrained' or 'trained'")
        return self.path / "weights" / f"{stage}.safetensors"

    def __repr__(self) -> str:
        """Show the path."""
        return f"RunFolder({str(self.path)!r})"
