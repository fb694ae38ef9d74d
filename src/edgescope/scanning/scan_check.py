"""Whether what was passed is a scan, and of edges."""

from pathlib import Path

from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.scanning.result import Scan


def refuse_nodes(scan: Scan) -> None:
    """Refuse a scan of node states where a scan of edges is meant.

    Raises:
        InputError: saying which to pass.
    """
    if scan.info.rows == "node":
        raise InputError(
            "received a scan of node states, expected one of edges; scan sites such as '*:score' "
            "or '*:message'"
        )


def check_scan(scan: object, name: str = "scan") -> None:
    """Refuse what is no scan.

    Raises:
        InputError: saying what was passed, and what to pass.
    """
    if isinstance(scan, Scan):
        return
    if isinstance(scan, str | Path):
        remedy = f"read it with es.load_scan({str(scan)!r})"
    else:
        remedy = "es.scan(model, loader) makes one"
    raise InputError(f"received {said(scan)} as {name}, expected a scan; {remedy}")
