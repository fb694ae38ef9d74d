"""Where the scan lies that a folder stands for: there, or in it if it is the folder of a run."""

from pathlib import Path

from edgescope.lib.errors import InputError
from edgescope.lib.manifest import Kind, is_there

SCAN_OF_RUN = "scan"
"""Where the scan of a run lies in its folder."""


def scan_folder(folder: Path, kind: Kind) -> Path:
    """Return the folder of the scan.

    Args:
        folder: the folder of a scan, or of a run.
        kind: the kind of folder that a scan is.

    Raises:
        InputError: if it is of a run that has not been scanned.
    """
    if is_there(folder, kind):
        return folder
    if is_there(folder / SCAN_OF_RUN, kind):
        return folder / SCAN_OF_RUN
    if (folder / "config.yaml").is_file():
        raise InputError(
            f"{folder} is a run that has not been scanned; run: edgescope scan {folder}"
        )
    return folder
