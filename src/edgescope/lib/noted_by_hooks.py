"""What hooks on a model note when it runs, and how it is put back.

A hook may change what the model computes, so it has to be called whenever the model runs. Most only
note something, in a list or the like, that they get hold of in one of a few ways.
"""

import dis
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from functools import partial
from operator import is_
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import nn
from torch.nn.modules import module as torch_module

HELD = (list, dict, set, deque, OrderedDict, defaultdict, Counter)
"""What things are collected in, such as the weights of every call."""

Back = Callable[[], None]
"""Puts something back."""


def hooks_of(model: nn.Module) -> list[Any]:
    """Return the hooks that are called when a model runs, without those of edgescope.

    Example:
        >>> model = nn.Linear(2, 2)
        >>> handle = model.register_forward_hook(print)
        >>> len(hooks_of(model))
        1
    """
    found: list[Any] = []
    for owner in (*model.modules(), torch_module):
        for name, hooks in vars(owner).items():
            if "_hooks" in name and "forward" in name and isinstance(hooks, dict) and hooks:
                found += (each for each in hooks.values() if callable(each))
    return [e for e in found if not str(getattr(e, "__module__", "")).startswith("edgescope.")]


def noted_back(hook: Any) -> Iterator[Back]:  # noqa: ANN401  (a function or an object)
    """Give what puts back what a hook notes.

    That is what its variables hold, those of the function around it and the global ones that it
    sets, with the entries of lists and the like in these; and the attributes of an object of the
    user's that it is a method of or has in a variable. So it is with the user's functions that it
    calls. What it writes elsewhere, as to a file, is not put back.

    Args:
        hook: the hook.

    Example:
        >>> seen = []
        >>> def hook(*_):
        ...     seen.append(1)
        >>> backs = list(noted_back(hook))
        >>> hook()
        >>> for back in backs:
        ...     back()
        >>> seen
        []
    """
    left, seen = [hook], {id(hook)}
    while left:
        value = left.pop()
        more: list[Any] = []
        if type(value) in HELD:
            yield entries_back(value)
        elif isinstance(value, partial):
            more = [value.func, *value.args, *value.keywords.values()]
        elif isinstance(value, MethodType):
            more = [value.__self__, value.__func__]
        elif isinstance(value, FunctionType) and not _is_of_library(value):
            yield from _variables_back(value)
            more = _variables(value)
        elif _is_users(value):
            yield entries_back(vars(value))
            more = [each for each in vars(value).values() if type(each) in HELD]
            more += [type(value).__call__] if callable(value) else []
        left += [each for each in more if id(each) not in seen]
        seen.update(map(id, more))


def _is_users(value: Any) -> bool:  # noqa: ANN401  (whatever a hook holds)
    """Return whether a value is an object of the user's that may note things in its attributes."""
    if isinstance(value, nn.Module | ModuleType | type):
        return False  # a module of the model is put back by itself
    return type(getattr(value, "__dict__", None)) is dict and not _is_of_library(type(value))


def _is_of_library(value: Any) -> bool:  # noqa: ANN401  (a function or a class)
    """Return whether a function or a class is of a package that is installed."""
    name = str(value.__module__)
    file = str(getattr(sys.modules.get(name), "__file__", None) or "")
    return name.partition(".")[0] in sys.stdlib_module_names - {"__main__"} or "-packages/" in file


def _variables(function: FunctionType) -> list[Any]:
    """Return what the variables hold that a function has but for its arguments."""
    cells = [each for cell in function.__closure__ or () for each in _content(cell)]
    named = [function.__globals__.get(name) for name in _names(function.__code__)]
    return [
        *cells,
        *named,
        *(function.__defaults__ or ()),
        *(function.__kwdefaults__ or {}).values(),
    ]


def _variables_back(function: FunctionType) -> Iterator[Back]:
    """Give what makes the variables that a function sets hold what they did."""
    for cell in function.__closure__ or ():
        for before in _content(cell):
            yield partial(setattr, cell, "cell_contents", before)
    named = function.__globals__
    for each in dis.get_instructions(function.__code__):
        if each.opname == "STORE_GLOBAL" and each.argval in named:
            yield partial(named.__setitem__, each.argval, named[each.argval])


def _content(cell: CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # nothing was put into it yet
        return []


def _names(code: CodeType) -> Iterator[str]:
    """Give the global names that a function may use, also those of functions within it."""
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)


def entries_back(held: Any) -> Back:  # noqa: ANN401  (one of HELD)
    """Return what puts the entries of a list or the like back, if they have changed since."""
    kept: Any = dict(held) if isinstance(held, dict) else list(held)

    def back() -> None:
        now, then = _entries(held), _entries(kept)
        if len(now) == len(then) and all(map(is_, now, then)):
            return
        held.clear()
        (held.update if isinstance(held, dict | set) else held.extend)(kept)

    return back


def _entries(held: Any) -> list[Any]:  # noqa: ANN401  (one of HELD)
    return [*held, *held.values()] if isinstance(held, dict) else list(held)
