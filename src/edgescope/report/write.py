"""Write a scan as a page that opens from disk, and its numbers as JSON."""

import base64
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from edgescope.attribute import Leaderboard
from edgescope.interpret import ANY, Interpretation
from edgescope.intervene import Ablation
from edgescope.lib.errors import InputError
from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.mistakes import check_scan
from edgescope.lib.optional import require
from edgescope.report import formats, molecules, overview, site_figures
from edgescope.report.ablated import METRICS, SELECTIONS
from edgescope.report.drawing import settings
from edgescope.report.histogram import histogram
from edgescope.report.numbers import collect, finite
from edgescope.report.readings import readings
from edgescope.report.sections import READINGS, collect_sections, section_figures
from edgescope.report.summary import marked
from edgescope.report.words import above
from edgescope.scanning.edge_types import ADDED
from edgescope.scanning.result import Scan


def write_report(
    scan: Scan,
    path: str | Path,
    *,
    title: str | None = None,
    run: dict[str, Any] | None = None,
    caution: str | None = None,
    interpretation: Interpretation | None = None,
    ablation: Ablation | None = None,
    leaderboard: Leaderboard | None = None,
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
        interpretation: what massive activations sit on, for a section of its own, as are the next.
        ablation: what replacing them does.
        leaderboard: what edge importances are worth.

    Returns:
        The path of the HTML file.

    Raises:
        InputError: if the file cannot be written, the graphs' SMILES do not belong to their
            edges, or a result does not belong to the scan.
        MissingExtraError: if jinja2 or matplotlib, or RDKit for graphs with SMILES, is missing.

    Example:
        >>> import tempfile
        >>> import edgescope as es
        >>> from edgescope.report import write_report
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> scan = es.scan(model, es.data.loader(graphs))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_report(scan, f"{folder}/report.html", title="Before training").name
        'report.html'
    """
    check_scan(scan)
    path = Path(path)
    if path.suffix.lower() == ".json" or path.is_dir():
        raise InputError(
            f"cannot write the report to {path}: expected the name of an HTML file, such as "
            f"{path / 'report.html' if path.is_dir() else path.with_suffix('.html')}"
        )
    require("jinja2", "report")
    numbers = collect(scan, title, run) | {"caution": caution or None}
    numbers |= finite(collect_sections(scan, interpretation, ablation, leaderboard))
    page = render_page(numbers)
    writable_folder(path.parent)
    with replacing(path) as html, replacing(path.with_suffix(".json")) as data:
        html.write_text(page, encoding="utf-8")
        data.write_text(json.dumps(numbers, indent=1, allow_nan=False), encoding="utf-8")
    return path


def render_page(numbers: dict[str, Any]) -> str:
    """Draw the figures of a report's numbers and fill the page with them."""
    jinja2 = require("jinja2", "report")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        formats.number,
        formats.percent,
        formats.fixed,
        formats.kind_of_edge,
        formats.plural,
        formats.named,
    )
    for function in filters:
        environment.filters[function.__name__] = function
    environment.globals["interval"] = formats.interval
    environment.globals["between"] = formats.between
    environment.globals["three_decimals"] = formats.fixed
    environment.globals["any_site"] = ANY
    environment.globals["metrics"] = METRICS
    environment.globals["selections"] = SELECTIONS
    environment.globals["added"] = ADDED
    environment.globals["above"] = lambda site=None, axis=None: above(numbers, site, axis)
    significant = [site["judged"]["significant"] for site in numbers["sites"]]
    environment.globals["judged_by_chance"] = any(found is not None for found in significant)
    environment.globals["marked"] = [site["id"] for site in marked(numbers)]
    figures = _figures(numbers)
    # Everything else that enters the page is escaped; these were made here.
    safe = jinja2.utils.markupsafe.Markup
    script = _part("chooser.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page: str = environment.get_template("template.html.j2").render(
        numbers=numbers,
        figures={name: safe(svg) for name, svg in figures.items()},
        readings=readings(numbers) | READINGS,
        style=safe(_part("style.css")),
        script=safe(script),
        script_hash=f"sha256-{digest}",
    )
    return page


def _figures(numbers: dict[str, Any]) -> dict[str, str]:
    """Draw every figure; those of a site are named after its id."""
    with settings():
        figures = {
            "glance": overview.at_a_glance(numbers, numbers["scanned"]["axis"]),
            "all_maxima": overview.all_maxima(numbers),
        }
        if numbers["by_magnitude"]:
            figures["glance_magnitude"] = overview.at_a_glance(numbers, "magnitude")
        for site in numbers["sites"]:
            figures |= _site_figures(site, numbers)
        if numbers["gallery"]:
            measure = numbers["scanned"]["measure"]
            figures["gallery-legend"] = molecules.legend(numbers["gallery"], measure)
            drawn = molecules.draw_molecules(numbers["gallery"], measure)
            for place, drawing in enumerate(drawn):
                figures[f"molecule-{place}"] = drawing
        figures |= section_figures(numbers)
    return figures


def _site_figures(site: dict[str, Any], numbers: dict[str, Any]) -> dict[str, str]:
    """Draw the figures of one site; one that would be empty is left out."""
    name, figures = site["id"], {}
    if site["histogram"]["trained"]["total"]:
        figures[f"{name}-histogram"] = histogram(site, numbers)
        figures[f"{name}-maxima"] = site_figures.maxima(site, numbers)
    if site_figures.site_rows(site, numbers):
        figures[f"{name}-prevalence"] = site_figures.prevalence(site, numbers)
    if site["heat_maps"]["largest"]:
        figures[f"{name}-heat"] = site_figures.heat_maps(site)
    return figures


def _part(name: str) -> str:
    return files("edgescope.report").joinpath(name).read_text(encoding="utf-8")
