"""Which attention was discovered in which model, beside what adapters know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from weakref import WeakKeyDictionary

from torch import nn

from edgescope.capturing.adapters.adapter import Adapter
from edgescope.capturing.pins import Pin
from edgescope.lib.compiled_parts import named_parts, original


class Discovered(NamedTuple):
    """One attention that was discovered in a model."""

    path: str
    """Path of the module in which it is computed."""
    number: int
    """Which attention of the module it is, from 0."""
    adapter: Adapter
    """What observes it."""
    kind: str = ""
    """How its weights come about, such as ``"softmax"``."""
    operation: str = ""
    """The operations that are it, such as ``"exp index_add div"``."""
    line: str = ""
    """The line of the model's code at which it begins."""
    given: str = ""
    """The name that the user gave it; empty if none."""

    @property
    def own_name(self) -> str:
        """What the names of its sites begin with if nobody names it."""
        return self.path if not self.number else f"{self.path}#{self.number + 1}"

    @property
    def name(self) -> str:
        """What the names of its sites begin with, such as ``layers.0`` or ``layers.0#2``."""
        return self.given or self.own_name

    @property
    def pin(self) -> Pin:
        """What it is known by in another version of the model."""
        return Pin(
            self.path,
            self.number,
            self.name,
            tuple(self.adapter.stages),
            self.kind,
            self.operation,
            self.line,
        )


@dataclass(frozen=True)
class Record:
    """What is known of a model by discovery.

    Attributes:
        found: the attention that has sites.
        refused: name of what was found and cannot be captured, to the reason.
        pins: what the user said of discovered sites.
        looked: whether the model was looked at on a batch in which no set of edges is empty.
        failure: why it could not be looked at.
        aside: the attention that the user has rejected.
    """

    found: tuple[Discovered, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    pins: tuple[Pin, ...] = ()
    looked: bool = False
    failure: str = ""
    aside: tuple[Discovered, ...] = ()


_RECORDS: WeakKeyDictionary[nn.Module, Record] = WeakKeyDictionary()


def record_of(model: nn.Module) -> Record:
    """Return what is known of a model by discovery."""
    return _RECORDS.get(original(model), Record())


def write_record(model: nn.Module, record: Record) -> None:
    """Replace what is known of a model by discovery."""
    _RECORDS[original(model)] = record


def remember(model: nn.Module, found: Sequence[Discovered]) -> None:
    """Make what was discovered in a model sites of it."""
    write_record(model, replace(record_of(model), found=tuple(found)))


def carry(model: nn.Module, copied: nn.Module) -> None:
    """Make what was discovered in a model sites of a copy of it as well."""
    if original(model) in _RECORDS:
        write_record(copied, record_of(model))


def carry_if_alike(model: nn.Module, other: nn.Module) -> None:
    """Make what was discovered in a model sites of another one that is built the same way.

    What runs in the other is compared with what was discovered whenever it is captured.
    """
    if original(other) not in _RECORDS and _build(model) == _build(other):
        carry(model, other)


def _build(model: nn.Module) -> list[tuple[str, type[nn.Module]]]:
    return [(path, type(module)) for path, module in named_parts(model)]
