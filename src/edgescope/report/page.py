"""The page: its sections with their figures, and a table of contents."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgescope.lib.errors import InputError
from edgescope.lib.optional import require
from edgescope.plots import formats
from edgescope.plots.svg import settings
from edgescope.report.row_nouns import page_of, said_of
from edgescope.report.section_registry import SECTIONS
from edgescope.report.summary import largest, marked
from edgescope.report.template_files import environment, file_text
from edgescope.report.words import METRICS, above
from edgescope.scanning.edge_types import ADDED

if TYPE_CHECKING:
    from edgescope.report.section_protocol import Section

PAGE = "page.html.j2"

SCRIPTS = (
    "formats",
    "counts",
    "charts",
    "drawings",
    "attention",
    "linked",
    "sentences",
    "follow",
    "control",
    "chooser",
)
"""Files of the folder ``script``, in the order in which they stand on the page as one script."""


def render_page(numbers: dict[str, Any], data: Mapping[str, Any] | None = None) -> str:
    """Draw the figures of a report's numbers and fill the page with them.

    Args:
        numbers: the numbers.
        data: what the page's script needs to follow other thresholds; without it, the script does
            no more than show one site at a time.
    """
    shown = [SECTIONS[each["name"]] for each in numbers["contents"] if not each["absent"]]
    figures: dict[str, str] = {}
    readings: dict[str, str] = {}
    context = _context(numbers)
    with settings():
        for section in shown:
            _add(figures, section.figures(numbers), "figure", section)
    for section in shown:
        _add(readings, section.readings(numbers), "reading", section)
        _add(context, section.context(numbers), "name in its template", section)
    # Everything else that enters the page is escaped; these were made here.
    safe = require("jinja2", "report").utils.markupsafe.Markup
    script = _script(SCRIPTS if data else ("alone", "chooser"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page: str = (
        environment(context, _template)
        .get_template(PAGE)
        .render(
            numbers=numbers,
            absent=[each for each in numbers["contents"] if each["absent"]],
            shown=[(each, numbers[each.key] if each.key else None) for each in shown],
            headings={each["name"]: each["title"] for each in numbers["contents"]},
            figures={name: safe(svg) for name, svg in figures.items()},
            readings=readings,
            style=safe(file_text("style.css")),
            script=safe(script),
            data=safe(_as_json(data)) if data else "",
            script_hash=f"sha256-{digest}",
        )
    )
    return page_of(page, numbers["scanned"]["rows"])


def _script(names: Sequence[str]) -> str:
    """Return the script of the page: files that see each other, and nothing else sees."""
    parts = [file_text(f"script/{name}.js") for name in names]
    return "\n".join(['"use strict";', "{", *parts, "}"])


def _as_json(data: Mapping[str, Any]) -> str:
    """Write data so that nothing in it can end the element of the page that holds it."""
    written = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _context(numbers: dict[str, Any]) -> dict[str, Any]:
    """Return what every template can use, by name."""
    return {
        "interval": formats.interval,
        "between": formats.between,
        "three_decimals": formats.fixed,
        "metrics": METRICS,
        "added": ADDED,
        "above": lambda site=None, axis=None: above(numbers, site, axis),
        "largest_sentence": said_of(
            largest(numbers, grown=bool(marked(numbers))), numbers["scanned"]["rows"]
        ),
        "marked": [site["id"] for site in marked(numbers)],
    }


def _add(known: dict[str, Any], new: Mapping[str, Any], what: str, section: "Section") -> None:
    """Add what a section brings, unless another has brought something of that name."""
    if taken := known.keys() & new.keys():
        raise InputError(
            f"the section {section.name!r} has a {what} {min(taken)!r}, as another section has; "
            "give it another name, such as one that begins with that of the section"
        )
    known |= new


def _template(name: str) -> str:
    """Return the page, or the template of a section."""
    return file_text(name) if name == PAGE else SECTIONS[name].source()
