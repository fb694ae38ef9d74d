"""The metric of a model on a graph too large for memory, over all of its edges."""

from typing import TYPE_CHECKING

from edgescope.errors import InputError
from edgescope.large import LargeGraph, predict_large
from edgescope.large.memory import GIBIBYTE
from edgescope.train.metrics import TaskScores, roc_auc

if TYPE_CHECKING:
    from edgescope.data import Splits
    from edgescope.models import GraphTransformer


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
    """
    from edgescope.data.nodes import NodeDataset

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
