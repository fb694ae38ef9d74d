"""What tells the operations of a run from those of others, and what is known of each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from edgescope.capturing.discovery.steps import Step

Raw = list[Any]
"""An operation with its arguments, those by name, and its result."""

_About = tuple[str, tuple[tuple[int, str], ...] | None, Any]

_ABOUT: dict[int, _About] = {}
"""By ``id``, as an operation takes long to hash; with the operation, so that its ``id`` stays its.
"""


def about(func: Any) -> _About:  # noqa: ANN401  (torch's operation)
    """Return the name of an operation, and the arguments that it writes to, by place and name.

    Nothing is known of what an operation writes to that runs others.
    """
    found = _ABOUT.get(id(func))
    if found is None:
        schema = getattr(func, "_schema", None)
        words = str(func).split(".")
        name = words[min(1, len(words) - 1)]
        if not name.endswith("__"):
            name = name.removesuffix("_")
        written = schema and tuple(
            (n, each.name)
            for n, each in enumerate(schema.arguments)
            if each.alias_info is not None and each.alias_info.is_write
        )
        found = _ABOUT[id(func)] = (name, written, func)
    return found


def mark_of(step: Step) -> tuple[Any, ...]:
    """Return what tells a step of a run from others: the operation, and what it worked on."""
    words = _words(step.name, step.args, step.kwargs)
    return (id(step.func), *(value.number for value in step.inputs()), *words)


def _words(name: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the arguments that are words, such as how rows are combined."""
    if name not in _WORDED:
        return ()
    return tuple(each for each in (*args, *kwargs.values()) if isinstance(each, str))


_WORDED = frozenset({"scatter_reduce", "index_reduce", "segment_reduce", "div"})


def marks_of(run: Iterable[Raw]) -> tuple[tuple[Any, ...], list[Tensor]]:
    """Return what :func:`mark_of` of each operation would be, and the tensors by their numbers.

    Args:
        run: operations that write to nothing.
    """
    numbers: dict[int, int] = {}
    tensors: list[Tensor] = []
    marks: list[tuple[Any, ...]] = []
    for func, args, kwargs, result in run:
        mark: list[Any] = [id(func)]
        for each in _tensors((*args, *kwargs.values()) if kwargs else args):
            number = numbers.get(id(each))
            if number is None:
                number = numbers[id(each)] = len(tensors)
                tensors.append(each)
            mark.append(number)
        mark += _words(about(func)[0], args, kwargs)
        marks.append(tuple(mark))
        for each in several(result):
            if isinstance(each, Tensor):
                numbers[id(each)] = len(tensors)
                tensors.append(each)
    return tuple(marks), tensors


def _tensors(args: Iterable[Any]) -> list[Tensor]:
    """Return the tensors among arguments, and in lists of these, in their order."""
    found: list[Tensor] = []
    for each in args:
        if isinstance(each, Tensor):
            found.append(each)
        elif isinstance(each, (list, tuple)):
            found += _tensors(each)
    return found


def several(result: Any) -> Sequence[Any]:  # noqa: ANN401  (what an operation returns)
    """Return the results of an operation."""
    return result if isinstance(result, (tuple, list)) else (result,)
