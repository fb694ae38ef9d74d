"""What replacing activations did: the numbers of that section and its figure."""

from dataclasses import asdict
from typing import Any

import numpy as np

from edgescope.intervene import Ablation
from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import KNOWN
from edgescope.report.axes import BLUE, GREEN, PURPLE, VERMILION, legend_row
from edgescope.report.drawing import INK, WIDE, figure, label_width, render
from edgescope.scanning.result import Scan

SELECTIONS = {
    "chosen": ("chosen", VERMILION, "o"),
    "number": ("as many at random", BLUE, "s"),
    "magnitude": ("next in magnitude", GREEN, "^"),
    "edge_type": ("same edge types", PURPLE, "D"),
}
"""Name, colour and marker of what is replaced."""

METRICS = {name: metric.words for name, metric in KNOWN.items()}
"""How metrics are written."""


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
    metric = found.info.metric
    info = {
        **asdict(found.info),
        "controls": list(found.info.controls),
        "left_out": dict(found.info.left_out),
    }
    return {
        "info": info,
        "conclusion": found.conclusion(),
        "axis": "moved" if metric is None else "change",
        "excess": "moved_excess" if metric is None else "excess",
        "label": (
            "mean change of predictions" if metric is None else f"change of {METRICS[metric]}"
        ),
        "table": found.table().to_dicts(),
    }


def shown(section: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of what was replaced; of controls of nothing there are no numbers."""
    return [row for row in section["table"] if row["draws"] and row["activations"]]


def ablation_figure(section: dict[str, Any]) -> str:
    """Draw what replacing the chosen activations changes at every site, beside the controls."""
    axis, rows = section["axis"], shown(section)
    sites = list(dict.fromkeys(row["site"] for row in rows))
    present = [name for name in SELECTIONS if any(row["selection"] == name for row in rows)]
    shift = np.linspace(-0.27, 0.27, len(present)) if len(present) > 1 else [0.0]
    names = ["all together" if site == "all" else site for site in sites]
    drawn = figure(WIDE, 1.15 + 0.5 * len(sites), (label_width(names), 0.15, 0.5, 0.5))
    axes = drawn.subplots()
    axes.axvline(0, color=INK, linewidth=1)
    for offset, name in zip(shift, present, strict=True):
        label, colour, marker = SELECTIONS[name]
        of = [row for row in rows if row["selection"] == name]
        at = [sites.index(row["site"]) + offset for row in of]
        value, low, high = (
            np.array([row[f"{axis}{end}"] for row in of], dtype=float)
            for end in ("", "_low", "_high")
        )
        axes.hlines(at, low, high, color=colour, linewidth=1.6)
        axes.plot(value, at, marker, color=colour, markersize=5.5, label=label)
    axes.set_yticks(range(len(sites)), names)
    axes.set_ylim(len(sites) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(section["label"])
    what = section["label"][0].upper() + section["label"][1:]
    axes.set_title(f"{what} when activations are replaced")
    legend_row(axes)
    title = f"{what} when activations are replaced, per site, with 95 % intervals"
    return render(drawn, "ablation", title)
