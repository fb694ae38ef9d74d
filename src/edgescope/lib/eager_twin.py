"""The eager twin of a compiled model: the original that it keeps, with the same parameters.

It is looked at in place of the compiled model, as hooks inside compiled code are compiled too, or
never called.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, TypeVar, cast
from warnings import warn

from torch import nn

from edgescope.lib.compiled_parts import compiled_parts, is_wrapper, original, uncompiled
from edgescope.lib.compiler_stance import TWINS
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.mistakes import check_model

_Model = TypeVar("_Model", bound=nn.Module)


def eager_twin(model: _Model, *, stacklevel: int = 3) -> _Model:
    """Return the eager original of a compiled model, to be called in its place, or a model itself.

    It holds the same parameters. What is compiled is warned of, as by :func:`warn_of_compiled`.

    Args:
        model: what was passed as a model.
        stacklevel: whose line the warning names, as for :func:`warnings.warn`.

    Raises:
        InputError: if it is no model; if the compiled model has hooks of its own, which the
            original does not call.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 2)
        >>> eager_twin(model) is model
        True
    """
    check_model(model)
    _check_own_hooks(model)
    warn_of_compiled(model, stacklevel=stacklevel + 1)
    return cast("_Model", original(model))


def warn_of_compiled(model: nn.Module, *, stacklevel: int = 3) -> None:
    """Warn, once per model, that what is compiled in it is looked at in its eager original.

    Args:
        model: what was passed as a model.
        stacklevel: whose line the warning names, as for :func:`warnings.warn`.

    Raises:
        InputError: if it is no model.
    """
    check_model(model)
    compiled, twin = compiled_parts(model), original(model)
    if compiled and twin not in TWINS:
        TWINS.add(twin)
        warn(eager_words(compiled), EdgescopeWarning, stacklevel=stacklevel)


def eager_words(paths: Sequence[str]) -> str:
    """Say which parts of a model are compiled, and that their eager originals are run.

    Example:
        >>> eager_words(["conv2"])
        'conv2 is compiled: its eager original is run, so numbers may differ from the compiled \
ones by rounding'
    """
    named = "the model" if "" in paths else ", ".join(paths)
    one = len(paths) == 1 or "" in paths
    run = "is compiled: its eager original is" if one else "are compiled: their eager originals are"
    return f"{named} {run} run, so numbers may differ from the compiled ones by rounding"


def eager_copy(model: _Model) -> _Model:
    """Return a deep copy of a model, whose compiled functions are not those of the model's modules.

    ``copy.deepcopy`` takes a function as it is. The copy of a module that was given ``forward =
    torch.compile(module.forward)`` would go on to compute with the module it was copied from; it
    is given back the function of its class.

    Raises:
        InputError: if a module holds a compiled function of another one.
    """
    made = deepcopy(model)
    for owner, new in zip(model.modules(), made.modules(), strict=True):
        if is_wrapper(owner):
            continue
        for name, value in list(vars(owner).items()):
            if name == "_compiled_call_impl":  # torch leaves it out of a copy
                continue
            function: Any = uncompiled(value)
            whose = getattr(function, "__self__", None)
            if function is value or not isinstance(whose, nn.Module):
                continue
            if whose is not owner or function.__func__ is not getattr(type(owner), name, None):
                raise InputError(
                    f"{type(owner).__name__} holds a compiled function of a {type(whose).__name__} "
                    f"as {name}, which a copy of it would call too; compile with torch.compile("
                    "model) or model.compile() instead"
                )
            delattr(new, name)
    if original(model) in TWINS:
        TWINS.add(original(made))  # what is compiled in it was warned of
    return made


def _check_own_hooks(model: nn.Module) -> None:
    while is_wrapper(model):
        own = vars(model)
        if own.get("_forward_hooks") or own.get("_forward_pre_hooks"):
            raise InputError(
                "the compiled model has forward hooks of its own, which the eager original that is "
                "looked at does not call; register them on the original, model._orig_mod"
            )
        model = model._orig_mod  # type: ignore[assignment]  # noqa: SLF001  (as above)
