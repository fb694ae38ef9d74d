"""What is refused before any edge is looked at, and how many edges fit into a chunk."""

from math import prod

import torch
from torch import Tensor, nn

from edgescope.large.large_graph import LargeGraph
from edgescope.lib.errors import InputError
from edgescope.models.graph_transformer import GraphTransformer
from edgescope.statistics.sketch_layout import SketchLayout


def check_input(model: nn.Module, x: Tensor, graph: LargeGraph) -> None:
    """Refuse a model whose forward pass is not known, and a graph that does not fit it.

    Raises:
        InputError: saying which of them, and why.
    """
    if type(model) is not GraphTransformer:  # the forward of a subclass may do something else
        raise InputError(
            f"received a {type(model).__name__}, expected an edgescope.models.GraphTransformer; "
            "scan other models with es.scan over a NeighborLoader"
        )
    _check_options(model)
    weight = next(model.parameters())
    if weight.device.type != "cpu" or weight.dtype not in {torch.float32, torch.float64}:
        raise InputError(
            f"received a model in {weight.dtype} on {weight.device}, expected float32 or float64 "
            "on the CPU; pass model.float().cpu()"
        )
    if not len(model.layers):
        raise InputError("received a model without layers, expected at least one; set num_layers")
    if x.numel() != graph.num_nodes:
        raise InputError(
            f"received {x.numel()} node types for a graph of {graph.num_nodes} nodes; "
            "pass x of shape [V]"
        )
    _check_edges(model.edge_embedding, graph)


def _check_options(model: GraphTransformer) -> None:
    """Refuse what changes the edge stream or the weights, or needs the whole graph at once."""
    columns = [
        isinstance(model.config[name], list) for name in ("num_atom_types", "num_bond_types")
    ]
    options = {
        "explicit_bias": model.config["explicit_bias"] is not None,
        "layer_norm": model.config["layer_norm"],
        "laplacian_eigenvectors": model.config["laplacian_eigenvectors"] > 0,
        "several columns of types": any(columns),
        "no logit_limit": model.config["logit_limit"] is None,
        "logit_cap": model.config["logit_cap"] is not None,
        "qk_norm": model.config["qk_norm"],
        "sink": model.config["sink"],
        "mean_attention": model.config["mean_attention"],
        "gated_output": model.config["gated_output"],
        "norm_first": model.config["norm_first"],
    }
    found = [name for name, used in options.items() if used]
    if found:
        raise InputError(
            f"received a GraphTransformer with {' and '.join(found)}, which es.scan_large does not "
            "support; scan it with es.scan over a NeighborLoader"
        )


def _check_edges(embedding: nn.Module, graph: LargeGraph) -> None:
    if isinstance(embedding, nn.Linear):
        shape = list(graph.edge_attr.shape)
        if graph.has_types or shape[1] != embedding.in_features:
            raise InputError(
                f"received edge_attr of shape {shape}, expected {embedding.in_features} features "
                "per edge [E, edge_dim]; build the graph or the model with the other number"
            )
        return
    known = model_types(embedding)
    if not graph.has_types:
        raise InputError(
            f"received {graph.edge_attr.shape[1]} features per edge, expected a type from 0 to "
            f"{known - 1}; build the model with edge_dim={graph.edge_attr.shape[1]}"
        )
    if graph.num_edge_types > known:
        raise InputError(
            f"received the edge type {graph.num_edge_types - 1}, the model knows 0 to "
            f"{known - 1}; build the model with a larger num_bond_types"
        )


def model_types(embedding: nn.Module) -> int:
    """Return how many edge types a model knows."""
    assert isinstance(embedding, nn.Embedding)
    return embedding.num_embeddings


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
