"""Numbers that are not finite in the inputs, parameters and buffers of a model."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from edgescope.diagnosis.neighbour_sums import all_finite
from edgescope.lib.compiled_parts import plain_path


class Broken(NamedTuple):
    """Numbers of one tensor that are not finite."""

    values: Tensor
    """The tensor ``[N, ...]``."""
    first: tuple[int, ...]
    """Position of the first one that is not finite; empty for a single number."""
    number: int
    """How many are not."""

    @classmethod
    def of(cls, values: Tensor) -> "Broken | None":
        """Return what is not finite in a tensor, if anything is."""
        if all_finite(values):
            return None
        at = (~values.isfinite()).nonzero()
        return cls(values.detach().clone(), tuple(at[0].tolist()), len(at))

    @property
    def kind(self) -> str:
        """What the first one is: ``"NaN"``, ``"infinity"`` or ``"-infinity"``."""
        value = self.values[self.first]
        if bool(value.isnan()):
            return "NaN"
        return "infinity" if bool(value > 0) else "-infinity"

    def said(self) -> str:
        """Return how many are not finite, as text."""
        total = self.values.numel()
        return (
            f"{self.number:,} of {total:,} values {'is' if self.number == 1 else 'are'} not finite"
        )


Key = tuple[Any, ...]
"""Keys that lead from a batch to one of its tensors."""


@dataclass(frozen=True)
class Source(ABC):
    """A tensor that is not finite before anything is computed.

    Attributes:
        kind: what it is.
        name: its name in the model or in the batch.
        broken: what is not finite in it.
    """

    kind: Literal["parameter", "buffer", "input"]
    name: str
    broken: Broken

    @property
    def path(self) -> str:
        """Path of the module that it belongs to; empty for an input."""
        return self.name.rpartition(".")[0] if self.kind != "input" else ""

    @abstractmethod
    def mended(self, batch: Any) -> AbstractContextManager[Any]:  # noqa: ANN401  (any PyG batch)
        """Return a batch for which it is finite, as long as the block runs."""


@dataclass(frozen=True)
class Own(Source):
    """A parameter or a buffer of the model."""

    tensor: Tensor

    @contextmanager
    def mended(self, batch: Any) -> Iterator[Any]:  # noqa: ANN401  (any PyG batch)
        """Change it in place, and back."""
        before = self.tensor.detach().clone()
        with torch.no_grad():
            self.tensor.copy_(_finite(before))
        try:
            yield batch
        finally:
            with torch.no_grad():
                self.tensor.copy_(before)


@dataclass(frozen=True)
class Given(Source):
    """A tensor of the batch."""

    key: Key

    def mended(self, batch: Any) -> AbstractContextManager[Any]:  # noqa: ANN401  (any PyG batch)
        """Return a copy of the batch with another tensor in its place."""
        return nullcontext(_with(batch, self.key, _finite(self.broken.values)))


def sources_of(model: nn.Module, batch: Any, near: str) -> list[Source]:  # noqa: ANN401  (as above)
    """Return what is not finite in a batch and in a model, inputs first.

    Args:
        model: the model.
        batch: the batch.
        near: path of a module, whose own parameters come before the others.
    """
    found: list[Source] = [
        Given("input", name, broken, key)
        for key, name, tensor in _tensors(batch)
        if (broken := Broken.of(tensor)) is not None
    ]
    own = own_sources(model)
    inside = f"{near}." if near else ""
    return [*found, *sorted(own, key=lambda each: not each.name.startswith(inside))]


def own_sources(model: nn.Module) -> list[Source]:
    """Return the parameters and buffers of a model that are not finite."""
    named: list[tuple[str, str, Tensor]] = []
    named += [("parameter", *each) for each in model.named_parameters()]
    named += [("buffer", *each) for each in model.named_buffers()]
    return [
        Own(kind, plain_path(model, name), broken, tensor)  # type: ignore[arg-type]  # one of the two
        for kind, name, tensor in named
        if not is_lazy(tensor) and (broken := Broken.of(tensor)) is not None
    ]


def _finite(values: Tensor) -> Tensor:
    """Return values with one of the finite ones in place of those that are not; 1 without any."""
    finite = values.isfinite()
    stand_in = values[finite][0] if bool(finite.any()) else torch.ones_like(values.flatten()[0])
    return values.where(finite, stand_in)


def _tensors(batch: Any, key: Key = (), name: str = "") -> Iterator[tuple[Key, str, Tensor]]:  # noqa: ANN401  (as above)
    """Go through the tensors in a batch, with their keys and names."""
    if isinstance(batch, Tensor):
        yield key, name or "the batch", batch
    elif hasattr(batch, "stores"):
        for number, store in enumerate(batch.stores):
            kind = getattr(store, "_key", None)
            of = "" if kind is None else f" of {kind if isinstance(kind, str) else ' '.join(kind)}"
            for attribute, value in store.items():
                if isinstance(value, Tensor):
                    yield (*key, number, attribute), f"{name}{attribute}{of}", value
    elif isinstance(batch, Mapping):
        for part, value in batch.items():
            yield from _tensors(
                value, (*key, part), f"{name}{part}" if not name else f"{name}[{part!r}]"
            )
    elif isinstance(batch, tuple | list):
        for number, value in enumerate(batch):
            yield from _tensors(value, (*key, number), f"{name}[{number}]")


def _with(batch: Any, key: Key, tensor: Tensor) -> Any:  # noqa: ANN401  (as above)
    """Return a copy of a batch with another tensor at a key."""
    if not key:
        return tensor
    if hasattr(batch, "stores"):
        number, attribute = key
        changed = copy.copy(batch)
        changed.stores[number][attribute] = tensor
        return changed
    if isinstance(batch, Mapping):
        return {**batch, key[0]: _with(batch[key[0]], key[1:], tensor)}
    parts = list(batch)
    parts[key[0]] = _with(parts[key[0]], key[1:], tensor)
    return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
