"""Modules under the names of earlier versions: they work, and say what they are called now."""

import sys
from collections.abc import Callable, Collection
from importlib import import_module
from types import ModuleType
from typing import Any
from warnings import warn

OLD = {
    "edgescope.baseline": "edgescope.scanning.untrained_ensemble",
    "edgescope.calling": "edgescope.lib.model_call",
    "edgescope.capture": "edgescope.capturing",
    "edgescope.capture.adapters": "edgescope.capturing.adapters",
    "edgescope.capture.adapters.base": "edgescope.capturing.adapters.adapter",
    "edgescope.capture.adapters.message_passing": "edgescope.capturing.adapters.message_passing",
    "edgescope.capture.sites": "edgescope.capturing.sites",
    "edgescope.diagnose": "edgescope.diagnosis",
    "edgescope.diagnose.rules": "edgescope.diagnosis.rules",
    "edgescope.diagnose.rules.base": "edgescope.diagnosis.rules.diagnosis_rule",
    "edgescope.errors": "edgescope.lib.errors",
    "edgescope.malog": "edgescope.study.published_logs",
    "edgescope.merging": "edgescope.scanning.merge",
    "edgescope.metrics": "edgescope.lib.task_metrics",
    "edgescope.results": "edgescope.scanning.result",
    "edgescope.scan": "edgescope.scanning.scan",
    "edgescope.seeds": "edgescope.scanning.seeds",
    "edgescope.statistics.compare": "edgescope.scanning.compare",
    "edgescope.statistics.concentration": "edgescope.scanning.concentration",
    "edgescope.statistics.criteria": "edgescope.scanning.criteria",
    "edgescope.statistics.metric": "edgescope.statistics.counting.torchmetric",
    "edgescope.statistics.families": "edgescope.scanning.families",
    "edgescope.storage": "edgescope.scanning.store",
    "edgescope.train.metrics": "edgescope.train.evaluation",
}
"""Old path of a module to the present one; those that the documentation had named, and errors."""


class OldModule(ModuleType):
    """A module by its old name, which loads the present one when something is taken from it."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(old, f"Old name of :mod:`{new}`.")
        self._new = new

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (an attribute of any type)
        """Return what the present module has under a name, and say where it is now."""
        if name.startswith("__"):  # what import and inspection ask of every module
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        found = getattr(import_module(self._new), name)
        warn(
            f"{self.__name__} is now {self._new}; import {name} from there",
            DeprecationWarning,
            stacklevel=2,
        )
        return found


def moved(package: str, names: Collection[str], place: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package that names have left.

    Args:
        package: its dotted path.
        names: what was there.
        place: where it is now, below ``edgescope``.
    """

    def found(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        warn(
            f"{package}.{name} is now edgescope.{place}.{name}; import it from there",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(import_module(f"edgescope.{place}"), name)

    return found


def keep_old_names() -> None:
    """Let modules be imported under their old names.

    They are entered without being imported, as an import of ``edgescope.capture`` would put a
    module in the place of the function :func:`edgescope.capture`.
    """
    for old, new in OLD.items():
        sys.modules.setdefault(old, OldModule(old, new))
