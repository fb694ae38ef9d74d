"""Which arguments of a model's ``forward`` get what of a batch."""

import inspect
from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from edgescope.lib.errors import InputError
from edgescope.lib.signature import WHOLE_NAMES, annotated, forward_signature, inner_model

WHOLE_BATCH = "the whole batch"
"""What a result says was passed if it was the batch as it is."""

_VARIABLE = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}

SEVERAL = 2
"""From how many on required arguments are several."""

_NEVER_ASKED = frozenset({"y", "graph"})
"""Optional arguments that are left out though the batch has such an attribute: the target, which
turns predictions into a loss, and the positions of the graphs in the data set."""


class Arguments(NamedTuple):
    """What a model is called with.

    Attributes:
        args: positional arguments.
        kwargs: keyword arguments.
        said: names of the arguments, or :data:`WHOLE_BATCH` in the place of the one that gets it.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    said: tuple[str, ...]


def arguments_for(model: nn.Module, batch: Any) -> Arguments:  # noqa: ANN401  (any PyG batch)
    """Return what :func:`edgescope.lib.model_call.call_model` calls a model with.

    - A required argument gets the attribute of the batch with its name. In a heterogeneous batch
      an argument ``x`` gets ``batch.x_dict``, the features by node type, as models made by
      :func:`torch_geometric.nn.to_hetero` expect; likewise any other. An argument may also be
      called ``x_dict``. A single graph without a vector ``batch`` gets one of zeros.
    - The batch itself goes to a required argument that is annotated as PyG's ``Data``,
      ``HeteroData`` or ``Batch``; to the only required one, if it is called ``batch``, ``data``,
      ``g``, ``graph`` or the like (:data:`~edgescope.lib.signature.WHOLE_NAMES`) and is
      not annotated as a tensor; and to the only required one if the batch has no attribute of its
      name.
    - A tuple or list of as many things as there are required arguments, if these are several, is
      handed over in its order.
    - An optional argument gets the attribute of its name if the batch has one and the model can
      take it. PyG's own models say what they can take (``supports_edge_attr``,
      ``supports_edge_weight``), and those whose layers all have ``edge_dim=None`` can take no
      ``edge_attr``. Besides a whole batch, nothing optional is passed. The target ``y`` is never
      passed to an optional argument.
    - A wrapper that takes ``*args, **kwargs`` is given what the model inside takes; see
      :func:`~edgescope.lib.signature.inner_model`.

    Raises:
        InputError: if something required is not there, or it is not certain which model a
            wrapper calls.
    """
    path, inner = inner_model(model)
    _check_forward(model, path, inner)
    parameters = [
        each for each in forward_signature(inner).parameters.values() if each.kind not in _VARIABLE
    ]
    required = [each for each in parameters if each.default is each.empty]
    kinds = annotated(inner)
    whole = _whole(parameters, required, kinds, batch)
    given: dict[str, Any] = {}
    in_order = _in_order(required, batch)
    for each in required:
        found = batch if each.name in whole else _attribute_of(batch, each.name)
        if found is None:
            found = in_order.get(each.name)
        if found is not None:
            given[each.name] = found
    missing = [each.name for each in required if each.name not in given]
    if missing:
        raise InputError(_missing_message(inner, missing, batch))
    if not whole:
        for each in parameters:
            if each not in required:
                found = _optional(inner, batch, each.name)
                if found is not None:
                    given[each.name] = found
    else:
        given |= dict.fromkeys(whole, batch)
    said = tuple(
        WHOLE_BATCH if each.name in whole else each.name
        for each in parameters
        if each.name in given
    )
    return Arguments(*_placed(model, parameters, given), said)


def attribute(batch: Any, name: str) -> Any:  # noqa: ANN401  (as above)
    """Return what ``batch`` holds under ``name``, or by node or edge type under ``name_dict``.

    ``None`` if it holds neither; a method is nothing that it holds. A dictionary holds what is
    under its keys.
    """
    for variant in (name, f"{name}_dict"):
        if isinstance(batch, Mapping):
            if batch.get(variant) is not None:
                return batch[variant]
            continue
        try:
            found = getattr(batch, variant, None)
        except KeyError:  # HeteroData's answer for a name that none of its types has
            continue
        if found is not None and not inspect.ismethod(found):
            return found
    return None


def _in_order(required: Sequence[Parameter], batch: Any) -> dict[str, Any]:  # noqa: ANN401  (any batch)
    """Return what a tuple or list holds, by the names of as many required arguments."""
    plain = type(batch) in {tuple, list}
    if not plain or len(required) < SEVERAL or len(batch) != len(required):
        return {}
    return {each.name: one for each, one in zip(required, batch, strict=True)}


def _whole(
    parameters: Sequence[Parameter],
    required: Sequence[Parameter],
    kinds: Mapping[str, str],
    batch: Any,  # noqa: ANN401  (any PyG batch)
) -> set[str]:
    """Return the names of the arguments that get the batch itself."""
    if not required:  # such as forward(self, data=None)
        first = parameters[0].name if parameters else ""
        named = first in WHOLE_NAMES and not kinds.get(first)
        return {first} if named or kinds.get(first) == "graph" else set()
    whole = {each.name for each in required if kinds.get(each.name) == "graph"}
    if len(required) > 1 or whole:
        return whole
    name = required[0].name
    if kinds.get(name) == "tensor":
        return set()
    return {name} if name in WHOLE_NAMES or attribute(batch, name) is None else set()


def _attribute_of(batch: Any, name: str) -> Any:  # noqa: ANN401  (any PyG batch)
    """Return what the batch holds under a name; zeros for the vector ``batch`` of one graph."""
    found = attribute(batch, name)
    if found is not None or name not in {"batch", "batch_dict"}:
        return found
    kinds = getattr(batch, "node_types", None)
    if isinstance(kinds, list):
        stores = {kind: batch[kind] for kind in kinds}
        return {
            kind: torch.zeros(store.num_nodes, dtype=torch.long, device=_device(store))
            for kind, store in stores.items()
        }
    size = attribute(batch, "num_nodes")
    if not isinstance(size, int):
        return None
    return torch.zeros(size, dtype=torch.long, device=_device(batch))


def _device(store: Any) -> torch.device:  # noqa: ANN401  (a PyG graph or one of its stores)
    values = store.to_dict().values()
    return next((each.device for each in values if isinstance(each, Tensor)), torch.device("cpu"))


def _optional(model: nn.Module, batch: Any, name: str) -> Any:  # noqa: ANN401  (any PyG batch)
    """Return what an optional argument gets; ``None`` leaves it out."""
    if name in _NEVER_ASKED or not _can_take(model, name):
        return None
    found = attribute(batch, name)
    if name == "batch_size" and found != attribute(batch, "num_graphs"):
        return None  # of a sampled part it is the number of its seed nodes
    return None if inspect.isroutine(found) else found


def _can_take(model: nn.Module, name: str) -> bool:
    """Return whether a model takes an optional argument, as far as it says so.

    PyG's models do: their flags ``supports_edge_attr`` and ``supports_edge_weight`` tell what
    ``forward`` hands to its layers ``convs``, which take ``edge_attr`` if they have ``edge_dim``.
    """
    supported = getattr(model, f"supports_{name}", None)
    if supported is None:
        return True
    layers = list(getattr(model, "convs", ()))
    without = [getattr(each, "edge_dim", ...) is None for each in layers]
    return bool(supported) and not (name == "edge_attr" and layers and all(without))


def _placed(
    model: nn.Module, parameters: Sequence[Parameter], given: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Put arguments by position where they must be, and by keyword elsewhere."""
    outer = {each.kind for each in forward_signature(model).parameters.values()}
    by_position: set[Any] = {Parameter.POSITIONAL_ONLY}
    if outer == {Parameter.VAR_POSITIONAL}:  # a wrapper that hands no keywords on
        by_position |= {Parameter.POSITIONAL_OR_KEYWORD}
    placed = [each for each in parameters if each.kind in by_position]
    while placed and placed[-1].name not in given:
        placed.pop()
    args = tuple(given.get(each.name, each.default) for each in placed)
    names = {each.name for each in placed}
    return args, {name: value for name, value in given.items() if name not in names}


def _check_forward(model: nn.Module, path: str, inner: nn.Module) -> None:
    """Refuse wrappers that cannot be called on a batch.

    Raises:
        InputError: saying which module to pass instead.
    """
    owner = next((c for c in type(model).__mro__ if "forward" in vars(c)), nn.Module)
    base = owner.__module__.partition(".")[0] in {"lightning", "pytorch_lightning"}
    if owner is nn.Module or (base and owner.__name__ == "LightningModule"):
        if "forward" in vars(model):
            return
        inside = f"model.{path}" if path else "the module that computes, such as model.net"
        raise InputError(f"{type(model).__name__} has no forward of its own; pass {inside}")
    names = list(forward_signature(inner).parameters)
    if names == ["data_list"] and isinstance(getattr(inner, "module", None), nn.Module):
        raise InputError(
            f"{type(inner).__name__} takes a list of graphs rather than a batch; pass model.module"
        )


def _missing_message(model: nn.Module, missing: Sequence[str], batch: Any) -> str:  # noqa: ANN401  (any PyG batch)
    whole = [name for name in missing if name in WHOLE_NAMES]
    hint = (
        f"; or annotate {whole[0]} as torch_geometric.data.Data, if it is the batch as a whole"
        if whole
        else ""
    )
    return (
        f"{type(model).__name__}.forward needs {', '.join(missing)}, which the batch lacks "
        f"({type(batch).__name__}); rename its arguments after the batch's attributes or pass "
        f"call={hint}"
    )
