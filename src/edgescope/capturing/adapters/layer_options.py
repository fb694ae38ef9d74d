"""Options of a layer and arguments of its calls for which its adapter's formulas do not hold."""

import inspect
import warnings
from functools import cache
from typing import Any

from torch import nn

from edgescope.capturing.adapters.adapter import Adapter, Layer, bound_arguments
from edgescope.lib.errors import EdgescopeWarning, InputError


def refuse_option(adapter: Adapter, base: Any, layer: Layer) -> str | None:  # noqa: ANN401  (a class)
    """Say why a layer cannot be captured, if it is built with an option that nobody thought of.

    A later version of its package may have options that change what it computes. Such an option
    at its default is taken to change nothing; where its value cannot be told, a warning says so.

    Args:
        adapter: the adapter; nothing is checked unless it says which options it knows.
        base: the class that the adapter is for.
        layer: an instance of it.
    """
    known = _own(adapter, "options")
    if known is None:
        return None
    for option in _parameters(base, known):
        value = getattr(layer, option.name, option.empty)
        if value is option.empty:
            warnings.warn(
                f"{base.__name__} has an option {option.name!r} that edgescope does not know and "
                "that cannot be read off the layer; what is captured is right if it was left at "
                "its default",
                EdgescopeWarning,
                stacklevel=2,
            )
        elif not _same(value, option.default):
            return (
                f"it is built with {option.name}={value!r}, an option of {base.__name__} that "
                "edgescope does not know, so its formulas need not hold; leave it at its default, "
                "or register an adapter for it with es.capture.register"
            )
    return None


def check_arguments(
    adapter: Adapter, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Refuse a call of a layer with an argument that its adapter does not know.

    Args:
        adapter: the adapter; nothing is checked unless it says which arguments it knows.
        layer: the layer.
        args: positional arguments of the call.
        kwargs: keyword arguments of the call.

    Raises:
        InputError: if such an argument is not at its default.
    """
    known = _own(adapter, "arguments")
    unknown = () if known is None else _arguments(layer.__class__, known)
    given = bound_arguments(layer, args, kwargs) if unknown else {}
    for argument in unknown:
        if not _same(given[argument.name], argument.default):
            raise InputError(
                f"{type(layer).__name__} was called with {argument.name}=, an argument that "
                "edgescope does not know, so its formulas need not hold; leave it out, or leave "
                "the layer out with sites="
            )


def refuse_two_sets(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse the reversed flow between two sets of nodes, which PyG's layers read in two ways.

    PyG 2.8 looks up the first set by the second row of ``edge_index``, and in explanation mode by
    the first; most layers return as many nodes as there are in the set that is attended to.

    Raises:
        InputError: if the layer is called with two sets.
    """
    match bound_arguments(layer, args, kwargs).get("x"):
        case (first, second) if first is not second:
            raise InputError(
                f"{type(layer).__name__} has flow='target_to_source' and is given two sets of "
                "nodes, of which PyG does not say which end of an edge is in which; build it "
                "without flow and give it edge_index.flip(0)"
            )


def refuse_fused(layer: Layer, edge_index: object) -> None:
    """Refuse the path that computes no messages at all.

    Raises:
        InputError: if the layer is about to take it.
    """
    from torch_geometric.utils import is_sparse

    ordered = getattr(layer, "SUPPORTS_FUSED_EDGE_INDEX", False) and getattr(
        edge_index, "is_sorted_by_col", False
    )
    if is_sparse(edge_index) or ordered:
        raise InputError(
            f"{type(layer).__name__} fuses messages and their aggregation for a sorted or sparse "
            "adjacency, so no message exists to capture; set its fuse = False or pass a plain "
            "edge_index"
        )


def _own(adapter: Adapter, name: str) -> frozenset[str] | None:
    """Return what the class of an adapter itself says that it knows.

    What it inherits is of another layer: who derives an adapter for a layer with more options
    answers for them.
    """
    known: frozenset[str] | None = vars(type(adapter)).get(name)
    return known


@cache
def _arguments(kind: Any, known: frozenset[str]) -> tuple[inspect.Parameter, ...]:  # noqa: ANN401  (a class)
    """Return the parameters of ``forward`` of a class that are not among the known names."""
    return _others(kind.forward, known)


@cache
def _parameters(base: Any, known: frozenset[str]) -> tuple[inspect.Parameter, ...]:  # noqa: ANN401  (a class)
    """Return the options of the constructors of a class and its bases that are not known."""
    own = [vars(kind) for kind in base.__mro__ if kind not in nn.Module.__mro__]
    makers = [names["__init__"] for names in own if "__init__" in names]
    return tuple(option for maker in makers for option in _others(maker, known))


def _others(function: Any, known: frozenset[str]) -> tuple[inspect.Parameter, ...]:  # noqa: ANN401  (any function)
    _, *parameters = inspect.signature(function).parameters.values()
    return tuple(
        each
        for each in parameters
        if each.kind not in {each.VAR_KEYWORD, each.VAR_POSITIONAL} and each.name not in known
    )


def _same(value: object, default: object) -> bool:
    """Whether a value is the default; a tensor is so only if it is the very same."""
    return value is default or (type(value) is type(default) and bool(value == default))
