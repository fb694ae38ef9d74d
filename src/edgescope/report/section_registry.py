"""The sections of a report, in order: those of edgescope, registered ones and plug-ins."""

import importlib
import pkgutil
from pathlib import Path
from typing import Any, TypeVar

from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.plugins import add_plugins
from edgescope.report.section_protocol import Need, Section

GROUP = "edgescope.sections"
"""Entry points of this group are sections of other packages."""

BUILT_IN = "edgescope.report.sections"
"""Every module in this package is a section of edgescope."""

SECTIONS: dict[str, Section] = {}
"""Every section by its name."""

Own = TypeVar("Own", bound=type[Section])


def section(own: Own) -> Own:
    """Put a section of your own on every report; to be written above the class.

    Raises:
        InputError: if it lacks a name or a title, or another section has its name.

    Example:
        >>> import edgescope as es
        >>> @es.report.section
        ... class Size(es.report.Section):
        ...     name, title = "size", "How large it is"
        ...     template = "<p>{{ section.graphs | plural('graph') }}.</p>"
        ...
        ...     def numbers(self, material):
        ...         return {"graphs": material.scan.info.graphs}
    """
    if not (isinstance(own, type) and issubclass(own, Section)):
        raise InputError(f"received {own!r}, expected a class derived from es.report.Section")
    if lacking := [part for part in ("name", "title") if not getattr(own, part, None)]:
        raise InputError(f"the section {own.__qualname__} has no {lacking[0]}; give it one")
    known = SECTIONS.get(own.name)
    if known is not None and _address(type(known)) != _address(own):
        raise InputError(
            f"the section {own.__qualname__} is called {own.name!r}, as is "
            f"{'.'.join(_address(type(known)))}; give it another name"
        )
    SECTIONS[own.name] = own()
    return own


def all_sections() -> list[Section]:
    """Return every section by its place; those that are not loaded yet are loaded now."""
    for module in pkgutil.iter_modules(importlib.import_module(BUILT_IN).__path__):
        importlib.import_module(f"{BUILT_IN}.{module.name}")
    add_plugins(GROUP, section)
    return sorted(SECTIONS.values(), key=lambda each: each.place)


def all_needs() -> list[Need]:
    """Return the results beside a scan that sections are about, each once, in their order.

    Example:
        >>> import edgescope as es
        >>> [need.option for need in es.report.all_needs()][:5]
        ['beside', 'scanned', 'attention', 'training', 'interpretation']
    """
    needs: dict[str, Need] = {}
    for each in all_sections():
        for need in (*each.needs, *each.uses):
            needs.setdefault(need.option, need)
    return list(needs.values())


def stored_results(run: Path | None, **elsewhere: Path | None) -> dict[str, Any]:
    """Load the results that a report can show beside a scan.

    Args:
        run: the folder of a run, where commands leave them; ``None`` for none.
        **elsewhere: paths of results that lie elsewhere, by the option of ``scan.report``.

    Returns:
        The results, by the option of ``scan.report``.

    Raises:
        InputError: if one cannot be read.

    Example:
        >>> import edgescope as es
        >>> es.report.stored_results(None)
        {}
        >>> scan.report("report.html", **es.report.stored_results(run.path))  # doctest: +SKIP
    """
    found = {}
    for need in all_needs():
        path = elsewhere.get(need.option)
        if path is None and run is not None and need.stored and (run / need.stored).exists():
            path = run / need.stored
        if path is not None and need.load is not None:
            found[need.option] = need.load(path)
    return found


def check_results(results: dict[str, Any]) -> dict[str, Any]:
    """Return the results that were given, without those that are None.

    Raises:
        InputError: if no section is about one, or it is of another class.
    """
    given = {option: result for option, result in results.items() if result is not None}
    every = [need for each in all_sections() for need in (*each.needs, *each.uses)]
    options = list(dict.fromkeys(need.option for need in every))
    for option in given:
        if option not in options:
            hint = did_you_mean(option, options, f"expected one of {', '.join(options)}")
            raise InputError(f"received {option}=, which no section of a report is about; {hint}")
    for need in every:
        if need.option in given and not isinstance(given[need.option], need.kind):
            raise InputError(
                f"received {need.option}= of type {type(given[need.option]).__name__}, expected "
                f"{need.kind.__name__}, as {need.call} returns"
            )
    return given


def _address(own: type) -> tuple[str, str]:
    return own.__module__, own.__qualname__
