"""Models from the parameter names of the published code (repository GNN-MAs)."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from edgescope.errors import InputError
from edgescope.models.checkpoint import fit_state
from edgescope.models.graph_transformer import GraphTransformer

_LAYER = r"layers\.(\d+)\."
_RENAMED: tuple[tuple[str, str], ...] = (
    (r"^embedding_h\.", "node_embedding."),
    (r"^embedding_e\.", "edge_embedding."),
    (_LAYER + r"attention\.Q\.", r"layers.\1.attention.query."),
    (_LAYER + r"attention\.K\.", r"layers.\1.attention.key."),
    (_LAYER + r"attention\.V\.", r"layers.\1.attention.value."),
    (_LAYER + r"attention\.proj_e\.", r"layers.\1.attention.edge."),
    (_LAYER + r"O_h\.", r"layers.\1.node.output."),
    (_LAYER + r"O_e\.", r"layers.\1.edge.output."),
    (_LAYER + r"batch_norm([12])_h\.", r"layers.\1.node.norm\2."),
    (_LAYER + r"batch_norm([12])_e\.", r"layers.\1.edge.norm\2."),
    (_LAYER + r"FFN_h_layer1\.", r"layers.\1.node.expand."),
    (_LAYER + r"FFN_h_layer2\.", r"layers.\1.node.contract."),
    (_LAYER + r"FFN_e_layer1\.", r"layers.\1.edge.expand."),
    (_LAYER + r"FFN_e_layer2\.", r"layers.\1.edge.contract."),
    (r"^MLP_layer\.FC_layers\.", "readout.layers."),
)


def from_reference(
    architecture: str, state_dict: Mapping[str, Tensor], *, num_heads: int, **config: Any
) -> nn.Module:
    """Build a model from weights under the published code's parameter names, in eval mode.

    What the weights determine (widths, numbers of layers and types, whether there are biases
    and batch norms) is read off them and need not be given.

    Args:
        architecture: ``"GT"``, the published code's name of the GraphTransformer.
        state_dict: parameter name to tensor, as in a published checkpoint.
        num_heads: number of heads ``H``, which the weights do not show.
        **config: other arguments of the architecture, such as ``readout`` and ``residual``;
            ``explicit_bias`` and ``full_graph`` may be given as false.

    Raises:
        InputError: if the architecture is unknown, if a setting contradicts the weights, or if
            the weights do not fit the model.
    """
    if architecture != "GT":
        raise InputError(
            f"unknown architecture {architecture!r}, expected 'GT' (GraphTransformer); "
            "check the name"
        )
    for option in ("explicit_bias", "full_graph"):
        if config.pop(option, False):
            raise InputError(
                f"received {option}=True for GT, which this version does not build; "
                f"use weights trained without it"
            )
    state = {_rename(name): value for name, value in state_dict.items()}
    settings = _shape_of(state)
    for name, value in config.items():
        if name in settings and settings[name] != value:
            raise InputError(
                f"received {name}={value!r}, but the weights have {settings[name]!r}; "
                f"leave {name} out or check the file"
            )
        settings[name] = value
    try:
        model = GraphTransformer(num_heads=num_heads, **settings)
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot build a GraphTransformer: {error}; check the settings") from error
    fit_state(model, state, "the given state_dict")
    return model.to(next(iter(state.values())).dtype).eval()


def _rename(name: str) -> str:
    for pattern, replacement in _RENAMED:
        renamed, hits = re.subn(pattern, replacement, name)
        if hits:
            return renamed
    return name


def _shape_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Read the configuration off the shapes of the weights."""
    try:
        atoms, bonds = state["node_embedding.weight"], state["edge_embedding.weight"]
        outputs = [name for name in state if re.fullmatch(r"readout\.layers\.\d+\.bias", name)]
        out_dim = state[max(outputs, key=lambda name: int(name.split(".")[2]))].numel()
    except (KeyError, ValueError) as error:
        raise InputError(
            "the state_dict has no embedding_h, embedding_e or MLP_layer; expected the parameter "
            "names of the published GraphTransformer, pass the model's state_dict itself"
        ) from error
    layers = {int(match[1]) for name in state if (match := re.match(_LAYER, name))}
    return {
        "num_atom_types": atoms.size(0),
        "num_bond_types": bonds.size(0),
        "hidden_dim": atoms.size(1),
        "num_layers": max(layers, default=-1) + 1,
        "out_dim": out_dim,
        "use_bias": "layers.0.attention.query.bias" in state,
        "batch_norm": "layers.0.node.norm1.weight" in state,
    }
