"""Pins: what the user said of discovered sites, to find the same ones again or to hear why not."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgescope.lib.errors import InputError
from edgescope.lib.files import replacing
from edgescope.lib.typed_fields import record

FORMAT = 1
"""Of the file; raised when a change makes older ones unreadable."""

PINS = "pins.json"
"""Name of the file in the folder of a saved scan."""

REJECTED = "rejected by the user"
"""Why discovered attention is not looked at that could be."""

_NAME = re.compile(r"[\w.-]+")


class Pin(NamedTuple):
    """One discovered attention, as it is found again.

    Example:
        >>> from edgescope.capturing import Pin
        >>> Pin("layers.0", 0, "attention", ("weight",), "softmax", "exp div", "a = s.exp()").name
        'attention'
    """

    path: str
    """Path of the module in which it is computed."""
    number: int
    """Which attention of the module it is, from 0."""
    name: str
    """What the names of its sites begin with."""
    stages: tuple[str, ...]
    """The stages that it has."""
    kind: str
    """How its weights come about, such as ``"softmax"``."""
    operation: str
    """The operations that are it."""
    line: str
    """The line of the model's code at which it begins, as text."""
    rejected: bool = False
    """Whether it is to have no sites."""

    @property
    def own_name(self) -> str:
        """What its sites' names begin with if nobody names it, such as ``layers.0#2``."""
        return self.path if not self.number else f"{self.path}#{self.number + 1}"

    def changes(self, now: "Pin") -> list[str]:
        """Say in what another attention at the same place differs."""
        fields = ("stages", "kind", "operation", "line")
        pairs = ((name, getattr(self, name), getattr(now, name)) for name in fields)
        return [
            f"{name} was {_said(was)}, is {_said(found)}"
            for name, was, found in pairs
            if was != found
        ]


class Pins(NamedTuple):
    """The pins of a model.

    Example:
        >>> import edgescope as es
        >>> es.capturing.Pins("Net", ()).sites
        ()
    """

    model: str
    """Class of the model."""
    sites: tuple[Pin, ...]
    """All that was discovered in it, in the order of its modules."""

    def save(self, path: str | Path) -> Path:
        """Write them as JSON, for ``es.capture.pin(model, path)``.

        Raises:
            InputError: if the file cannot be written.
        """
        path = Path(path)
        with replacing(path) as file:
            file.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")
        return path

    def as_dict(self) -> dict[str, Any]:
        """Return them in plain values, which :meth:`from_dict` reads."""
        sites = [{**each._asdict(), "stages": list(each.stages)} for each in self.sites]
        return {"format": FORMAT, "model": self.model, "sites": sites}

    @classmethod
    def from_dict(cls, written: Any) -> "Pins":  # noqa: ANN401  (whatever a file holds)
        """Read what :meth:`as_dict` returned.

        Raises:
            TypeError: if it is something else.
        """
        if not isinstance(written, dict) or written.get("format") != FORMAT:
            raise TypeError(f"no pins of format {FORMAT}")
        rest = {name: value for name, value in written.items() if name not in {"format", "sites"}}
        sites = written.get("sites")
        if not isinstance(sites, list):
            raise TypeError("sites is no list")
        return record(cls, {**rest, "sites": ()})._replace(
            sites=tuple(record(Pin, each) for each in sites)
        )

    @classmethod
    def load(cls, path: str | Path) -> "Pins":
        """Read the pins that :meth:`save` wrote, or that lie beside a saved scan.

        Raises:
            InputError: if there is no such file, or it holds something else.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror}), expected the pins of a model, as "
                "es.capture.pin(model, {}).save(path) or scan.save(folder) writes them"
            ) from error
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{path} holds no pins of a model ({error}); write them with "
                "es.capture.pin(model, {}).save(path)"
            ) from error


def pinned(
    model: str, found: Sequence[Pin], pins: Sequence[Pin], left: Mapping[str, str] | None = None
) -> dict[tuple[str, int], Pin]:
    """Return the pin of everything that was discovered, if it is what was pinned.

    Args:
        model: class of the model.
        found: what was discovered.
        pins: what was pinned.
        left: what was found and cannot be captured, to the reason.

    Raises:
        InputError: if something is new, missing or different.
    """
    there = {(each.path, each.number): each for each in found}
    known = {(each.path, each.number): each for each in pins}
    said = []
    for key, pin in known.items():
        what = f"{pin.name} (attention {pin.number + 1} of {pin.path or 'the model'})"
        if key not in there:
            why = (left or {}).get(pin.name) or (left or {}).get(pin.path)
            said.append(f"{what} is not there{f': {why}' if why else ''}")
        elif changes := pin.changes(there[key]):
            said.append(f"{what} has changed: {'; '.join(changes)}")
    said += [f"{pin.name} is new" for key, pin in there.items() if key not in known]
    if said:
        raise InputError(
            f"what was discovered in {model} is not what was pinned: {'; '.join(said)}; "
            "pin it anew with es.capture.pin(model, {}), or take the pins away with "
            "es.capture.pin(model, None)"
        )
    return known


def check_name(name: str, taken: Sequence[str]) -> None:
    """Refuse a name that sites cannot have.

    Raises:
        InputError: if it holds other characters than letters, digits, ``.``, ``-`` and ``_``, or is
            that of something else.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"received the name {name!r}, expected letters, digits, '.', '-' and '_', as names of "
            "sites are used in patterns"
        )
    if name in taken:
        raise InputError(f"received the name {name!r}, which something else in the model has")


def _said(value: str | tuple[str, ...]) -> str:
    return repr(value) if isinstance(value, str) else ", ".join(value)
