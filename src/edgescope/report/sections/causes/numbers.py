"""What was traced to its causes: the numbers of that section."""

from dataclasses import asdict
from typing import Any

from edgescope.intervene import Causes, Constancy
from edgescope.lib.errors import InputError
from edgescope.plots.cause_panels import best_units, shares_left
from edgescope.scanning.result import Scan


def collect_causes(found: Causes, tested: Constancy | None, scan: Scan) -> dict[str, Any]:
    """Gather the numbers of causes, and of a test of constancy if there is one.

    Returns:
        ``info`` and ``verdicts``, the sentences; ``sets``, the smallest ones; ``units`` of the
        finest ``level``, the best of them; ``path``, which share is left after patches;
        ``constancy``, or None.

    Raises:
        InputError: if a result is of another model or other graphs than the scan.
    """
    for info, what in ((found.info, "causes"), (tested.info if tested else None, "constancy")):
        if info is not None:
            _check(info.model, info.data, info.data_fingerprint, what, scan)
    models = found.table("sites").filter(level="model", unit="trained").to_dicts()
    patched, sites, shares = shares_left(found.table("paths").to_dicts(), models)
    level = found.info.levels[-1]
    return {
        "info": _plain(asdict(found.info)),
        "all_passes": found.info.all_passes,
        "verdicts": found.verdicts(),
        "sets": found.table("sets").to_dicts(),
        "level": level,
        "units": best_units(found.table().to_dicts(), level),
        "path": {"patched": patched, "sites": sites, "shares": shares},
        "constancy": None if tested is None else _of_constancy(tested),
    }


def _of_constancy(tested: Constancy) -> dict[str, Any]:
    return {
        "info": _plain(asdict(tested.info)),
        "conclusion": tested.conclusion(),
        "table": tested.table().to_dicts(),
    }


def _check(model: str, data: str, mark: str, what: str, scan: Scan) -> None:
    if model != scan.info.model:
        raise InputError(
            f"received {what} of {model}, expected those of {scan.info.model}; trace the model "
            "that was scanned"
        )
    if scan.info.is_of_other_graphs(mark):
        raise InputError(
            f"received {what} on the graphs of {data}, expected those of the scan, "
            f"{scan.info.data}, as they were then; trace the model on the graphs that were scanned"
        )


def _plain(info: dict[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in info.items()
    }
