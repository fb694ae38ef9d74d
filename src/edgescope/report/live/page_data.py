"""What the script of a report is given: everything that depends on a threshold."""

from collections.abc import Mapping
from typing import Any

from edgescope.report.doubts import doubts
from edgescope.report.drawn_attention import AttentionMaps
from edgescope.report.live.attention_data import attention_data
from edgescope.report.live.count_runs import bin_rules, map_counts, state_counts
from edgescope.report.live.drawn_graphs import drawn_graphs, named_ends
from edgescope.report.live.linked_rows import linked_rows
from edgescope.report.row_nouns import said_of
from edgescope.report.scanned_model import Scanned
from edgescope.report.sentence_templates import templates_for
from edgescope.report.summary import doubt, largest
from edgescope.scanning.result import Scan
from edgescope.statistics.sketch_layout import JOINT_FLOOR


def page_data(
    scan: Scan,
    numbers: Mapping[str, Any],
    scanned_model: Scanned | None = None,
    attention: AttentionMaps | None = None,
    commands: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Gather what a page's script needs to follow any threshold.

    Args:
        scan: the scan.
        numbers: the numbers of its report.
        scanned_model: its model and its graphs, if they are known.
        attention: the weights of the graphs that are drawn, if they were gathered.
        commands: what makes results that are missing, by the option of ``scan.report``.

    Returns:
        What JSON can hold: ``sites`` with their counts by bin, in every state, and the thresholds
        of the criterion; the ``doubt`` beside which no threshold gives an all-clear, and the
        ``sentences`` on top; the activations that were ``kept`` and are worth looking at, and the
        names of the nodes at their ``ends`` if these are not their numbers; the ``graphs`` that
        hold them, with where their nodes stand in a drawing; and the layers of their
        ``attention``.
    """
    scanned = numbers["scanned"]
    states = {"trained": scan} | ({"untrained": scan.baseline} if scan.baseline else {})
    names = scan.info.edge_type_names
    kept = linked_rows(scan)
    graphs = drawn_graphs(scan, kept)
    if scanned_model is not None:
        for graph, told in scanned_model.told(kept.graphs).items():
            graphs[str(graph)]["values"] = told
    command = (commands or {}).get("attention", "")
    weights = attention_data(scan, attention, graphs, command)
    return {
        "rows": scanned["rows"],
        "axis": scanned["axis"],
        "kekulised": bool(scanned["kekulised"]),
        "doubt": said_of(doubt(_by_ratio(numbers)), scan.info.rows),
        "largest": [
            said_of(largest(dict(numbers), grown=grown), scan.info.rows) for grown in (False, True)
        ],
        "sentences": templates_for(scan.info.rows),
        "members": (scanned["baseline"] or {}).get("members", 0),
        "floor": JOINT_FLOOR,
        "types": list(names),
        "sites": [
            {
                **{key: site[key] for key in ("id", "site", "short", "axis")},
                "heads": scan[site["site"]].layout.heads,
                "channels": scan[site["site"]].layout.channels,
                "bins": bin_rules(scan[site["site"]]),
                "limits": {
                    axis: (site["judged"][axis] or {}).get("threshold")
                    for axis in ("ratio", "magnitude")
                },
                "largest": _largest(numbers["table"][place]),
                "counts": {s: state_counts(of, site["site"], names) for s, of in states.items()},
                "maps": map_counts(scan[site["site"]]),
                "note": kept.notes[site["site"]],
                "floors": kept.floors[site["site"]],
            }
            for place, site in enumerate(numbers["sites"])
        ],
        "kept": kept.rows,
        "ends": named_ends(scan, kept),
        "graphs": graphs,
        "attention": weights,
    }


def _by_ratio(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers with every doubt of a reader who moves the threshold.

    A criterion that bounds magnitudes has judged how far they grew; a threshold that is put in its
    place has not.
    """
    rows = zip(numbers["sites"], numbers["table"], strict=True)
    sites = [site | {"doubts": doubts(row, {"magnitude": None})} for site, row in rows]
    return {**numbers, "sites": sites}


def _largest(row: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Return the exact largest ratio and magnitude of a site by state."""
    endings = {"trained": "", "untrained": "_untrained"}
    return {
        axis: {
            state: row[f"max_{axis}{ending}"] or None
            for state, ending in endings.items()
            if f"max_{axis}{ending}" in row
        }
        for axis in ("ratio", "magnitude")
    }
