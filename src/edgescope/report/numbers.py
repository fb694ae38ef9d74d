"""Everything the report says, as one dictionary that JSON can hold.

The page and its figures are drawn from this dictionary and from nothing else, so what they show
is in the JSON file too. A number that is not finite, such as the parameter of a fit that failed,
is None.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgescope.lib.errors import InputError
from edgescope.lib.model_call import said_arguments
from edgescope.lib.version import __version__
from edgescope.report.counts import calibration, is_plain, judged, site_axis
from edgescope.report.doubts import doubts
from edgescope.report.names import short_names, site_pattern
from edgescope.report.row_nouns import said_of
from edgescope.report.section_protocol import Material, Section
from edgescope.report.section_registry import all_sections
from edgescope.report.summary import busiest, summary
from edgescope.report.words import coverage_numbers
from edgescope.scanning.aromatic_bonds import aromatic, writes_rings_kekulised
from edgescope.scanning.edge_types import ADDED
from edgescope.scanning.result import Scan
from edgescope.scanning.row_words import as_edges
from edgescope.scanning.site_distributions import distributions
from edgescope.scanning.site_shares import edge_types, main_axis

FORMAT = 2
"""Raised when the meaning of a key changes."""


def collect(
    scan: Scan,
    title: str | None = None,
    run: dict[str, Any] | None = None,
    caution: str | None = None,
    commands: Mapping[str, str] | None = None,
    **results: Any,
) -> dict[str, Any]:
    """Gather the numbers of a report: those of the page as a whole, then section by section.

    Args:
        scan: the scan to report.
        title: headline of the report; made of the model and the data by default.
        run: facts about the training run, shown as they are.
        caution: what should be read first.
        commands: what makes results that are missing, by the option of ``scan.report``.
        **results: results beside the scan, by the option of ``scan.report``.

    Returns:
        A dictionary of strings, numbers, lists and dictionaries. Its keys are described in
        ``docs/report.md``.

    Raises:
        InputError: if a result does not belong to the scan, or a section's numbers are no such.
    """
    numbers = whole(scan, title, run, caution)
    numbers["contents"] = []
    material = Material(scan, results, numbers, commands or {})
    for section in all_sections():
        absent = section.absence(material)
        numbers["contents"].append(
            {
                "name": section.name,
                "title": section.heading(material),
                "absent": absent or None,
            }
        )
        if section.key is not None:
            own = None if absent else finite(section.numbers(material))
            numbers[section.key] = _checked(own, section, numbers)
    return numbers


def whole(
    scan: Scan,
    title: str | None = None,
    run: dict[str, Any] | None = None,
    caution: str | None = None,
) -> dict[str, Any]:
    """Gather the numbers of the page as a whole, as :func:`collect` does, and its sentences."""
    numbers: dict[str, Any] = finite(_shared(scan, title, run, caution))
    for site, row in zip(numbers["sites"], numbers["table"], strict=True):
        site["doubts"] = doubts(row, site["judged"])
    numbers["busiest"] = busiest(numbers)
    numbers["summary"] = [said_of(text, scan.info.rows) for text in summary(numbers)]
    return numbers


def _checked(own: Any, section: Section, numbers: dict[str, Any]) -> Any:  # noqa: ANN401  (a tree)
    """Return the numbers of a section, which must fit the others and a JSON file."""
    if section.key in numbers:
        raise InputError(
            f"the numbers of the section {section.name!r} have the key {section.key!r}, as others "
            "of the report have; give it another key"
        )
    try:
        json.dumps(own)
    except TypeError as error:
        raise InputError(
            f"the numbers of the section {section.name!r} cannot be written as JSON ({error}), "
            "expected dictionaries, lists, texts and numbers"
        ) from error
    return own


def _shared(
    scan: Scan, title: str | None, run: dict[str, Any] | None, caution: str | None
) -> dict[str, Any]:
    """Gather what several sections say, and the facts on top."""
    info, sites = scan.info, list(scan.sites)
    table, short, axis = as_edges(scan.table(), info.rows), short_names(sites), main_axis(scan)
    found = judged(scan, table)
    heading = f"{info.model} on {info.data}" if info.data else info.model
    return {
        "format": FORMAT,
        "edgescope": __version__,
        "title": heading if title is None else title,
        "scanned": _scanned(scan, axis, found),
        "coverage": coverage_numbers(scan),
        "caution": caution or None,
        "run": {str(key): _plain(value) for key, value in (run or {}).items()},
        "table": table.to_dicts(),
        "by_edge_type": edge_types(scan, axis),
        "by_magnitude": edge_types(scan, "magnitude") if axis == "ratio" else [],
        "calibration": calibration(scan),
        "extremes": [
            row | {"aromatic": aromatic(scan, row)}
            for row in scan.names.rows(as_edges(scan.extremes(), info.rows))
        ],
        "site_pattern": site_pattern(sites),
        "sites": [
            {
                "site": site,
                "id": f"site-{place}",
                "short": short[site],
                "judged": found[site],
                "axis": site_axis(found[site]),
                "threshold": (found[site][axis] or {}).get("threshold"),
                **distributions(scan, site, site_axis(found[site])),
            }
            for place, site in enumerate(sites)
        ],
    }


def finite(value: Any) -> Any:  # noqa: ANN401  (a tree of plain values)
    """Put None in place of every NaN and infinity, which JSON cannot hold, and lists for tuples."""
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:  # noqa: ANN401  (a fact about the user's run)
    return value if isinstance(value, (bool, int, float, str)) or value is None else str(value)


def _scanned(scan: Scan, axis: str, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    info, baseline, rule = scan.info, scan.baseline, scan.info.criterion
    # A layer that drops self-loops, or one that looks at pairs, does not see all edges.
    seen = np.stack([found.sketch.counts["edges"].numpy() for found in scan.sites.values()])
    types = dict(zip(info.edge_type_names, seen.max(axis=0).tolist(), strict=True))
    truncated = [s for s, of in scan.sites.items() if of.seen > of.rows.height]
    thresholds = {(of[axis] or {}).get("threshold") for of in found.values()}
    one = rule.everywhere
    return {
        "rows": info.rows,
        "model": info.model,
        "data": info.data,
        "graphs": info.graphs,
        "edges": sum(edges for name, edges in types.items() if name != ADDED),
        "edge_types": types,
        "molecules": bool(scan.smiles) and info.rows == "edge",
        "kekulised": writes_rings_kekulised(scan),
        "sites": len(scan.sites),
        "inputs": list(dict.fromkeys(n for of in scan.sites.values() for n in of.of.inputs)),
        "two_node_sets": any(of.of.two_node_sets for of in scan.sites.values()),
        "criterion": rule.name,
        "rule": rule.in_words(),
        "plain": is_plain(rule),
        "axis": axis,
        "measure": "ratio" if one and one.ratio else "excess",
        "ratio": one and one.ratio,
        "magnitude": one and one.magnitude,
        "threshold": thresholds.pop() if len(thresholds) == 1 else None,
        "keep_ratio": info.keep_ratio,
        "truncated": truncated,
        "unlisted": [s for s, of in found.items() if not of["complete"] and s not in truncated],
        "seconds": info.seconds,
        "arguments": list(info.arguments),
        "called": said_arguments(info.arguments),
        "types_from": info.types_from,
        "baseline": baseline
        and {
            "model": baseline.info.model,
            "graphs": baseline.info.graphs,
            "members": len(baseline.members),
        },
    }
