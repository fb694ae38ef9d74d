"""A GraphTransformer in eval mode on a graph whose edge states do not fit into memory.

What a layer computes on an edge depends on that edge's attributes and on the states of its two
ends in the layers below, and on nothing else. So the edge states need not be kept: layer ``l``
computes them again from the edge attributes and the queries and keys of layers ``0`` to ``l``,
which are small (two arrays ``[V, F]`` a layer), one chunk of edges after the other.

Why not keep them? At width 64 a layer's edge states are 256 bytes an edge in float32 (20 GB at the
size of ogbn-proteins), written once and read once; writing them took 740 ns an edge on the disk of
the machine this was decided on (346 MB/s). In bfloat16 it is half of that, but scores are no longer
exact. To compute a layer again takes 16,384 multiplications and additions without residuals and
24,576 with them: 150 and 220 ns on one core of that machine (AMD EPYC, AVX-512), plus 10 to 35 ns
to gather queries and keys, and all of it is shared between the cores. Three layers need three such
updates (0 + 1 + 2). Their number grows with the square of the depth, that of states to store
linearly: on two cores storing would win from about 40 layers, or 25 with residuals.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.large.edge_stream import EdgeStream, layers_of
from edgescope.large.large_graph import LargeGraph
from edgescope.large.limits import GIBIBYTE, check_input, chunk_size
from edgescope.large.passes import Map, Piece, kernels, pieces, workers
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.progress import track
from edgescope.models.attention_steps import NORMALISER_FLOOR
from edgescope.models.graph_transformer import GraphTransformer

Visit = Callable[[slice, Tensor], None]
"""Called in a worker's thread with the place of a chunk of edges and its scores ``[n, F]``."""

Sums = tuple[slice, Tensor, Tensor]
"""Targets, and sums over edges into them of messages ``[m, F]`` and of weights ``[m, H]``."""


class ChunkedForward:
    """Runs a model on a graph chunk by chunk.

    Args:
        model: the model, on the CPU and in eval mode.
        graph: the graph.
        x: node types ``[V]``.
        size: edges per chunk.
        apply: applies a function to every piece, and gives the results in order; as ``map``.
        progress: whether to show a progress bar for every layer.

    Attributes:
        node: node states ``[V, F]`` after the layers that were gone through.
    """

    def __init__(
        self,
        model: GraphTransformer,
        x: Tensor,
        graph: LargeGraph,
        size: int,
        apply: Map,
        progress: bool,
    ) -> None:
        self.layers = layers_of(model)
        attention = self.layers[0].attention
        self.graph = graph
        self.size = size
        self._apply = apply
        self._progress = progress
        self.node = model.embed_nodes(x)
        self._stream = EdgeStream(model)
        self._kernels = kernels(attention.num_heads, attention.head_dim)
        self._dtype = next(model.parameters()).dtype
        width = attention.num_heads * attention.head_dim
        self._heads, self._width = attention.num_heads, width
        self._limit: float = model.config["logit_limit"]
        # The type of the arrays, so that the kernels do not compute in float64.
        self._scale = np.zeros(1, _numpy_type(self._dtype)).dtype.type(attention.head_dim**-0.5)
        self._queries: list[NDArray[Any]] = []
        self._keys: list[NDArray[Any]] = []

    def layer(self, number: int, visit: Visit | None, attends: bool = True) -> None:
        """Go through all edges for one layer; those below must have been gone through.

        Args:
            number: the layer.
            visit: looks at the scores of every chunk.
            attends: whether the layer's node states are wanted; they replace :attr:`node`.
        """
        layer = self.layers[number]
        node = self.node
        self._queries.append(layer.attention.query(node).numpy())
        self._keys.append(layer.attention.key(node).numpy())
        value = layer.attention.value(node).numpy() if attends else None
        attended = torch.zeros_like(node)
        normaliser = node.new_zeros(len(node), self._heads)

        def work(piece: Piece) -> Sums | None:
            with torch.no_grad():  # which holds for one thread only
                return self._work(piece, number, value, visit)

        total = sum(1 for _ in pieces(self.graph))
        results = self._apply(work, pieces(self.graph))
        name = f"layer {number + 1} of {len(self.layers)}"
        for found in track(results, name, total, self._progress):
            if found is not None:
                nodes, values, weights = found
                # In the order of the pieces, so that sums do not depend on the threads.
                attended[nodes] += values
                normaliser[nodes] += weights
        if not self.graph.num_edges and visit is not None:
            visit(slice(0, 0), node.new_zeros(0, self._width))
        if attends:
            heads = attended.view(len(node), self._heads, -1)
            heads /= (normaliser + NORMALISER_FLOOR).unsqueeze(-1)
            self.node = layer.node(node, attended)

    def _work(
        self, piece: Piece, number: int, value: NDArray[Any] | None, visit: Visit | None
    ) -> Sums | None:
        """Go through the chunks of a piece and sum up their messages, if there are values."""
        size = piece.nodes.stop - piece.nodes.start
        attended = self.node.new_zeros(size, self._width)
        normaliser = self.node.new_zeros(size, self._heads)
        for start in range(piece.edges.start, piece.edges.stop, self.size):
            chunk = slice(start, min(start + self.size, piece.edges.stop))
            score = self.scores(chunk, number)
            if visit is not None:
                visit(chunk, score)
            if value is not None:
                weight = score.new_empty(len(score), self._heads)
                self._kernels.logits(score.numpy(), weight.numpy())
                weight.clamp_(-self._limit, self._limit).exp_()
                ends = self.graph.source[chunk], self.graph.target[chunk]
                sums = attended.numpy(), normaliser.numpy()
                self._kernels.attend(weight.numpy(), value, *ends, piece.nodes.start, *sums)
        return None if value is None else (piece.nodes, attended, normaliser)

    def scores(self, chunk: slice, number: int) -> Tensor:
        """Return the scores ``[n, F]`` of a chunk in layer ``number``, after those below it."""
        attr = torch.from_numpy(self.graph.edge_attr[chunk])
        attr = attr.long() if self.graph.has_types else attr.to(self._dtype)
        state, projection = self._stream.start(attr, with_state=number > 0)
        for below in range(number):
            self._score(chunk, below, projection)
            state, projection = self._stream.updates[below](state, projection)
        self._score(chunk, number, projection)
        return projection

    def _score(self, chunk: slice, number: int, projection: Tensor) -> None:
        query, key = self._queries[number], self._keys[number]
        ends = self.graph.source[chunk], self.graph.target[chunk]
        self._kernels.scores(query, key, self._scale, *ends, projection.numpy())


def _numpy_type(dtype: torch.dtype) -> Any:  # noqa: ANN401  (numpy's own name for it)
    return torch.zeros(0, dtype=dtype).numpy().dtype


@contextmanager
def chunked(
    model: GraphTransformer, x: Tensor, graph: LargeGraph, size: int, threads: int, progress: bool
) -> Iterator[ChunkedForward]:
    """Prepare a model to run in eval mode and without gradients; it is left as it was.

    Args:
        model: the model.
        x: node types ``[V]``.
        graph: the graph.
        size: edges per chunk.
        threads: chunks that are worked on at once.
        progress: whether to show a progress bar.
    """
    with evaluating(model), torch.no_grad(), workers(threads) as apply:
        yield ChunkedForward(model, x, graph, size, apply, progress)


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

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> graph = es.LargeGraph.from_edge_index(edge_index, torch.tensor([1, 0, 1]), num_nodes=3)
        >>> sizes = {"hidden_dim": 16, "num_layers": 1, "readout": "node"}
        >>> model = es.models.GraphTransformer(num_atom_types=2, num_bond_types=2, **sizes)
        >>> x = torch.tensor([0, 1, 1])
        >>> es.predict_large(model, x, graph).shape
        torch.Size([3, 1])
    """
    model = eager_twin(model)
    check_input(model, x, graph)
    threads = torch.get_num_threads()
    size = chunk_size(model, graph, memory, threads)
    with chunked(model, x, graph, size, threads, progress) as forward:
        for number in range(len(model.layers)):
            forward.layer(number, visit=None)
        return model.readout(forward.node)  # type: ignore[no-any-return]
