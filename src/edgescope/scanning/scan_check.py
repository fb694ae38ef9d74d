"""Whether what was passed is a scan."""

from pathlib import Path

from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.scanning.result import Scan


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
