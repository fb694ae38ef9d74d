"""Classes by name: those of this package, of the program at hand, and of installed packages."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from edgescope.lib.errors import InputError
from edgescope.lib.input_files import DamagedError
from edgescope.lib.plugins import plugins

Item = TypeVar("Item")


class ClassRegistry(Generic[Item]):
    """Classes of one kind by name, to which other packages add theirs by entry points.

    The entry points are loaded when a name is looked for that is not known, and only once: what
    other packages import costs nothing before.

    Args:
        what: what errors call such a class, such as ``"criterion"``.
        group: group of the entry points, such as ``"edgescope.criteria"``. Each names a class
            that registers itself under some name when it is imported.
    """

    def __init__(self, what: str, group: str) -> None:
        self.what = what
        self.group = group
        self._classes: dict[str, type[Item]] = {}

    def register(self, name: str, of: type[Item]) -> None:
        """Take a class in.

        Raises:
            InputError: if the name is that of another class.
        """
        known = self._classes.get(name)
        # What is defined again, as by a cell of a notebook, takes the place of what it was.
        if known is not None and _origin(known) != _origin(of):
            raise InputError(
                f"received the {self.what} {name!r} as {_origin(of)}, but that is the name of "
                f"{_origin(known)}; choose another name"
            )
        self._classes[name] = of

    def get(self, name: str) -> type[Item] | None:
        """Return the class of a name, None if there is none."""
        if name not in self._classes:
            self._load()
        return self._classes.get(name)

    def of_stored(self, name: str, origin: object) -> type[Item]:
        """Return the class of what was stored.

        Args:
            name: its name.
            origin: dotted path of the class when it was stored, if that is known.

        Raises:
            DamagedError: if there is none of that name.
        """
        if (of := self.get(name)) is not None:
            return of
        module, _, own = str(origin or "").rpartition(".")
        known_as = f" ({own} in {module})" if module else ""
        remedy = f"import {module}" if module else "import the module that defines it"
        raise DamagedError(
            f"unknown kind of {self.what} {name!r}{known_as} in what was stored; {remedy} before "
            f"you load it, or install the package that adds it as {self.group}"
        )

    def __iter__(self) -> Iterator[tuple[str, type[Item]]]:
        """Yield all names with their classes, those of other packages last."""
        self._load()
        yield from list(self._classes.items())

    def _load(self) -> None:
        """Import what other packages add; each class registers itself as it is imported."""
        for _ in plugins(self.group):  # read once in a process
            pass


def _origin(of: type) -> str:
    return f"{of.__module__}.{of.__qualname__}"
