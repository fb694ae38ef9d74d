"""What replacing activations did: the numbers of that section."""

from dataclasses import asdict
from typing import Any

from edgescope.intervene import Ablation
from edgescope.lib.errors import InputError
from edgescope.scanning.result import Scan


def collect_ablation(found: Ablation, scan: Scan) -> dict[str, Any]:
    """Gather the numbers of an ablation.

    Returns:
        ``info``, ``conclusion`` and the ``table``; ``axis``, the column that is drawn, and
        ``excess``, what of it goes beyond a control: those of the metric, or without a metric those
        of the predictions; ``label``, what the column is called.

    Raises:
        InputError: if the ablation is of another model.
    """
    if found.info.model != scan.info.model:
        raise InputError(
            f"received an ablation of {found.info.model}, expected one of {scan.info.model}; "
            "ablate the model that was scanned"
        )
    if scan.info.is_of_other_graphs(found.info.data_fingerprint):
        raise InputError(
            f"received an ablation on the graphs of {found.info.data}, expected those of the scan, "
            f"{scan.info.data}, as they were then; ablate the model on the graphs that were scanned"
        )
    axis, excess = found.drawn
    info = {
        **asdict(found.info),
        "controls": list(found.info.controls),
        "left_out": dict(found.info.left_out),
    }
    return {
        "info": info,
        "conclusion": found.conclusion(),
        "axis": axis,
        "excess": excess,
        "label": found.effect,
        "table": found.table().to_dicts(),
    }
