"""Everything that hangs on a model or on torch and is not part of it."""

from typing import Any

from torch import nn
from torch._C import _len_torch_function_stack
from torch.nn.modules import module as torch_modules
from torch.overrides import _get_current_function_mode_stack
from torch.overrides import _pop_mode as _pop_function_mode
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack, _pop_mode


def hooks_of(model: nn.Module) -> list[Any]:
    """Return the hooks of every module: torch's dictionaries, and those of PyG's layers."""
    return [
        hook
        for module in model.modules()
        for name, hooks in vars(module).items()
        if "hooks" in name and isinstance(hooks, dict)
        for hook in hooks.values()
    ]


def global_hooks() -> list[Any]:
    """Return the hooks that torch calls for all modules."""
    return [
        hook
        for name, hooks in vars(torch_modules).items()
        if name.startswith("_global_") and isinstance(hooks, dict)
        for hook in hooks.values()
    ]


def modes() -> list[Any]:
    """Return the modes that torch sends every operation of this thread through."""
    return [*_get_current_dispatch_mode_stack(), *_get_current_function_mode_stack()]


def drop_modes() -> None:
    """Take away all modes, as after a test that found one left."""
    while _get_current_dispatch_mode_stack():
        _pop_mode()
    while _len_torch_function_stack():
        _pop_function_mode()
