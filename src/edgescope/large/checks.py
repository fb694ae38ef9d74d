"""What is refused before any edge is looked at."""

import torch
from torch import Tensor, nn

from edgescope.errors import InputError
from edgescope.large.graph import LargeGraph
from edgescope.models.graph_transformer import GraphTransformer


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
    }
    found = [name for name, used in options.items() if used]
    if found:
        raise InputError(
            f"received a GraphTransformer with {' and '.join(found)}, which a large graph is not "
            "worked through with; scan it with es.scan over a NeighborLoader"
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
