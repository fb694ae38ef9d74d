"""What a trained model is judged by: ROC-AUC averaged over tasks, on graphs of any size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from edgescope.large import LargeGraph, predict_large
from edgescope.large.limits import GIBIBYTE
from edgescope.lib.errors import InputError
from edgescope.statistics.ranks import roc_area
from edgescope.train.guess import known_rows

if TYPE_CHECKING:
    from edgescope.data import Splits
    from edgescope.models import GraphTransformer


class TaskScores(NamedTuple):
    """The area under the ROC curve of several tasks.

    Attributes:
        mean: over the tasks that have one.
        tasks: of every task; None where it is undefined, because the known labels of the task are
            all alike.
        skipped: names of the tasks where it is undefined.
    """

    mean: float
    tasks: dict[str, float | None]
    skipped: tuple[str, ...]


def roc_auc(prediction: Tensor, target: Tensor, names: Sequence[str] | None = None) -> TaskScores:
    """Average the area under the ROC curve over tasks, each over its own known labels.

    A task counts if there are both classes among its known labels, which is the rule of OGB's
    evaluators (``ogb.graphproppred.Evaluator`` and ``ogb.nodeproppred.Evaluator``).

    Args:
        prediction: scores ``[G, T]``, the larger the likelier the label 1; logits will do.
        target: labels 0 or 1 ``[G, T]``, NaN where missing.
        names: of the tasks; by default their numbers.

    Raises:
        InputError: if the shapes differ, if a known label is neither 0 nor 1, if a prediction is
            NaN, or if no task has both classes.

    Example:
        >>> import torch
        >>> from edgescope.train import roc_auc
        >>> roc_auc(torch.tensor([[0.1], [0.4], [0.9]]), torch.tensor([[0.0], [1.0], [1.0]])).mean
        1.0
    """
    if prediction.shape != target.shape or target.dim() != 2:  # noqa: PLR2004
        raise InputError(
            f"received predictions {list(prediction.shape)} for labels {list(target.shape)}, "
            "expected the same shape [G, T]; build the model with one output per task"
        )
    names = [str(number) for number in range(target.size(1))] if names is None else names
    known = ~target.isnan()
    wrong = known & (target != 0) & (target != 1)
    if wrong.any():
        raise InputError(
            f"received the label {float(target[wrong][0]):g}, expected 0, 1 or NaN where one is "
            "missing; ROC-AUC is for labels"
        )
    if prediction[known].isnan().any():
        raise InputError(
            "received predictions that are NaN, whose ROC-AUC is undefined; train with a lower "
            "learning rate"
        )
    scores: dict[str, float | None] = {}
    for task, name in enumerate(names):
        labels = target[known[:, task], task].long()
        if not len(labels) or labels.min() == labels.max():
            scores[name] = None
            continue
        scored = prediction[known[:, task], task]
        area = roc_area(scored.double().cpu().numpy(), labels.cpu().numpy())
        scores[name] = float(area[0, 0])
    defined = [score for score in scores.values() if score is not None]
    if not defined:
        raise InputError(
            f"ROC-AUC is undefined: none of {len(scores)} tasks has both labels 0 and 1 among its "
            "known labels; choose a split with both"
        )
    skipped = tuple(name for name, score in scores.items() if score is None)
    return TaskScores(sum(defined) / len(defined), scores, skipped)


class Predictions(Metric):
    """Predictions and targets of all batches of an epoch, and of all processes."""

    predictions: list[Tensor]
    targets: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("predictions", [], dist_reduce_fx="cat")
        self.add_state("targets", [], dist_reduce_fx="cat")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch: predictions and targets ``[G, T]``; rows without a target are left out.

        Of classes predictions are logits ``[G, C]`` and targets ``[G]``.
        """
        some = known_rows(target)  # of a sampled part, only the seeds have labels
        self.predictions.append(prediction.detach()[some])
        self.targets.append(target[some])

    def compute(self) -> Any:  # noqa: ANN401  (a metric of these computes another thing)
        """Return predictions and targets ``[N, T]``, on the CPU.

        torchmetrics gives the numbers themselves if there is one of each.
        """
        return tuple(dim_zero_cat(held).cpu() for held in (self.predictions, self.targets))


class TaskAUC(Predictions):
    """:func:`roc_auc` over all batches of an epoch, and over all processes.

    Args:
        names: of the tasks.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)

    def compute(self) -> Tensor:
        """Return the area of every task ``[T]``, NaN where it is undefined.

        torchmetrics gives the number itself if there is one task.

        Raises:
            InputError: as :func:`roc_auc`.
        """
        prediction, target = super().compute()
        scores = roc_auc(prediction, target, self.names).tasks.values()
        return torch.tensor([torch.nan if score is None else score for score in scores])


def evaluate_large(
    model: "GraphTransformer",
    splits: "Splits",
    *,
    memory: int = 4 * GIBIBYTE,
    progress: bool = True,
) -> dict[str, TaskScores]:
    """Return the ROC-AUC of every part of a large graph, without sampling.

    Every node gets its messages over all edges, as in one forward pass over the whole graph, which
    would not fit into memory; see :func:`edgescope.large.predict_large`.

    Args:
        model: a GraphTransformer on the CPU with ``readout="node"``.
        splits: of a data set that is one graph, such as ``ogbn-proteins``.
        memory: bytes that may be used beside the graph and the model.
        progress: whether to show a progress bar.

    Returns:
        The scores of ``"train"``, ``"val"`` and ``"test"``.

    Raises:
        InputError: if the data are not one graph with labels, if the model is another one or does
            not fit them, or if no task of a part has both labels.

    Example:
        >>> import edgescope as es
        >>> splits = es.data.load("ogbn-proteins", "FOLDER")  # doctest: +SKIP
        >>> model = es.models.load("run/weights/trained.safetensors")  # doctest: +SKIP
        >>> es.train.evaluate_large(model, splits)["test"].mean  # doctest: +SKIP
    """
    from edgescope.data.node_dataset import NodeDataset

    whole = splits.train
    if not isinstance(whole, NodeDataset) or whole.task != "labels":
        raise InputError(
            f"received {whole.name}, expected one large graph with labels of its nodes, such as "
            "ogbn-proteins; other data are evaluated by es.train.fit"
        )
    graph = LargeGraph.from_edge_index(whole.edge_index, whole.edge_attr, whole.num_nodes)
    prediction = predict_large(model, whole.x, graph, memory=memory, progress=progress)
    scores = {}
    for name, part in splits._asdict().items():
        scores[name] = roc_auc(prediction[part.mask], part.y[part.mask], part.target_names)
    return scores
