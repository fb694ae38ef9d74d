"""The sentences about a threshold that stand on top, once for Python and the page's script.

The script of a page says the same of any other threshold; it is given these, and writes nothing of
its own.
"""

from edgescope.report.row_nouns import said_of

UNCOMPARED = "; no untrained model was scanned to compare with"

TEMPLATES = {
    "exceeds": "whose {axis} exceeds {limit}",
    "per_site": "the threshold of its site",
    "over": "{over} of {sites} {have} an edge {exceeds}{before}.",
    "none": "None of the {sites} has an edge {exceeds}{before}.",
    "only": "The only site has no edge {exceeds}{before}.",
    "before": "; in {where} {many}",
    "model": "the untrained model",
    "models": "{members} untrained models together",
    "many": "{sites} {have} one",
    "none_before": "none has",
    "uncompared": UNCOMPARED,
    "where": "They are most common at {site}, where they sit on {rates}{rings}.",
    "rate": "{rate} of the {kind}",
    "rings": " (bonds of aromatic rings count as single and double ones)",
    "doubt": "{doubt} {rule}, which calls nothing massive here, does not see that.",
    "criterion": "The criterion {name}",
    "limit": "A {axis} above {limit}",
}
"""By name; what stands in braces is put in."""


def filled(name: str, /, **values: object) -> str:
    """Return a sentence, or a part of one.

    Args:
        name: which one of :data:`TEMPLATES`.
        **values: what is put in.

    Example:
        >>> filled("exceeds", axis="ratio", limit="1,000")
        'whose ratio exceeds 1,000'
    """
    return TEMPLATES[name].format(**values)


def templates_for(rows: str) -> dict[str, str]:
    """Return the templates for a scan whose rows are edges or nodes."""
    return {name: said_of(text, rows) for name, text in TEMPLATES.items()}
