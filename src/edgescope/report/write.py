"""Write a scan as a page that opens from disk, and its numbers as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgescope.lib.errors import InputError
from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.optional import require
from edgescope.report.live.page_data import page_data
from edgescope.report.numbers import collect, finite
from edgescope.report.page import render_page
from edgescope.report.section_registry import check_results
from edgescope.scanning.result import Scan
from edgescope.scanning.scan_check import check_scan


def write_report(
    scan: Scan,
    path: str | Path,
    *,
    title: str | None = None,
    run: dict[str, Any] | None = None,
    caution: str | None = None,
    commands: Mapping[str, str] | None = None,
    **results: Any,
) -> Path:
    """Write a scan as one self-contained HTML file, with a JSON file of its numbers beside it.

    The page needs no network and no other file. The same scan gives the same bytes.

    Args:
        scan: the scan to report.
        path: the HTML file to write; the JSON file gets the same name with the ending ``.json``.
        title: headline; made of the model and the data by default.
        run: facts about the training run to show on top, such as ``{"recipe": "demo",
            "epochs": 20, "test MAE": 0.39, "seed": 41}``.
        caution: what should be read before anything else, such as that the model is not better
            than guessing; shown on top, in a box.
        commands: the commands that make results which are missing, by the option that takes them,
            such as ``{"ablation": "edgescope ablate run"}``; without them the page says which
            function does.
        **results: results beside the scan, each for a section of its own: ``training``, what a
            monitor has recorded (:class:`edgescope.TrainingRecord`); ``interpretation``, what
            massive activations sit on; ``ablation``, what replacing them does; ``causes`` and
            ``constancy``, which parameters make them and what they carry; ``precision``, what fewer
            bits do; ``leaderboard``, what edge importances are worth; ``diagnosis``, what
            ``es.diagnose`` found; ``scanned``, the model and the graphs
            (:class:`edgescope.report.Scanned`); ``attention``, what attends to what in the graphs
            that are drawn (:func:`edgescope.report.attention_maps`); ``beside``, another scan
            (:class:`edgescope.report.Beside`); and what other
            :class:`edgescope.report.Section` need.

    Returns:
        The path of the HTML file.

    Raises:
        InputError: if the file cannot be written, the graphs' SMILES do not belong to their
            edges, a result does not belong to the scan, or no section is about it.
        MissingExtraError: if jinja2 or matplotlib, or RDKit for graphs with SMILES, is missing.

    Example:
        >>> scan.report("report.html", ablation=es.ablate(model, loader))  # doctest: +SKIP
        PosixPath('report.html')
    """
    check_scan(scan)
    path = Path(path)
    if path.suffix.lower() == ".json" or path.is_dir():
        raise InputError(
            f"cannot write the report to {path}: expected the name of an HTML file, such as "
            f"{path / 'report.html' if path.is_dir() else path.with_suffix('.html')}"
        )
    require("jinja2", "report")
    given = check_results(results)
    numbers = collect(scan, title, run, caution, commands, **given)
    beside = (given.get("scanned"), given.get("attention"), commands)
    page = render_page(numbers, finite(page_data(scan, numbers, *beside)))
    writable_folder(path.parent)
    with replacing(path) as html, replacing(path.with_suffix(".json")) as data:
        html.write_text(page, encoding="utf-8")
        data.write_text(json.dumps(numbers, indent=1, allow_nan=False), encoding="utf-8")
    return path
