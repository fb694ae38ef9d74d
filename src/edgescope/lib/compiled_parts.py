"""What is compiled in a model, and the originals that it keeps.

``torch.compile(model)`` gives a wrapper that keeps the model; ``model.compile()`` and a compiled
``forward`` leave the module where it is.
"""

import sys
from collections.abc import Iterator
from typing import Any

from torch import nn

_ORIGINAL = "_torchdynamo_orig_callable"
"""Where a compiled function keeps what it was made of; one that is never compiled does so too."""


def original(module: nn.Module) -> nn.Module:
    """Return what ``torch.compile`` has wrapped; a module that is no such wrapper itself."""
    while is_wrapper(module):
        module = module._orig_mod  # type: ignore[assignment]  # noqa: SLF001  (where torch keeps it)
    return module


def uncompiled(function: object) -> object:
    """Return the function that ``torch.compile`` was given; anything else itself."""
    if not _is_compiled_function(function):
        return function
    found = getattr(function, _ORIGINAL)
    # A function of torch's own is compiled within another one.
    around: Any = sys.modules.get("torch._dynamo.external_utils")
    code = getattr(found, "__code__", None)
    if code is not None and around is not None and code.co_filename == around.__file__:
        return getattr(found, "__wrapped__", found)
    return found


def is_wrapper(module: nn.Module) -> bool:
    """Return whether a module is what ``torch.compile`` makes of another."""
    return _is_optimized(module) and not ahead_of_time(module)


def ahead_of_time(module: nn.Module) -> bool:
    """Return whether a module was compiled ahead of time, so that calling it runs no original."""
    kind = type(vars(module).get("forward"))
    return _is_optimized(module) and kind.__module__.startswith("torch._dynamo.aot_compile")


def named_parts(model: nn.Module, *, each_once: bool = True) -> Iterator[tuple[str, nn.Module]]:
    """Give the modules of a model with their paths, of compiled ones their originals.

    It is ``model.named_modules()`` as if nothing were compiled: the original of ``conv`` is at
    ``conv`` and not at ``conv._orig_mod``.

    Args:
        model: the model.
        each_once: whether a module that is held in several places is given at the first alone.
    """
    kind = _optimized()
    for path, module in model.named_modules(remove_duplicate=each_once):
        if kind is None or not isinstance(module, kind) or ahead_of_time(module):
            yield plain_path(model, path), module


def plain_path(model: nn.Module, path: str) -> str:
    """Return the path of a module or a tensor as it is if nothing is compiled.

    Args:
        model: the model.
        path: as torch says it, such as ``conv._orig_mod.weight``.
    """
    if "_orig_mod" not in path:
        return path
    plain: list[str] = []
    owner: nn.Module | None = model
    for name in path.split("."):
        if owner is None or not is_wrapper(owner):
            plain.append(name)
        owner = None if owner is None else owner._modules.get(name)  # noqa: SLF001  (by name)
    return ".".join(plain)


def compiled_parts(model: nn.Module) -> list[str]:
    """Return the paths of what is compiled in a model, the outermost alone; empty is all of it.

    Example:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
        >>> model[1].compile()
        >>> compiled_parts(model)
        ['1']
    """
    if "torch._dynamo" not in sys.modules:
        return []
    found: dict[str, None] = {}
    parts = list(model.named_modules(remove_duplicate=False))
    compiled = {kind for kind in {type(each) for _, each in parts} if _holds_compiled(kind)}
    for path, module in parts:
        if type(module) in compiled or _is_compiled(module):
            plain = plain_path(model, path)
            if not any(not each or f"{plain}.".startswith(f"{each}.") for each in found):
                found[plain] = None
    return list(found)


def _optimized() -> Any:  # noqa: ANN401  (a class of torch's)
    """Return the class of what is compiled; ``None`` as long as the compiler is not loaded."""
    return getattr(sys.modules.get("torch._dynamo.eval_frame"), "OptimizedModule", None)


def _is_optimized(module: nn.Module) -> bool:
    kind = _optimized()
    return kind is not None and isinstance(module, kind)


def _is_compiled(module: nn.Module) -> bool:
    """Return whether a module, or a function that it computes with, is compiled."""
    if is_wrapper(module):
        context = type(vars(module).get("dynamo_ctx")).__name__
        return context != "DisableContext"  # of torch.compiler.disable, which compiles nothing
    if getattr(module, "_compiled_call_impl", None) is not None:
        return True
    held = vars(module).values()
    return any(_is_compiled_function(each) for each in held if callable(each))


def _holds_compiled(kind: type[nn.Module]) -> bool:
    """Return whether a function of a class is compiled, as by a decorator."""
    own = kind.__mro__[: kind.__mro__.index(nn.Module)]
    return any(_is_compiled_function(value) for base in own for value in vars(base).values())


def _is_compiled_function(value: object) -> bool:
    attributes = getattr(getattr(value, "__func__", value), "__dict__", None)
    if isinstance(value, nn.Module | type) or not isinstance(attributes, dict):
        return False
    return _ORIGINAL in attributes and "_torchdynamo_disable" not in attributes
