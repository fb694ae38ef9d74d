"""One training of a model: every method's importances, judged graph by graph."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from edgescope.attribute.bonds import Floats
from edgescope.attribute.curves import FidelityCurves, Removal
from edgescope.attribute.method import Importance, Method
from edgescope.attribute.methods import importances
from edgescope.attribute.truth import TruthScores, against_truth
from edgescope.data.edges.directions import Merge
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call
from edgescope.lib.task_metrics import Task


class Judged(NamedTuple):
    """What one method is worth on one training of a model."""

    importance: Importance
    """Its importances and their cost."""
    curves: FidelityCurves
    """How predictions move when edges are removed by them."""
    truth: TruthScores | None
    """How well they tell true edges; None if the data set does not say which are."""


@dataclass(frozen=True, eq=False)
class Training:
    """One training of a model.

    Attributes:
        metric: ``"mae"`` for regression, else ``"accuracy"``.
        score: the metric on the graphs that are judged on; NaN if no target is known.
        judged: what every method is worth, by its name.
        refused: why a method could not explain the model, by its name.
    """

    metric: str
    score: float
    judged: dict[str, Judged]
    refused: dict[str, str] = field(default_factory=dict)


def judge(
    model: nn.Module,
    dataset: GraphDataset,
    methods: Sequence[Method],
    removal: Removal,
    *,
    merge: Merge,
    batch_size: int,
    call: Call,
    progress: bool,
) -> Training:
    """Judge methods on one model.

    Args:
        model: the model.
        dataset: the graphs.
        methods: the methods; one that cannot explain the model is noted.
        removal: predicts graphs without some of their bonds.
        merge: how the importances of two directions become one.
        batch_size: graphs per batch.
        call: how to call the model on a batch.
        progress: whether to show progress bars.

    Raises:
        InputError: if no method can explain the model.
    """
    judged: dict[str, Judged] = {}
    refused: dict[str, str] = {}
    for method in methods:
        try:
            found = importances(
                model,
                dataset,
                method,
                batch_size=batch_size,
                merge=merge,
                call=call,
                progress=progress,
            )[method.name]
        except InputError as error:
            refused[method.name] = str(error)
            continue
        curves = removal.curves(found.edge, progress=progress)
        known = dataset.edge_truth is not None
        truth = against_truth(found.edge, dataset) if known else None
        judged[method.name] = Judged(found, curves, truth)
    if not judged:
        raise InputError(
            f"no method can explain {type(model).__name__}: {next(iter(refused.values()))}"
        )
    outputs = removal.outputs
    return Training(
        *_score(removal.whole, dataset.y, outputs.task, outputs.target), judged, refused
    )


def _score(whole: Tensor, y: Tensor, task: Task, target: int) -> tuple[str, float]:
    """Return name and value of the metric of predictions ``[G, T]`` and targets ``[G, T]``."""
    column = 0 if task == "classes" else target
    truth = y[:, column].double() if y.dim() > 1 else y.double()
    known = ~truth.isnan()
    if task == "regression":
        right = (whole[:, column] - truth).abs()
    else:
        predicted = whole.argmax(1) if task == "classes" else whole[:, column] > 0
        right = (predicted == truth).double()
    name = "mae" if task == "regression" else "accuracy"
    return name, float(right[known].mean()) if known.any() else float("nan")


def per_graph(judged: Judged, measure: str, top: float) -> dict[str, Floats]:
    """Return every number that a method has for single graphs ``[G]``; NaN where there is none."""
    curves, truth = judged.curves, judged.truth
    nothing = np.full(curves.moved["plus"][measure].shape[1], np.nan)
    return {
        "auroc": nothing if truth is None else truth.auroc,
        "average_precision": nothing if truth is None else truth.average_precision,
        "plus": curves.area("plus", measure),
        "minus": curves.area("minus", measure),
        "unfaithfulness": curves.unfaithfulness(top),
    }
