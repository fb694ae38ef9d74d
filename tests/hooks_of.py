"""Everything that hangs on a model and is not part of it."""

from typing import Any

from torch import nn
from torch.nn.modules import module as torch_modules


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
