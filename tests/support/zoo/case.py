"""What a model of the zoo is, and what every tool is expected to say of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Right:
    """A result, which must be right."""

    layers: tuple[str, ...] = ()
    """Paths of the layers it is about."""
    unseen: tuple[str, ...] = ()
    """Classes of attention that the result must say it did not look at."""
    warned: str = ""
    """What a warning must say, if there is one."""


@dataclass(frozen=True)
class Refused:
    """A refusal, which must say why."""

    words: str
    """A pattern that its message must hold."""
    but: tuple[str, ...] = ()
    """Layers of which there is a right result if ``sites=`` asks for them alone."""


Said = Right | Refused


@dataclass(frozen=True)
class Case:
    """A model in somebody's style, the graphs it is called on, and what is expected."""

    name: str
    model: Callable[[], nn.Module]
    batches: Callable[[], Sequence[Any]]
    capture: Said | None
    """``None`` if PyG refuses the user's own call."""
    scan: Said
    diagnose: Said
    ablate: Said
    explain: Said
    call: Callable[[nn.Module, Any], Any] | None = None
    """How the user calls it, where that is not by the names of its arguments."""
    by_itself: bool = False
    """Whether the tools are to find out by themselves how to call it."""
    inputs: dict[str, str] = field(default_factory=dict)
    told: bool = True
    """Whether the model is told which graph a node is of."""
    edge_features: str = ""
    """Name of the edge features of a batch that the first layer sees."""

    @property
    def options(self) -> dict[str, Any]:
        """What a user passes to a tool beside the model and the graphs."""
        call = {} if self.call is None or self.by_itself else {"call": self.call}
        return call | ({"inputs": self.inputs} if self.inputs else {})

    def run(self, model: nn.Module, batch: Any) -> Any:
        """Call the model on a batch."""
        return by_name(model, batch) if self.call is None else self.call(model, batch)


def by_name(model: nn.Module, batch: Any) -> Any:
    """Call a model with what a batch holds under the names of its arguments.

    A model with one argument gets the batch.
    """
    inner = model
    while not _named(inner) and hasattr(inner, "module"):
        inner = inner.module  # of a wrapper that hands all on
    names = _named(inner)
    if len(names) < 2:
        return model(batch)
    given = {name: _held(batch, name) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    return model(**given)


def _named(model: nn.Module) -> list[str]:
    """Return the names of the arguments of a model."""
    return [
        name
        for name, each in signature(model.forward).parameters.items()
        if each.kind is Parameter.POSITIONAL_OR_KEYWORD
    ]


def _held(batch: Any, name: str) -> Any:
    try:
        return getattr(batch, name, None)
    except KeyError:  # HeteroData's answer
        return None


def seen(
    name: str,
    model: Callable[[], nn.Module],
    batches: Callable[[], Sequence[Any]],
    *layers: str,
    **other: Any,
) -> Case:
    """Return a case in which all is right for some layers, but for what is said in ``other``."""
    right = Right(layers)
    expected: dict[str, Any] = dict.fromkeys(
        ("capture", "scan", "diagnose", "ablate", "explain"), right
    )
    return Case(name, model, batches, **expected | other)


def eagerly_seen(
    name: str,
    model: Callable[[], nn.Module],
    batches: Callable[[], Sequence[Any]],
    *layers: str,
    **other: Any,
) -> Case:
    """Return a case in which all is right, and it is said that eager originals were looked at."""
    told = Right(layers, warned="is compiled: its eager original is run")
    silent = {"capture": Right(layers), "explain": Right(layers)}  # what warns is not asked there
    return seen(
        name, model, batches, *layers, scan=told, diagnose=told, ablate=told, **silent, **other
    )


def refused(
    name: str,
    model: Callable[[], nn.Module],
    batches: Callable[[], Sequence[Any]],
    words: str,
    **other: Any,
) -> Case:
    """Return a case in which every tool refuses, with some words in the reason."""
    expected: dict[str, Any] = dict.fromkeys(
        ("capture", "scan", "diagnose", "ablate", "explain"), Refused(words)
    )
    return Case(name, model, batches, **expected | other)
