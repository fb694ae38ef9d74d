"""What an answer is made of, and how what was not measured is: the command, or the call."""

from typing import Any, NamedTuple

from edgescope.report.section_protocol import Material
from edgescope.scanning.criteria.common_ratio import common_ratio
from edgescope.statistics.sketch_layout import PAPER_RATIO


class Way(NamedTuple):
    """What to type, and what should be known of it."""

    words: str
    """The command or the call; empty if there is none."""
    note: str
    """A clause about it."""


def answer(
    question: str,
    answer: str,
    text: str,
    tone: str = "open",
    sections: tuple[str, ...] = (),
    way: Way | None = None,
) -> dict[str, Any]:
    """Return an answer, as the section's numbers have it."""
    return {
        "question": question,
        "answer": answer,
        "tone": tone,
        "text": text,
        "sections": list(sections),
        "measure": way and way.words,
        "note": way and way.note,
    }


def to_ablate(material: Material) -> Way:
    """Return how to replace what the scan's criterion calls massive."""
    scan, info = material.scan, material.scan.info
    if info.rows == "node" or info.parts:
        of = "of nodes" if info.rows == "node" else "in parts of one large graph"
        return Way("", f"activations {of} cannot be replaced")
    command = material.commands.get("ablation", "")
    if scan.massive_edges()["complete"].all():
        own = "es.ablate(model, loader, where=scan)"
        return Way(f"{command} --where scan" if command else own, "")
    ratio = common_ratio(info.criterion)
    if command and ratio:
        return Way(f"{command} --where {ratio:g}", "")
    largest = max(float(found.sketch.maxima[0].max()) for found in scan.sites.values())
    if command and largest > PAPER_RATIO:
        return Way(command, f"which replaces what exceeds a ratio of {PAPER_RATIO:,.0f}")
    return Way("es.ablate(model, loader, where=scan.info.criterion)", "")


def to_diagnose(material: Material) -> Way:
    """Return how to look for causes."""
    return Way(material.commands.get("diagnosis", "") or "es.diagnose(model, loader)", "")


def to_precision(material: Material) -> Way:
    """Return how to run the model in lower precision; nothing for nodes and parts of a graph."""
    info = material.scan.info
    if info.rows == "node" or info.parts:
        return Way("", "")
    return Way(material.commands.get("precision", "") or "es.precision(model, loader)", "")
