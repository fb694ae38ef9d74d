"""Re-initialising a model: every module's own reset, and what none of them reaches."""

import inspect
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from edgescope.capturing.discovered_sites import carry
from edgescope.lib.compiled_parts import named_parts, original, plain_path
from edgescope.lib.eager_twin import eager_copy
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import generators_kept

Reset = Callable[[nn.Module], object]

METHODS = ("reset_parameters", "_reset_parameters")
"""What modules call their reset; the second is torch's in ``MultiheadAttention`` and
``Transformer``, which have no other."""

NAMED = 8
"""How many tensors an error names."""


BASELINE_NEEDS = (
    "which an untrained baseline needs; pass an untrained model of your own as the baseline"
)
"""Why a model is copied by default."""


def copy_model(model: nn.Module, needed: str = BASELINE_NEEDS) -> nn.Module:
    """Return a deep copy, with the sites that were discovered in the model.

    Args:
        model: the model.
        needed: what needs the copy and what else can be done, as an error says it.

    Raises:
        InputError: if the model has parameters without a size yet, or cannot be copied.
    """
    lazy = [plain_path(model, name) for name, p in model.named_parameters() if is_lazy(p)]
    if lazy:
        raise InputError(
            f"{_listed(lazy)} of {type(model).__name__} have no size yet, expected a model that "
            "has run once; call it on a batch before the scan"
        )
    try:
        copied = eager_copy(model)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"{type(model).__name__} cannot be copied with copy.deepcopy ({error}), {needed}"
        ) from error
    carry(model, copied)
    return copied


def reinitialise(model: nn.Module, seed: int, reset: Reset | None) -> None:
    """Reset every module of ``model`` in place; no generator of random numbers is left changed.

    Children are reset before their parents, in the order in which they were registered, so that
    a parent which initialises its children in its own way has the last word. ``reset`` comes
    after all of them.

    Args:
        model: the model.
        seed: seed of torch's, numpy's and Python's generators meanwhile.
        reset: called on the model at the end, if given.

    Raises:
        InputError: if a module's reset needs arguments.
    """
    with _seeded(model, seed), torch.no_grad():
        for name, module in _children_first(model):
            method = next((m for m in METHODS if callable(getattr(module, m, None))), None)
            if method is not None:
                _call(name or "the model", module, method, own=reset is not None)
        if reset is not None:
            reset(model)


def keep_tensors(model: nn.Module, original: nn.Module, keep: Sequence[str]) -> None:
    """Set the tensors of ``model`` whose name matches a pattern to those of ``original``.

    Raises:
        InputError: if a pattern matches none.
    """
    names = list(tensors(original))
    for pattern in keep:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InputError(
                f"keep={pattern!r} matches no parameter or buffer of {type(original).__name__}; "
                f"its names are such as {_listed(names)}"
            )
    values = tensors(original)
    with torch.no_grad():
        for name, tensor in tensors(model).items():
            if _kept(name, keep):
                tensor.copy_(values[name])


def check_reset(model: nn.Module, reset: Reset | None, keep: Sequence[str]) -> None:
    """Refuse a model that has parameters or buffers which no reset sets.

    What a reset sets does not depend on what was there before. So two copies are filled with
    different numbers and reset with the same seed: a tensor in which they then differ was not
    set, or not everywhere. Comparing a single copy before and after would not do: a bias of zero
    is set to zero.

    Raises:
        InputError: if there are such tensors that ``keep`` does not name.
    """
    outcomes = []
    for fill in (1, 2):
        scratch = copy_model(model)
        with torch.no_grad():
            for tensor in tensors(scratch).values():
                tensor.fill_(
                    fill == 1
                    if tensor.dtype == torch.bool
                    else fill / 2
                    if tensor.dtype.is_floating_point
                    else fill
                )
        reinitialise(scratch, 0, reset)
        outcomes.append(tensors(scratch))
    first, second = outcomes
    left = [
        name
        for name, tensor in first.items()
        if not _kept(name, keep) and not torch.equal(tensor, second[name])
    ]
    if left:
        owners = dict(named_parts(model))
        classes = {type(owners[name.rpartition(".")[0]]).__name__ for name in left}
        raise InputError(
            f"no reset_parameters of {type(model).__name__} sets {_listed(left)} (of "
            f"{', '.join(sorted(classes))}); pass es.Untrained(keep=({left[0]!r}, ...)) with names "
            "or patterns to leave them as they are, or reset= a function of the model that sets "
            "them"
        )


def tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and the buffers that a checkpoint holds, by name, each once."""
    passing = {
        id(module._buffers[name])  # noqa: SLF001  (torch has no public list of these)
        for module in model.modules()
        for name in module._non_persistent_buffers_set  # noqa: SLF001
    }
    found: dict[str, Tensor] = dict(model.named_parameters())
    found |= {n: buffer for n, buffer in model.named_buffers() if id(buffer) not in passing}
    return {plain_path(model, name): tensor for name, tensor in found.items()}


def _children_first(
    module: nn.Module, name: str = "", seen: set[nn.Module] | None = None
) -> Iterator[tuple[str, nn.Module]]:
    seen = set() if seen is None else seen
    if module in seen:
        return
    seen.add(module)
    for child_name, child in module.named_children():
        yield from _children_first(original(child), f"{name}.{child_name}".lstrip("."), seen)
    yield name, module


def _call(name: str, module: nn.Module, method: str, own: bool) -> None:
    """Call a module's reset; one that needs arguments is left to the user's own, if there is."""
    function = getattr(module, method)
    needed = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]
    if not needed:
        function()
    elif not own:
        raise InputError(
            f"{name} ({type(module).__name__}) has a {method} that needs {', '.join(needed)}, "
            "expected one without arguments; pass es.Untrained(reset=) a function of the model "
            "that calls it"
        )


@contextmanager
def _seeded(model: nn.Module, seed: int) -> Iterator[None]:
    """Seed all generators of random numbers, and set them back."""
    # Not torch.manual_seed: it would also seed devices that the model is not on.
    devices = {tensor.device for tensor in [*model.parameters(), *model.buffers()]}
    cuda = sorted({device.index for device in devices if device.type == "cuda"})
    with generators_kept(cuda):
        torch.default_generator.manual_seed(seed)
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002  (what others use)
        yield


def _kept(name: str, keep: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in keep)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
