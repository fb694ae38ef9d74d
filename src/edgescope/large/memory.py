"""How many edges fit into a chunk, given the bytes that may be used."""

from math import prod

from edgescope.errors import InputError
from edgescope.large.graph import LargeGraph
from edgescope.models.graph_transformer import GraphTransformer
from edgescope.statistics.sketch import SketchLayout

GIBIBYTE = 2**30

CACHED_EDGES = 8192
"""Edges per chunk if memory allows more: their states at width 64 take 2 MB, and stay in the
processor's cache from one step to the next."""

FEWEST_EDGES = 256
"""Below this, what a chunk costs by itself takes longer than its edges."""

_STATES = 8
"""Arrays of a chunk that are as wide as its states: the hidden layer counts as two."""

_COUNTED = 24
"""Bytes of working memory per activation while a chunk is counted."""

_NUMBERS = 160
"""Bytes per edge for who it is: ends, type and position, partly in 64 bits."""


def chunk_size(
    model: GraphTransformer,
    graph: LargeGraph,
    memory: int,
    threads: int,
    sketch: SketchLayout | None = None,
) -> int:
    """Return the number of edges per chunk.

    Args:
        model: the model.
        graph: the graph.
        memory: bytes that may be used beside the graph and the model.
        threads: chunks that are worked on at once.
        sketch: what is counted, if anything is.

    Raises:
        InputError: if ``memory`` does not hold the node states, the histograms and the smallest
            chunk.
    """
    width = int(model.config["hidden_dim"])
    itemsize = next(model.parameters()).element_size()
    # Queries and keys of every layer stay; states, values and sums, and twice the width inside
    # the node update, come and go.
    stay = graph.num_nodes * width * itemsize * (2 * len(model.layers) + 7)
    if sketch is not None:
        # Those of the layers, and the threads' own while a layer is gone through.
        counters = sum(prod(shape) for shape in sketch.shapes().values())
        stay += 8 * counters * (len(model.layers) + threads + 2)
    edge = threads * (width * (_STATES * itemsize + _COUNTED) + _NUMBERS)
    needed = stay + FEWEST_EDGES * edge
    if memory < needed:
        raise InputError(
            f"received memory={memory}, but {graph.num_nodes} nodes at width {width} and "
            f"{len(model.layers)} layers need {needed} bytes; allow at least that"
        )
    return min((memory - stay) // edge, CACHED_EDGES)
