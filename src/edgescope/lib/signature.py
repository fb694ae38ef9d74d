"""What a model's ``forward`` takes: its own signature, or that of the model inside a wrapper."""

import ast
import inspect
import typing
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Literal
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from edgescope.lib.errors import InputError

Kind = Literal["graph", "tensor", ""]
"""What an annotation says that an argument holds: a whole graph, a tensor, or nothing certain."""

WHOLE_NAMES = frozenset(
    {
        "batch",
        "batch_data",
        "batched_data",
        "batched_graph",
        "batched_graphs",
        "data",
        "g",
        "graph",
        "graphs",
    }
)
"""Names by which a ``forward`` with one required argument asks for the batch as a whole, even if
the batch has an attribute of that name, such as its vector ``batch``."""

_GRAPH_NAMES = frozenset({*WHOLE_NAMES, "edge_index", "edge_index_dict", "x", "x_dict"})

_GRAPH_CLASSES = frozenset({"BaseData", "Batch", "Data", "HeteroData", "TemporalData"})
_TENSOR_CLASSES = frozenset({"Adj", "OptTensor", "Tensor"})

_SIGNATURES: WeakKeyDictionary[Any, inspect.Signature] = WeakKeyDictionary()
"""Signatures by function: finding one takes longer than a small layer."""

_KINDS: WeakKeyDictionary[Any, dict[str, Kind]] = WeakKeyDictionary()
"""What the annotations say, by function, for the same reason."""


def forward_signature(module: nn.Module) -> inspect.Signature:
    """Return the signature of ``module.forward``, without ``self``."""
    forward = module.forward
    function = getattr(forward, "__func__", None)
    if function is None:  # not a method: someone has put it into this module alone
        return inspect.signature(forward)
    if function not in _SIGNATURES:
        _SIGNATURES[function] = inspect.signature(forward)
    return _SIGNATURES[function]


def bound_call(
    module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a call of ``module`` by name; of a wrapper, as the model inside does.

    They are named as the wrapper itself does where it is not certain what is inside, or where
    they are no arguments of that, as of a wrapper that makes others of them.
    """
    try:
        return dict(forward_signature(inner_model(module)[1]).bind(*args, **kwargs).arguments)
    except (InputError, TypeError):  # of bind, if the arguments do not fit
        return dict(forward_signature(module).bind(*args, **kwargs).arguments)


def inner_model(model: nn.Module) -> tuple[str, nn.Module]:
    """Return the path and the model whose ``forward`` names its arguments.

    That is the model itself, unless its ``forward`` takes ``*args, **kwargs`` alone, as torch's
    ``DataParallel``, compiled models and wrappers of one's own do. Then it is what the wrapper
    holds as ``module``, or its only child, or the only one whose ``forward`` takes a graph; and
    so on inward.

    Raises:
        InputError: if it is not certain which child the wrapper calls.
    """
    path: list[str] = []
    inner = model
    while _is_open(inner):
        children = dict(inner.named_children())
        if "module" in children:
            name = "module"
        elif len(children) == 1:
            name = next(iter(children))
        else:
            able = [each for each, child in children.items() if _takes_graph(child)]
            if len(able) != 1:
                raise InputError(
                    f"{type(inner).__name__}.forward takes *args and **kwargs, and which of its "
                    f"modules it calls with them is not certain ({', '.join(children) or 'none'}); "
                    "pass that module, such as model.module, or call="
                )
            name = able[0]
        path.append(name)
        inner = children[name]
    return ".".join(path), inner


def annotated(module: nn.Module) -> dict[str, Kind]:
    """Return what the annotations of ``module.forward`` say of its arguments, by name.

    Annotations may be text, and ``Optional``, ``Annotated`` or a union of what is meant.
    """
    forward = module.forward
    function = getattr(forward, "__func__", None)
    if function is None:
        return _kinds(forward)
    if function not in _KINDS:
        _KINDS[function] = _kinds(function)
    return _KINDS[function]


def _is_open(module: nn.Module) -> bool:
    parameters = list(forward_signature(module).parameters.values())
    variable = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return bool(parameters) and all(each.kind in variable for each in parameters)


def _takes_graph(module: nn.Module) -> bool:
    """Return whether the ``forward`` of a module, or of what it wraps, takes a graph."""
    try:
        inner = inner_model(module)[1]
    except InputError:
        return False
    names = forward_signature(inner).parameters
    return not _GRAPH_NAMES.isdisjoint(names) or "graph" in annotated(inner).values()


def _kinds(function: Any) -> dict[str, Kind]:  # noqa: ANN401  (any callable)
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # noqa: BLE001  (evaluating text of the user's raises whatever it says)
        hints = getattr(function, "__annotations__", {})
    return {name: _kind(hint) for name, hint in hints.items() if name != "return"}


def _kind(hint: Any) -> Kind:  # noqa: ANN401  (an annotation is any object)
    if isinstance(hint, typing.ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        return _one({_kind_of_name(name) for name in _names(hint)})
    origin = typing.get_origin(hint)
    if origin in {typing.Union, UnionType}:
        return _one(_kind(each) for each in typing.get_args(hint))
    if origin is typing.Annotated:
        return _kind(typing.get_args(hint)[0])
    if not isinstance(hint, type):
        return ""
    if issubclass(hint, Tensor):
        return "tensor"
    own = (c.__name__ for c in hint.__mro__ if c.__module__.startswith("torch_geometric.data"))
    return _one({_kind_of_name(name) for name in own})


def _kind_of_name(name: str) -> Kind:
    if name in _GRAPH_CLASSES:
        return "graph"
    return "tensor" if name in _TENSOR_CLASSES else ""


def _one(kinds: Iterable[Kind]) -> Kind:
    """Return the one thing that several alternatives say; a graph if they say several."""
    said: set[Kind] = set(kinds) - {""}
    if "graph" in said:
        return "graph"
    return said.pop() if said else ""


def _names(text: str) -> set[str]:
    """Return the last names of the classes that an annotation written as text is a union of."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return set()
    return _alternatives(tree)


def _alternatives(node: ast.expr) -> set[str]:
    match node:
        case ast.Constant(value=str(text)):
            return _names(text)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return {name}
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _alternatives(left) | _alternatives(right)
        case ast.Subscript(value=ast.Name(id=outer) | ast.Attribute(attr=outer), slice=inside):
            within = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            if outer == "Annotated":
                within = within[:1]
            elif outer not in {"Optional", "Union"}:
                return set()
            return set().union(*map(_alternatives, within))
    return set()
