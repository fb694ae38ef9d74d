"""What is handed to a room from one above it: by name, and imported when it is first used.

A room imports nothing from above. The package ``edgescope`` says where such things stand, without
importing them, so that ``import edgescope`` is quick.
"""

from importlib import import_module
from typing import Any

_PLACES: dict[str, str] = {}


def hand_over(**places: str) -> None:
    """Say where things stand that rooms below are given.

    Args:
        **places: module of each, by its name.
    """
    _PLACES.update(places)


def handed(name: str) -> Any:  # noqa: ANN401  (whatever was handed over)
    """Return what was handed over under a name."""
    return getattr(import_module(_PLACES[name]), name)
