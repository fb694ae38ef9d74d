"""Predictions of a model on a graph too large for memory."""

import torch
from torch import Tensor

from edgescope.large.checks import check_input
from edgescope.large.forward import chunked
from edgescope.large.graph import LargeGraph
from edgescope.large.memory import GIBIBYTE, chunk_size
from edgescope.models.graph_transformer import GraphTransformer


def predict_large(
    model: GraphTransformer,
    x: Tensor,
    graph: LargeGraph,
    *,
    memory: int = 4 * GIBIBYTE,
    progress: bool = True,
) -> Tensor:
    """Return what the model predicts, as its forward pass would up to rounding.

    Args:
        model: an :class:`edgescope.models.GraphTransformer` on the CPU, in float32 or float64.
        x: node types ``[V]``.
        graph: the graph.
        memory: bytes that may be used beside the graph and the model.
        progress: whether to show a progress bar.

    Returns:
        Predictions ``[V, out_dim]`` with ``readout="node"``, else ``[1, out_dim]``.

    Raises:
        InputError: if the model is another one, if the graph does not fit it, or if ``memory``
            is too small.
    """
    check_input(model, x, graph)
    threads = torch.get_num_threads()
    size = chunk_size(model, graph, memory, threads)
    with chunked(model, x, graph, size, threads, progress) as forward:
        for number in range(len(model.layers)):
            forward.layer(number, visit=None)
        return model.readout(forward.node)  # type: ignore[no-any-return]
