"""Nodes in the place of edges, in the sentences of a report on a scan of node states.

A scan of node states is reported with the same sections, figures and sentences as one of edges.
"""

import re

_BEFORE = r"(?<![\w.:/&#-])"
_AFTER = r"(?![\w-]|[.:/]\w| between bins)"
"""A word in a sentence, and not a part of the name of a site, a module or a file."""

_NODES = (
    (r"\bDirected edge", "Node"),
    (r"\bdirected edge", "node"),
    (rf"{_BEFORE}(A|a)n edge{_AFTER}", r"\1 node"),
    (rf"{_BEFORE}Edge(s?){_AFTER}", r"Node\1"),
    (rf"{_BEFORE}edge(s?){_AFTER}", r"node\1"),
)
_MARKS = re.compile(
    r"(<style.*?</style>|<script.*?</script>|<code.*?</code>|<[^>]*>)", flags=re.DOTALL
)
_ALOUD = re.compile(r'((?:aria-label|alt|title)=")([^"]*)')


def said_of(text: str, rows: str) -> str:
    """Return a sentence about edges as one about what the rows of a scan are.

    Args:
        text: a sentence, or text with marks of HTML; what stands within marks is left as it is.
        rows: what the rows are, ``"edge"`` or ``"node"``.

    Example:
        >>> said_of("An edge whose ratio exceeds 1,000, at edge.conv:state", "node")
        'A node whose ratio exceeds 1,000, at edge.conv:state'
    """
    if rows == "edge":
        return text
    for pattern, noun in _NODES:
        text = re.sub(pattern, noun, text)
    return text


def page_of(page: str, rows: str) -> str:
    """Return a page of HTML about edges as one about what the rows of a scan are.

    Only its text changes, what is read out of images included, and no style or script.

    Args:
        page: the page.
        rows: what the rows are.
    """
    if rows == "edge":
        return page
    parts = _MARKS.split(page)
    return "".join(
        _mark(part) if number % 2 else said_of(part, rows) for number, part in enumerate(parts)
    )


def _mark(mark: str) -> str:
    """Return a mark whose text for readers of the page aloud is about nodes."""
    if mark.startswith(("<style", "<script", "<code")):
        return mark
    return _ALOUD.sub(lambda found: found[1] + said_of(found[2], "node"), mark)
