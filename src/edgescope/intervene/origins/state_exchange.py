"""The tensors of a trained model and their initial values, in any mixture, in one working copy."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from edgescope.lib.compiled_parts import plain_path
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.scanning.reset import copy_model

Level = Literal["layer", "module", "tensor"]
"""How much is put back at once: what stands under the first number of a path, such as
``layers.3`` (or under its first name, such as ``readout``); what one module holds; one tensor."""

LEVELS: tuple[str, ...] = get_args(Level)

RUNNING = ("running_mean", "running_var", "num_batches_tracked")
"""Buffers of batch norm, which are estimates of one thing and are put back together."""

WHOLE = "(the model)"
"""What the tensors are called that the model itself holds."""

_NAMED = 4


class Exchange:
    """A copy of a trained model, some of whose tensors are set to their initial values.

    Tensors are parameters and buffers; those of batch norm are among them.

    Args:
        model: the trained model; it is left as it was.
        initial: the untrained model, or its state dict.

    Attributes:
        model: the copy.
        changed: names of the tensors that differ between the two in some bit.
        kept: names of the tensors that a state dict does not hold, and that stay as they are.

    Raises:
        InputError: if names, shapes or types of the tensors differ.

    Example:
        >>> import torch
        >>> from edgescope.intervene.origins.state_exchange import Exchange
        >>> trained, untrained = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
        >>> exchange = Exchange(trained, untrained)
        >>> exchange.rewind(["bias"])
        >>> torch.equal(exchange.model.bias, untrained.bias)
        True
        >>> torch.equal(exchange.model.weight, trained.weight)
        True
    """

    def __init__(self, model: nn.Module, initial: nn.Module | Mapping[str, Tensor]) -> None:
        self.model = copy_model(model, "which putting tensors back needs")
        trained = state_of(model)
        self._now = state_of(self.model)
        if isinstance(initial, nn.Module):
            before = state_of(initial)
            self.kept: tuple[str, ...] = ()
        else:
            before = _of_mapping(initial, model)
            self.kept = tuple(name for name in trained if name not in before)
            before |= {name: trained[name] for name in self.kept}
        _check(trained, before)
        self._trained = {name: tensor.detach().clone() for name, tensor in trained.items()}
        self._initial = {
            name: before[name].detach().clone().to(tensor.device)
            for name, tensor in trained.items()
        }
        self.changed = tuple(
            name for name in trained if not _same(self._trained[name], self._initial[name])
        )

    @property
    def number(self) -> int:
        """How many tensors the model has."""
        return len(self._now)

    def rewind(self, names: Collection[str]) -> None:
        """Set these tensors of the copy to their initial values, and all others to the trained."""
        wanted = set(names)
        with torch.no_grad():
            for name in self.changed:
                source = self._initial if name in wanted else self._trained
                self._now[name].copy_(source[name])

    def units(self, level: str, names: Sequence[str] | None = None) -> dict[str, tuple[str, ...]]:
        """Return the tensors that are put back together, by what they are called.

        Args:
            level: how much that is.
            names: the tensors to divide; by default all that have changed.
        """
        found: dict[str, list[str]] = {}
        for name in self.changed if names is None else names:
            found.setdefault(unit_of(name, level), []).append(name)
        return {unit: tuple(several) for unit, several in found.items()}


def unit_of(name: str, level: str) -> str:
    """Return what a tensor is put back with at a level.

    Example:
        >>> [unit_of("layers.3.node.norm1.running_mean", level) for level in LEVELS]
        ['layers.3', 'layers.3.node.norm1', 'layers.3.node.norm1.running_*']
        >>> unit_of("readout.layers.0.weight", "layer")
        'readout.layers.0'
    """
    owner, _, last = name.rpartition(".")
    if level == "tensor":
        return f"{owner}.running_*".lstrip(".") if last in RUNNING else name
    if level == "module":
        return owner or WHOLE
    parts = owner.split(".")
    number = next((place for place, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[: number + 1]) or WHOLE


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and all buffers of a model by name, each once."""
    found: dict[str, Tensor] = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {plain_path(model, name): tensor for name, tensor in found.items()}


def _of_mapping(given: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return a state dict with each tensor once, as the model names it."""
    if not isinstance(given, Mapping):
        raise InputError(
            f"received {said(given)} as the untrained model, expected a model, its state dict or "
            "es.Untrained()"
        )
    wrong = [name for name, tensor in given.items() if not isinstance(tensor, Tensor)]
    if wrong:
        raise InputError(
            f"the state dict holds {said(given[wrong[0]])} as {wrong[0]!r}, expected tensors alone"
        )
    held = {plain_path(model, n): t for n, t in model.state_dict(keep_vars=True).items()}
    own, once = set(held), state_of(model)
    shared, first = own - set(once), {id(tensor): name for name, tensor in once.items()}
    for name in sorted(shared & set(given)):
        twin = first.get(id(held[name]), name)
        if twin in given and not _same(given[name], given[twin]):
            raise InputError(
                f"the state dict has other numbers as {name} than as {twin}, which are one tensor "
                "in the trained model; pass that of a model of the same architecture"
            )
    lost = sorted((own & set(once)) - set(given))
    more = sorted(set(given) - own)
    if lost or more:
        raise InputError(_names_differ(lost, more))
    return {name: tensor for name, tensor in given.items() if name not in shared}


def _check(trained: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are not those of the same architecture."""
    lost = [name for name in trained if name not in before]
    more = [name for name in before if name not in trained]
    if lost or more:
        raise InputError(_names_differ(lost, more))
    for name, tensor in trained.items():
        other = before[name]
        for what, own, found in (
            ("the shape", list(tensor.shape), list(other.shape)),
            ("the type", tensor.dtype, other.dtype),
        ):
            if own != found:
                raise InputError(
                    f"{name} has {what} {found} in the untrained model and {own} in the trained "
                    "one, expected the same; pass the model of the same architecture as it was "
                    "before training"
                )


def _names_differ(lost: Sequence[str], more: Sequence[str]) -> str:
    parts = [f"it lacks {_listed(lost)}"] if lost else []
    parts += [f"it has {_listed(more)} besides"] if more else []
    return (
        f"the untrained model has other tensors than the trained one: {' and '.join(parts)}; pass "
        "the model of the same architecture as it was before training"
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _same(first: Tensor, second: Tensor) -> bool:
    """Return whether two tensors are the same to the bit; NaN is itself, and 0 is not -0."""
    if first.is_floating_point():
        numbers = torch.equal(first.nan_to_num(), second.nan_to_num())
        return (
            numbers
            and torch.equal(first.isnan(), second.isnan())
            and torch.equal(first.isinf(), second.isinf())
            and torch.equal(first.signbit(), second.signbit())
        )
    return torch.equal(first, second)
