"""Which output of a model is explained: one number per graph."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from edgescope.lib.errors import InputError
from edgescope.lib.model_call import attribute
from edgescope.lib.task_metrics import Task

Target = int | Literal["predicted"]
"""The column of the output that is explained, or for every graph that of the class predicted."""


def target_of(task: Task | None) -> Target:
    """Return what is explained by default: the predicted class's logit, else the first column."""
    return "predicted" if task == "classes" else 0


def check_plain_batch(batch: Any) -> None:  # noqa: ANN401  (whatever a user passes)
    """Refuse what has no edges of one kind, of which importances could be.

    Raises:
        InputError: if it is no PyG ``Data`` or ``Batch`` with ``edge_index``.
    """
    edges = attribute(batch, "edge_index")
    if isinstance(edges, Tensor):
        return
    held = "heterogeneous edges, by relation" if isinstance(edges, Mapping) else "no edge_index"
    raise InputError(
        f"received a {type(batch).__name__} with {held}, expected a PyG Data or Batch with "
        "edge_index [2, E]: importances are of the edges of one plain graph per item"
    )


def graph_of_nodes(batch: Any) -> Tensor:  # noqa: ANN401  (any PyG batch)
    """Return the graph of every node ``[V]``; without ``batch.batch`` all are of one graph."""
    vector = attribute(batch, "batch")
    if isinstance(vector, Tensor):
        return vector
    edges: Tensor = batch.edge_index
    return torch.zeros(int(batch.num_nodes), dtype=torch.long, device=edges.device)


def graph_of_edges(batch: Any) -> Tensor:  # noqa: ANN401  (as above)
    """Return the graph of every edge ``[E]``."""
    return graph_of_nodes(batch)[batch.edge_index[0]]


def count_graphs(batch: Any) -> int:  # noqa: ANN401  (as above)
    """Return the number of graphs ``G``, 1 if the batch does not say."""
    size = attribute(batch, "num_graphs")
    if size is None:
        vector = attribute(batch, "batch")
        size = int(vector.max()) + 1 if isinstance(vector, Tensor) and len(vector) else 1
    return int(size)


def by_graph(output: Any, batch: Any) -> Tensor:  # noqa: ANN401  (any output, any PyG batch)
    """Return the output of every graph ``[G, T]``.

    Predictions of nodes ``[V, T]`` are summed over the nodes of a graph.

    Raises:
        InputError: if the output is no tensor with a row per graph or per node.
    """
    if not isinstance(output, Tensor) or not output.is_floating_point():
        raise InputError(
            f"the model returned {type(output).__name__}, expected a tensor [graphs, outputs]; "
            "take it out with call="
        )
    graphs = count_graphs(batch)
    table = output.unsqueeze(1) if output.dim() == 1 else output
    if table.dim() == 2 and table.size(0) == graphs:  # noqa: PLR2004  (rows and columns)
        return table
    of = graph_of_nodes(batch)
    if table.dim() != 2 or table.size(0) != len(of):  # noqa: PLR2004
        raise InputError(
            f"the model returned an output of shape {list(output.shape)} for {graphs} graphs of "
            f"{len(of)} nodes, expected one row per graph or per node; take it out with call="
        )
    return table.new_zeros(graphs, table.size(1)).index_add(0, of, table)


def choose_columns(table: Tensor, target: Target) -> Tensor:
    """Return the column that is explained of every graph ``[G]``.

    Args:
        table: outputs ``[G, T]``.
        target: a column, or the largest of every row.

    Raises:
        InputError: if there is no such column.
    """
    if target == "predicted":
        return table.detach().argmax(1)
    if not -table.size(1) <= target < table.size(1):
        raise InputError(
            f"received target={target}, but the model has {table.size(1)} outputs; expected 0 to "
            f"{table.size(1) - 1}"
        )
    return torch.full((table.size(0),), target % table.size(1), device=table.device)


def explained(
    output: Any,  # noqa: ANN401  (as above)
    batch: Any,  # noqa: ANN401  (as above)
    target: Target,
    columns: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the number per graph that is explained ``[G]``, and its column ``[G]``.

    Args:
        output: what the model returned.
        batch: what it was called on.
        target: the column, unless ``columns`` says it.
        columns: the columns of an earlier call, which a prediction that changes must not change.

    Raises:
        InputError: see :func:`by_graph` and :func:`choose_columns`.
    """
    table = by_graph(output, batch)
    if columns is None:
        columns = choose_columns(table, target)
    return table.gather(1, columns.unsqueeze(1)).squeeze(1), columns
