"""The page of a dossier: one HTML file that opens offline and runs no script."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from edgescope.lib.optional import require
from edgescope.plots import formats
from edgescope.report.template_files import environment, file_text

if TYPE_CHECKING:
    from edgescope.study.claim_forests import DossierFigure

TEMPLATE = "dossier.html.j2"

COUNTED = {
    "holds": "hold",
    "only": "hold in places only",
    "refuted": "do not hold",
    "undecided": "are undecided at this budget",
}
"""Kind of a verdict to what is said of several."""


class Part(NamedTuple):
    """A number of a claim on the page, or a published figure."""

    number: str
    figure: "DossierFigure | None"
    rows: Sequence[Mapping[str, Any]]


def dossier_page(
    numbers: Mapping[str, Any], figures: "Mapping[str, Sequence[DossierFigure]]"
) -> str:
    """Fill the page of a dossier.

    Args:
        numbers: all of it, as :meth:`edgescope.study.Dossier.as_dict` returns.
        figures: claim to its figures.
    """
    safe = require("jinja2", "report").utils.markupsafe.Markup
    claims, cells = numbers["claims"], numbers["study"]["cells"]
    counts = Counter(claim["kind"] for claim in claims)
    parts = {
        claim["claim"]: _parts(
            claim, [each._replace(svg=safe(each.svg)) for each in figures[claim["claim"]]]
        )
        for claim in claims
    }
    context = {"between": formats.between, "shown_p": _p}
    page: str = (
        environment(context, file_text)
        .get_template(TEMPLATE)
        .render(
            numbers=numbers,
            counted=[f"{counts[kind]} {words}" for kind, words in COUNTED.items() if counts[kind]],
            parts=parts,
            same={"SAN", "GraphiT"} <= {cell["model"] for cell in cells},
            whole_proteins=any(cell["data"] == "PROTEINS (TU)" for cell in cells),
            style=safe(file_text("style.css")),
        )
    )
    return page


def _parts(claim: Mapping[str, Any], figures: "Sequence[DossierFigure]") -> list[Part]:
    """Return the published figures of a claim, then each of its numbers with its figure."""
    drawn = {each.number: each for each in figures if each.number}
    kinds = dict.fromkeys(row["number"] for row in claim["numbers"])
    of = {kind: [row for row in claim["numbers"] if row["number"] == kind] for kind in kinds}
    published = [Part("", each, []) for each in figures if not each.number]
    return [*published, *(Part(kind, drawn.get(kind), rows) for kind, rows in of.items())]


def _p(value: float | None) -> str:
    """Write a p-value."""
    if value is None:
        return formats.NO_VALUE
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"  # noqa: PLR2004  (shorter than its zeros)
