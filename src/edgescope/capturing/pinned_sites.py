"""Discovered sites as the user wants them: named, rejected, and pinned for another time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from edgescope.capturing.discovered_sites import Discovered, Record, record_of, write_record
from edgescope.capturing.pins import Pin, Pins, check_name, pinned
from edgescope.lib.compiled_parts import named_parts
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said

Wishes = Mapping[str, str | bool | None] | Pins | str | Path | None
"""What is to become of discovered attention by its name, or pins that were made before, or a file
of them; ``None`` forgets all."""


def pin_sites(model: nn.Module, pins: Wishes) -> Pins:
    """Pin what was discovered in a model; see ``es.capture.pin``.

    Raises:
        InputError: if nothing was discovered yet, a name is unknown, cannot be one or is taken, or
            what was discovered is not what was pinned before.
    """
    if pins is None:
        write_record(model, Record())
        return Pins(type(model).__name__, ())
    if isinstance(pins, str | Path):
        pins = Pins.load(pins)
    record = record_of(model)
    if isinstance(pins, Pins):
        wanted = pins.sites
        if not record.looked:
            write_record(model, Record(pins=wanted))  # they are compared when it is looked at
            return pins
        pinned(type(model).__name__, _places(record), wanted, record.refused)
    elif isinstance(pins, Mapping):
        wanted = _wished(model, record, pins)
    else:
        raise InputError(
            f"received {said(pins)}, expected names such as {{'layers.0': 'attention'}}, a file of "
            "pins, or None"
        )
    write_record(model, _applied(record, wanted))
    return Pins(type(model).__name__, wanted)


def pins_of(model: nn.Module) -> Pins | None:
    """Return the pins of what was discovered in a model; ``None`` if nothing was."""
    record = record_of(model)
    wanted = _wished(model, record, {}) if record.found or record.aside else record.pins
    return Pins(type(model).__name__, wanted) if wanted else None


def _places(record: Record) -> list[Pin]:
    return [each.pin for each in (*record.found, *record.aside)]


def _wished(
    model: nn.Module, record: Record, wishes: Mapping[str, str | bool | None]
) -> tuple[Pin, ...]:
    """Return the pins of all that was discovered, with the user's wishes.

    Raises:
        InputError: if a name is unknown, or cannot be used.
    """
    every = [(each, False) for each in record.found] + [(each, True) for each in record.aside]
    if not every:
        raise InputError(
            f"nothing was discovered in {type(model).__name__} yet; run es.capture.discover(model, "
            "batch) first, or pass a file of pins"
        )
    known = {name: each for each, _ in every for name in (each.own_name, each.name)}
    for name in wishes:
        if name not in known:
            hint = "; leave the stage away" if ":" in name else ""
            raise InputError(
                f"nothing that was discovered is called {name!r}{hint}; there is "
                f"{', '.join(repr(each.name) for each, _ in every)}"
            )
    mine = {id(known[name]): wish for name, wish in wishes.items()}
    result = []
    for each, rejected in every:
        wish = mine.get(id(each), not rejected)
        name = wish if isinstance(wish, str) else each.name
        result.append(each.pin._replace(name=name, rejected=wish is None or wish is False))
    _check_names(model, result)
    place = {path: number for number, (path, _) in enumerate(named_parts(model))}
    return tuple(sorted(result, key=lambda pin: (place.get(pin.path, len(place)), pin.number)))


def _check_names(model: nn.Module, pins: Sequence[Pin]) -> None:
    paths = [path for path, _ in named_parts(model)]
    for pin in pins:
        if pin.name != pin.own_name:
            others = [other.name for other in pins if other is not pin]
            check_name(pin.name, [*others, *(path for path in paths if path != pin.path)])


def _applied(record: Record, pins: Sequence[Pin]) -> Record:
    """Return what is known of a model with the names and rejections of pins."""
    of = {(pin.path, pin.number): pin for pin in pins}
    found: list[Discovered] = []  # in the order of the model
    aside: list[Discovered] = []
    for each in (*record.found, *record.aside):
        pin = of[each.path, each.number]
        given = "" if pin.name == each.own_name else pin.name
        (aside if pin.rejected else found).append(each._replace(given=given))
    return replace(record, found=tuple(found), aside=tuple(aside), pins=tuple(pins))
