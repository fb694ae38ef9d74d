"""Findings as cards of a notebook: how many and how grave, then what to do about each."""

from collections import Counter

from edgescope.diagnosis.finding import SEVERITIES, FindingList
from edgescope.diagnosis.finding_card import TONES, finding_body, finding_line
from edgescope.diagnosis.findings_text import conclusion, rest, silence
from edgescope.lib.plurals import plural
from edgescope.plots.notebook_card import badge, card, folded, joined, paragraph, see

SHOWN = 20
"""Findings that a card lists; the first are the gravest."""


def findings_card(findings: FindingList) -> str:
    """Return a card of all findings; a click on one shows its cause and its remedy."""
    counts = Counter(each.severity for each in findings)
    marks = [
        badge(plural(counts[severity], severity), TONES[severity])
        for severity in SEVERITIES
        if counts[severity]
    ]
    clear = findings.coverage is None or findings.coverage.complete
    if not findings:
        marks = [badge("nothing found", "good" if clear else "plain")]
    parts = [paragraph(joined(badge("caution", "bad"), findings.caution))] * bool(findings.caution)
    if not clear:
        parts.append(paragraph(joined(badge("no all-clear", "warn"), rest(findings))))
    elif rest(findings):
        parts.append(paragraph(rest(findings), "soft"))
    parts += [paragraph(line) for line in silence(findings)]
    for each in findings[:SHOWN]:
        line = finding_line(each.severity, each.rule, each.where, each.message)
        parts.append(folded(line, *finding_body(each.cause, each.remedy, each.mechanical)))
    if len(findings) > SHOWN:
        parts.append(paragraph(f"{len(findings) - SHOWN} more", "soft"))
    what = f"Diagnosis of {findings.model}: {plural(len(findings.rules), 'rule')}"
    return card(
        what,
        joined(*marks, conclusion(findings)),
        *parts,
        see("findings.table()", "print(findings.text())"),
    )
