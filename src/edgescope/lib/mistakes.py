"""Natural mistakes in what is passed to a function, named in one line before anything runs."""

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from torch import nn

from edgescope.lib.errors import InputError

_FRAMES = ("DataFrame", "GeoDataFrame", "LazyFrame")


def check_model(model: object, name: str = "model") -> None:
    """Refuse what is no model.

    Args:
        model: what was passed.
        name: what the function calls it.

    Raises:
        InputError: if it is no :class:`torch.nn.Module`; it says what it seems to be.
    """
    if isinstance(model, nn.Module):
        return
    if inspect.isclass(model) and issubclass(model, nn.Module):
        raise InputError(
            f"received the class {model.__name__} as {name}, expected a model made of it, such as "
            f"{model.__name__}(...)"
        )
    if isinstance(model, str | Path):
        raise InputError(
            f"received the text {str(model)!r} as {name}, expected a torch.nn.Module; read weights "
            "with es.models.load, or make the model and load its state_dict"
        )
    if is_graph(model) or is_loader(model):
        raise InputError(
            f"received {said(model)} as {name}, expected a torch.nn.Module; the model comes "
            "first and the loader second"
        )
    if hasattr(model, "_torchdynamo_orig_callable") or _is_of(model, "torch._dynamo"):
        raise InputError(
            f"received a compiled function as {name}, expected a torch.nn.Module; pass the model "
            "itself, which is run eagerly, and how to call it with call="
        )
    if _is_of(model, "torch.export") or _is_of(model, "torch._inductor"):
        raise InputError(
            f"received {said(model)} as {name}, a list of operations in which no layer is left; "
            "capture the module that it was exported from"
        )
    raise InputError(
        f"received {said(model)} as {name}, expected a torch.nn.Module; models of other libraries "
        "cannot be inspected"
    )


def _is_of(thing: object, package: str) -> bool:
    return f"{type(thing).__module__}.".startswith(f"{package}.")


def check_loader(loader: object) -> None:
    """Refuse what cannot be gone through for batches, again and again.

    Raises:
        InputError: saying what was passed, and what to pass.
    """
    remedy = _no_loader(loader)
    if remedy:
        raise InputError(
            f"received {said(loader)} as the loader, expected a loader, a data set or a list of "
            f"graphs; {remedy}"
        )
    if isinstance(loader, Iterator):
        raise InputError(
            f"received a {type(loader).__name__}, which can be iterated only once; "
            "pass a loader or a list of batches"
        )
    if isinstance(loader, list | tuple) and not len(loader):
        raise InputError("the loader gave no batch; pass a loader over at least one graph")


def _no_loader(given: object) -> str:
    """Return what to do about something that is no loader; empty if it may be one."""
    graphs = is_graph(given) or is_dataset(given)
    iterable = isinstance(given, Iterable) and not isinstance(given, dict)
    several = isinstance(given, list | tuple) and len(given) > 0
    found = {
        "the model comes first and the loader second": isinstance(given, nn.Module),
        "pass what the class makes": inspect.isclass(given),
        "read a file with es.data.load, and pass es.data.loader of one of its parts": isinstance(
            given, str | bytes | Path
        ),
        "es.data.load makes graphs of a table of molecules": is_frame(given),
        "pass one of its parts, such as es.data.loader(splits.test)": is_splits(given),
        "let it hold PyG's Data or Batch objects": several and _no_batch(given[0]),  # type: ignore[index]  # several says so
        "PyG's DataLoader and es.data.loader make one": hasattr(given, "dtype")
        or not (graphs or iterable),
    }
    return next((remedy for remedy, applies in found.items() if applies), "")


def _no_batch(item: object) -> bool:
    return isinstance(item, str | bytes | Path | Real | nn.Module)


def check_number(value: object, name: str) -> None:
    """Refuse a number that is written as text, or is none.

    Raises:
        InputError: naming what was received.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(
            f"received {name}={value!r} ({type(value).__name__}), expected a number, such as 1000"
        )


def check_inputs(inputs: object) -> None:
    """Refuse names of a model's inputs that are no mapping.

    Raises:
        InputError: naming what was received.
    """
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InputError(
            f"received inputs={inputs!r}, expected a dictionary of edgescope's names to the "
            "model's, such as {'edge_index': 'edges'}"
        )


def check_several(names: object, option: str) -> None:
    """Refuse what is neither a name nor several, for an option that takes names or patterns.

    Raises:
        InputError: naming what was received.
    """
    if not isinstance(names, str | Iterable):
        raise InputError(
            f"received {option}={names!r}, expected a name or pattern, or a list of these"
        )


def is_graph(thing: object) -> bool:
    """Return whether something is a graph or a batch of PyG's."""
    data = sys.modules.get("torch_geometric.data.data")
    return data is not None and isinstance(thing, data.BaseData)


def is_dataset(thing: object) -> bool:
    """Return whether something holds single graphs by their position, and is no plain list."""
    if isinstance(thing, list | tuple) or is_graph(thing) or hasattr(thing, "batch_size"):
        return False
    if is_frame(thing):
        return False
    found = hasattr(type(thing), "__getitem__") and hasattr(type(thing), "__len__")
    return found and not isinstance(thing, dict | str | bytes) and not hasattr(thing, "dtype")


def is_splits(thing: object) -> bool:
    """Return whether something is the three parts of a data set together."""
    fields = getattr(thing, "_fields", ())
    return isinstance(fields, tuple) and {"train", "val", "test"} <= set(fields)


def is_loader(thing: object) -> bool:
    """Return whether something seems to be a loader or a list of graphs."""
    if isinstance(thing, list | tuple):
        return bool(thing) and all(map(is_graph, thing))
    return hasattr(thing, "dataset") or is_dataset(thing)


def is_frame(thing: object) -> bool:
    """Return whether something is a data frame of polars or pandas, without importing either."""
    libraries = {each.__module__.partition(".")[0] for each in type(thing).__mro__}
    return bool(libraries & {"polars", "pandas"}) and type(thing).__name__ in _FRAMES


def said(thing: Any) -> str:  # noqa: ANN401  (whatever was passed)
    """Say what something is in a few words."""
    if thing is None:
        return "None"
    if inspect.isclass(thing):
        return f"the class {thing.__name__}"
    if isinstance(thing, list | tuple) and type(thing) in {list, tuple}:
        kind = type(thing).__name__
        return f"a {kind} of {type(thing[0]).__name__}" if thing else f"an empty {kind}"
    if isinstance(thing, str | int | float):
        return f"{thing!r} ({type(thing).__name__})"
    module = type(thing).__module__.partition(".")[0]
    name = type(thing).__name__
    return f"a {name}" if module == "builtins" else f"a {name} ({module})"
