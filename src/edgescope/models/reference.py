"""Models from the parameter names of the published code (repository GNN-MAs)."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from edgescope.lib.errors import InputError
from edgescope.lib.files import readable_file
from edgescope.lib.input_files import DAMAGED, reason
from edgescope.lib.tensors import check_held, read_pickled
from edgescope.models.architectures import build_within, nearest
from edgescope.models.checkpoint import fit_state

PUBLISHED = {
    "GT": "GraphTransformer",
    "GraphTransformer": "GraphTransformer",
    "SAN": "SAN",
    "GraphiT": "GraphiT",
}
"""What the published code, and edgescope, call the architectures."""

_LAYER = r"layers\.(\d+)\."
_ATTENTION = _LAYER + r"attention(?:_h)?\."
_RENAMED: tuple[tuple[str, str], ...] = (
    # OGB's encoders of atoms and bonds hold one embedding per column.
    (r"^embedding_h\.atom_embedding_list\.", "node_embedding.columns."),
    (r"^embedding_e\.bond_embedding_list\.", "edge_embedding.columns."),
    (r"^embedding_h\.", "node_embedding."),
    (r"^embedding_e\.", "edge_embedding."),
    (_ATTENTION + r"Q\.", r"layers.\1.attention.query."),
    (_ATTENTION + r"K\.", r"layers.\1.attention.key."),
    (_ATTENTION + r"V\.", r"layers.\1.attention.value."),
    (_ATTENTION + r"(?:proj_e|E)\.", r"layers.\1.attention.edge."),
    (_ATTENTION + r"Q_2\.", r"layers.\1.attention.added_query."),
    (_ATTENTION + r"K_2\.", r"layers.\1.attention.added_key."),
    (_ATTENTION + r"E_2\.", r"layers.\1.attention.added_edge."),
    (_ATTENTION + r"k_bias$", r"layers.\1.attention.bias_term.key"),
    (_ATTENTION + r"e_bias$", r"layers.\1.attention.bias_term.edge"),
    (_ATTENTION + r"v_bias$", r"layers.\1.attention.bias_term.value"),
    (_LAYER + r"O_h\.", r"layers.\1.node.output."),
    (_LAYER + r"O_e\.", r"layers.\1.edge.output."),
    (_LAYER + r"(?:batch|layer)_norm([12])_h\.", r"layers.\1.node.norm\2."),
    (_LAYER + r"(?:batch|layer)_norm([12])_e\.", r"layers.\1.edge.norm\2."),
    (_LAYER + r"FFN_h_layer1\.", r"layers.\1.node.expand."),
    (_LAYER + r"FFN_h_layer2\.", r"layers.\1.node.contract."),
    (_LAYER + r"FFN_e_layer1\.", r"layers.\1.edge.expand."),
    (_LAYER + r"FFN_e_layer2\.", r"layers.\1.edge.contract."),
    (r"^linear_A\.", "positions.project."),
    (r"^PE_Transformer\.", "positions.encoder."),
    (r"^embedding_lap_pos_enc\.", "positions.project."),
    (r"^MLP_layer\.FC_layers\.", "readout.layers."),
)


def from_reference(
    architecture: str, state_dict: Mapping[str, Tensor], *, num_heads: int, **config: Any
) -> nn.Module:
    """Build a model from weights under the published code's parameter names, in eval mode.

    What the weights determine (widths, numbers of layers and types, whether there are biases,
    norms, an explicit bias term, projections of added pairs, a learnt gamma) is read off them and
    need not be given.

    Args:
        architecture: ``"GT"`` (the published code's name of the GraphTransformer), ``"SAN"`` or
            ``"GraphiT"``.
        state_dict: parameter name to tensor, as in a published checkpoint.
        num_heads: number of heads ``H``, which the weights do not show.
        **config: other arguments of the architecture, such as ``readout``, ``residual`` and
            ``gamma``. ``explicit_bias=True`` means ``"released"``, what the published code does.

    Raises:
        InputError: if the architecture is unknown, if a setting contradicts the weights, or if
            the weights do not fit the model.

    Example:
        >>> import edgescope as es
        >>> try:
        ...     es.models.from_reference("GT", {}, num_heads=8)
        ... except ValueError as error:
        ...     print(type(error).__name__)
        InputError
    """
    if architecture not in PUBLISHED:
        raise InputError(
            f"unknown architecture {architecture!r}, {nearest(architecture)}; the published code "
            f"knows {', '.join(PUBLISHED)}"
        )
    name = PUBLISHED[architecture]
    state = _renamed(state_dict)
    settings = _shape_of(state, name)
    for option, value in _plain(config, name).items():
        known = settings.get(option, value)
        if known != value and not (option == "explicit_bias" and known and value):
            raise InputError(
                f"received {option}={config[option]!r}, but the weights have {known!r}; "
                f"leave {option} out or check the file"
            )
        settings[option] = value
    if "lpe_dim" in settings and "laplacian_eigenvectors" not in settings:
        raise InputError(
            "the weights hold a learnt positional encoding; pass the number of its eigenpairs as "
            "laplacian_eigenvectors=, which the weights do not show"
        )
    # Weights of few numbers may have a width that makes a model of many.
    shapes = {key: value.shape for key, value in state.items()}
    model = build_within(name, {"num_heads": num_heads, **settings}, shapes)
    model = model.to(next(iter(state.values())).dtype)
    fit_state(model, state, "the given state_dict")
    return model.eval()


def import_checkpoint(
    path: Path | str, architecture: str, *, num_heads: int, **config: Any
) -> nn.Module:
    """Build a model from a checkpoint file of the published code, such as ``epoch_99.pkl``.

    The file is a pickle of a state dict. It is read by torch's restricted unpickler, which builds
    tensors and plain containers and executes nothing.

    Args:
        path: the file.
        architecture: see :func:`from_reference`.
        num_heads: see :func:`from_reference`.
        **config: see :func:`from_reference`.

    Raises:
        InputError: if there is no such file, if it is damaged or holds anything but tensors by
            parameter name, and as :func:`from_reference` does.

    Example:
        >>> import edgescope as es
        >>> try:
        ...     es.models.import_checkpoint("epoch_99.pkl", "GT", num_heads=8)
        ... except ValueError as error:
        ...     print(str(error).partition(",")[0])
        expected a checkpoint (.pkl) of the published code at epoch_99.pkl
    """
    path = readable_file(Path(path), "a checkpoint (.pkl) of the published code")
    try:
        state = read_pickled(path)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is damaged or holds something other than tensors and plain containers, which "
            "edgescope does not open; save the model's state_dict alone"
        ) from error
    except DAMAGED as error:
        raise InputError(
            f"{path} is not a readable checkpoint ({reason(error)}); copy it again"
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise InputError(
            f"{path} holds {type(state).__name__}, expected a state dict, tensors by parameter "
            "name; save model.state_dict()"
        )
    try:
        for name, value in state.items():
            check_held(value, name)
    except ValueError as error:
        raise InputError(
            f"{path} cannot be used ({reason(error)}); save model.state_dict()"
        ) from error
    return from_reference(architecture, state, num_heads=num_heads, **config)


def _plain(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the settings as the architecture's arguments; those of others are left out."""
    plain = dict(config)
    if "explicit_bias" in plain:
        given = plain["explicit_bias"]
        plain["explicit_bias"] = "released" if given is True else given or None
    if name == "GraphTransformer" and plain.pop("full_graph", False):
        raise InputError(
            "received full_graph=True for GraphTransformer, which the published code builds on "
            "the given edges only; leave it out"
        )
    if name != "GraphiT":
        plain.pop("kernel_steps", None)
    return plain


def _renamed(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights under edgescope's names and in its shapes.

    The published code registers a learnt gamma in the model and again in every layer, though it
    is one parameter, and also where there are no added pairs to use it.
    """
    state = {}
    for published, value in state_dict.items():
        if re.fullmatch(_ATTENTION + "gamma", published):
            continue
        name = _rename(published)
        state[name] = value.flatten(1) if ".bias_term." in name else value
    if "layers.0.attention.added_query.weight" not in state:
        state.pop("gamma", None)
    return state


def _rename(name: str) -> str:
    for pattern, replacement in _RENAMED:
        renamed, hits = re.subn(pattern, replacement, name)
        if hits:
            return renamed
    return name


def _shape_of(state: Mapping[str, Tensor], name: str) -> dict[str, Any]:
    """Read the configuration off the shapes of the weights."""
    try:
        return _settings_of(state, name)
    except (IndexError, KeyError, ValueError) as error:
        raise InputError(
            "the state_dict has no embedding_h, embedding_e or MLP_layer; expected the parameter "
            f"names of the published {name}, pass the model's state_dict itself"
        ) from error


def _settings_of(state: Mapping[str, Tensor], name: str) -> dict[str, Any]:
    width = state["readout.layers.0.weight"].size(1)
    outputs = [name for name in state if re.fullmatch(r"readout\.layers\.\d+\.bias", name)]
    out_dim = state[max(outputs, key=lambda name: int(name.split(".")[2]))].numel()
    atoms = _types(state, "node_embedding")
    if "edge_embedding.bias" in state:
        bonds, edge_dim = None, state["edge_embedding.weight"].size(1)
    else:
        bonds, edge_dim = _types(state, "edge_embedding"), None
    layers = {int(match[1]) for name in state if (match := re.match(_LAYER, name))}
    normed = "layers.0.node.norm1.weight" in state
    by_batch = "layers.0.node.norm1.running_mean" in state
    shape: dict[str, Any] = {
        "num_atom_types": atoms,
        "num_bond_types": bonds,
        "edge_dim": edge_dim,
        "hidden_dim": width,
        "num_layers": max(layers, default=-1) + 1,
        "out_dim": out_dim,
        "use_bias": "layers.0.attention.query.bias" in state,
        "batch_norm": normed and by_batch,
        "layer_norm": normed and not by_batch,
        "explicit_bias": "released" if "layers.0.attention.bias_term.key" in state else None,
    }
    if name != "GraphTransformer":
        shape["full_graph"] = "layers.0.attention.added_query.weight" in state
    if "gamma" in state:
        shape["learned_gamma"] = True
    if name == "GraphTransformer" and "positions.project.weight" in state:
        shape["laplacian_eigenvectors"] = state["positions.project.weight"].size(1)
    if name == "SAN" and "positions.project.weight" in state:
        shape["lpe_dim"] = state["positions.project.weight"].size(0)
        found = [re.match(r"positions\.encoder\.layers\.(\d+)\.", name) for name in state]
        shape["lpe_layers"] = max(int(match[1]) for match in found if match) + 1
    return shape


def _types(state: Mapping[str, Tensor], embedding: str) -> int | list[int]:
    """Return the number of types of an embedding, or of each of its columns."""
    if f"{embedding}.weight" in state:
        return state[f"{embedding}.weight"].size(0)
    columns = [name for name in state if name.startswith(f"{embedding}.columns.")]
    if not columns:
        raise KeyError(embedding)
    return [state[f"{embedding}.columns.{place}.weight"].size(0) for place in range(len(columns))]
