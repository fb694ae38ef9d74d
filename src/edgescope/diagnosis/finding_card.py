"""One finding in a notebook: a line with what was found, then its cause and its remedy."""

from collections.abc import Iterator

from edgescope.plots.notebook_card import Html, Tone, badge, card, code, joined, paragraph

TONES: dict[str, Tone] = {"error": "bad", "warning": "warn", "note": "plain"}
"""How the severities look."""


def finding_card(line: Html, body: Iterator[Html]) -> str:
    """Return a card of one finding."""
    return card("Finding", line, *body)


def finding_line(severity: str, rule: str, where: str, message: str) -> Html:
    """Return what was found, and where."""
    return joined(badge(severity, TONES[severity]), code(where), f"{rule}: {message}")


def finding_body(cause: str, remedy: str, mechanical: str | None) -> Iterator[Html]:
    """Yield why it happens, and what to do."""
    yield paragraph(joined(Html("<b>Cause:</b>"), cause))
    yield paragraph(joined(Html("<b>Remedy:</b>"), remedy))
    if mechanical:
        call = code("es.diagnose.try_remedy(model, finding)")
        yield paragraph(joined("It can be tried on a copy of the model:", call), "soft")
