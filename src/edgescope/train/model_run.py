"""A model of one's own with the folder of its results, which is a run like any other."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import generators_kept
from edgescope.lib.mistakes import check_model
from edgescope.lib.model_call import call_model
from edgescope.lib.named_objects import made, named_object
from edgescope.models.own_weights import LoadedWeights, load_weights
from edgescope.scanning.loaders import graph_loader
from edgescope.scanning.reset import copy_model
from edgescope.scanning.scan_fingerprint import fingerprint_of_loader, model_fingerprint
from edgescope.train.given_loader import GivenData, given_data
from edgescope.train.model_record import ModelRecord, ModelWords

if TYPE_CHECKING:
    from edgescope.scanning.site_scan import ScanInfo

SEED = 0
"""Of the random numbers with which a model is made, so that every command makes the same."""


class ModelRun:
    """A model that your own code makes, its data, and the folder of its results.

    The code is imported and run: it is named by you, and never by what a folder holds.

    Args:
        words: what names the model, its loader and its weights.
        path: the folder; it is made when something is written to it.
        batch_size: graphs per batch, where the loader does not say.

    Attributes:
        loaded: how the checkpoint was read; None if there is none.
        caution: empty, as nothing is known of its training.

    Raises:
        InputError: if something that is named is not there, raises, or makes no model or loader;
            if the checkpoint does not fit; if the folder holds results of another model.

    Example:
        >>> import edgescope as es
        >>> words = es.train.ModelWords("model.py:build", checkpoint="best.ckpt")
        >>> run = es.train.ModelRun(words, "run")  # doctest: +SKIP
        >>> es.scan(run.model(), run.loader).save(run.path / "scan")  # doctest: +SKIP
    """

    caution = ""

    def __init__(
        self, words: ModelWords, path: str | Path = "run", *, batch_size: int = 128
    ) -> None:
        self.path = Path(path)
        self.words = words
        self.loaded: LoadedWeights | None = None
        self._untrained: nn.Module | None = None
        with generators_kept():
            torch.manual_seed(SEED)
            self._model, given = _model_and_loader(words)
            self._data = given_data(given, _stem(words), batch_size)
            _materialise(self._model, self._data.loader)
        if words.checkpoint:
            self._untrained = copy_model(self._model).eval()
            self.loaded = load_weights(self._model, words.checkpoint)
        self._model.eval()
        kind = type(self._model).__name__
        weights, graphs = model_fingerprint(self._model), fingerprint_of_loader(self.loader)
        self.record = ModelRecord(words, kind, weights, graphs)
        known = ModelRecord.read(self.path)
        if known is not None:
            known.check(self.record, self.path)
        elif (self.path / "config.yaml").exists():
            raise InputError(
                f"{self.path} holds a run that edgescope has trained; choose another folder with "
                "--run"
            )

    @property
    def loader(self) -> Iterable[Any]:
        """The batches."""
        return self._data.loader

    @property
    def data(self) -> GivenData:
        """What the loader goes through."""
        return self._data

    @property
    def dataset(self) -> GraphDataset:
        """The graphs, for analyses that look up edges.

        Raises:
            InputError: if they are no plain graphs of which a data set could be made.
        """
        if self._data.dataset is None:
            raise InputError(
                f"the graphs of {self.words.loader or self.words.model} cannot be looked up: "
                f"{self._data.reason}; give a list of PyG's Data, or es.data.from_graphs of one"
            )
        return self._data.dataset

    @property
    def metric(self) -> str | None:
        """Name of the metric that belongs to the data's task; None if that is not known."""
        dataset = self._data.dataset
        known = dataset is not None and not bool(dataset.y.isnan().all()) and dataset.y.numel()
        return dataset.metric if known and dataset is not None else None

    @property
    def has_untrained(self) -> bool:
        """Whether the model is known as it is before the checkpoint."""
        return self._untrained is not None

    def model(self, stage: Literal["untrained", "trained"] = "trained") -> nn.Module:
        """Return the model, or the model as it is made before the checkpoint, in eval mode.

        Raises:
            InputError: if there is no checkpoint, so that only one of them is known.
        """
        if stage == "trained":
            return self._model
        if self._untrained is None:
            raise InputError(
                f"{self.words.model} is not known untrained, as it is made with its weights; give "
                "these with --checkpoint, or compare with --baseline untrained"
            )
        return self._untrained

    def with_weights(self, path: str | Path) -> nn.Module:
        """Return a copy of the model with other weights, in eval mode.

        Raises:
            InputError: if they do not fit.
        """
        other = copy_model(self._model)
        load_weights(other, path)
        return other.eval()

    def keep(self) -> Path:
        """Note in the folder which model its results are of, and return the folder."""
        self.record.write(self.path)
        return self.path

    def command(self, command: str) -> str:
        """Return the command line that runs another command on this model."""
        return self.words.command(command, self.path)

    def said_of_scan(self, info: "ScanInfo") -> str | None:
        """Say nothing: a model of one's own has no data but those it is given."""
        del info
        return None


def _model_and_loader(words: ModelWords) -> tuple[nn.Module, Any]:
    given = made(named_object(words.model), words.model, words.arguments)
    loader: Any = None
    if isinstance(given, tuple) and len(given) == 2:  # noqa: PLR2004  (a model and a loader)
        given, loader = given
    check_model(given, words.model)
    if words.loader:
        loader = made(named_object(words.loader), words.loader)
    if loader is None:
        raise InputError(
            f"{words.model} makes a model and no loader; name one with --loader, or let the "
            "function return (model, loader)"
        )
    return given, loader


def _materialise(model: nn.Module, loader: Iterable[Any]) -> None:
    """Run a model on a batch if some of its sizes follow from what it is given."""
    if any(map(is_lazy, model.parameters())) or any(map(is_lazy, model.buffers())):
        batch = next(iter(graph_loader(loader)))
        with torch.no_grad():
            call_model(model.eval(), batch)


def _stem(words: ModelWords) -> str:
    """Return what the graphs are called: the name of the loader, or of what makes it."""
    return (words.loader or words.model).rpartition(":")[2]
