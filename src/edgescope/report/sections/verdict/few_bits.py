"""The answer about low precision: from what was measured, or else from the largest magnitudes."""

from typing import Any

from edgescope.intervene.number_formats.format_verdict import (
    LOSES,
    NOT_RUN,
    OVERFLOWS,
    SAFE,
    UNDECIDED,
    spot_words,
)
from edgescope.intervene.number_formats.precision_result import Precision
from edgescope.lib.plurals import plural
from edgescope.plots.formats import listing, number
from edgescope.report.doubts import FLOAT16_MAX, headroom
from edgescope.report.section_protocol import Material
from edgescope.report.sections.verdict.ways import Way, answer, to_precision

NEAR = 1.0
"""Bits of headroom below which overflow is near, as for :func:`edgescope.monitor`."""

QUESTION = "Do they endanger low precision?"

SAID = {OVERFLOWS: "overflows in", LOSES: "loses in", UNDECIDED: "undecided in", SAFE: "safe in"}
"""How the formats of a verdict are listed, the gravest first."""


def precision(material: Material) -> dict[str, Any]:
    """Say what was measured in fewer bits, or how far the largest magnitude is from the end."""
    table = material.numbers["table"]
    found: Precision | None = material.results.get("precision")
    broken = [row for row in table if row["nonfinite"]]
    if found is not None and not broken:
        return _measured(material, found)
    only = "That is about these sites only; what lower precision does to predictions: not measured"
    way = to_precision(material)
    only = f"{only}; run" if way.words else f"{only}."
    if found is not None:
        way, only = Way("", ""), "That is about these sites only."
    if broken:
        where = f"{len(broken)} of {plural(len(table), 'site')}"
        text = f"activations are not finite at {where}, in the precision that was scanned. {only}"
        return answer(QUESTION, "It is broken already:", text, "alarm", ("not-finite",), way)
    known = [(bits, row) for row in table if (bits := headroom(row)) is not None]
    if not known:
        text = f"no site has an activation other than zero. {only}"
        return answer(QUESTION, "Not known:", text, sections=("sites",), way=way)
    bits, top = min(known, key=lambda each: each[0])
    end = f"{FLOAT16_MAX:,.0f}, the largest number of float16"
    largest = f"the largest magnitude is {number(top['max_magnitude'])}, at {top['site']}"
    if bits < 0:
        over = sum(each < 0 for each, _ in known)
        text = (
            f"{largest}, beyond {end}; so it is at {over} of {plural(len(table), 'site')}. "
            f"bfloat16 reaches as far as float32. {only}"
        )
        return answer(QUESTION, "Yes, in float16:", text, "alarm", ("sites",), way)
    text = f"{largest}, {bits:.1f} bits (doublings) below {end}. {only}"
    if bits < NEAR:
        return answer(QUESTION, "Nearly, in float16:", text, "alarm", ("sites",), way)
    return answer(QUESTION, "No overflow here:", text, "clear", ("sites",), way)


def _measured(material: Material, found: Precision) -> dict[str, Any]:
    """Say what fewer bits were found to do."""
    rows = found.plain().rows(named=True)[1:]
    by = {kind: [row for row in rows if row["verdict"] == kind] for kind in (*SAID, NOT_RUN)}
    parts = []
    for kind, words in SAID.items():
        if names := [row["format"] for row in by[kind]]:
            spot = next((said for row in by[kind] if (said := spot_words(row, "overflow"))), "")
            parts.append(f"{words} {listing(names)}{', first ' + spot if spot else ''}")
    if by[NOT_RUN]:
        parts.append(f"not run: {listing([row['format'] for row in by[NOT_RUN]])}")
    mended, remedies = _remedies(found)
    text = f"{'; '.join(parts)}.{remedies}"
    if found.info.before is None:
        text += " Measured by how far predictions move."
    other = material.scan.info.is_of_other_graphs(found.info.data_fingerprint)
    if other:
        text += f" Measured on other graphs than the scan's, {found.info.graphs:,} of them."
    where = ("precision",)
    bad = [row["format"] for row in (*by[OVERFLOWS], *by[LOSES])]
    if bad and mended.issuperset(bad):
        return answer(QUESTION, f"Yes, in {listing(bad)}:", text, "alarm", where)
    if bad:
        text += " That massive activations are the cause is not shown where nothing mends it."
        return answer(QUESTION, f"The model suffers in {listing(bad)}:", text, "alarm", where)
    if by[UNDECIDED] or not by[SAFE]:
        return answer(QUESTION, "Not shown to be safe:", text, "open", where)
    what = f"No, safe in {plural(len(by[SAFE]), 'format')}:"
    return answer(QUESTION, what, text, "open" if other else "clear", where)


def _remedies(found: Precision) -> tuple[set[str], str]:
    """Return the formats that a remedy at massive activations mends, and say which one does."""
    mended, told = set(), []
    for part in found.table().partition_by("format", maintain_order=True):
        plain, *tried = part.rows(named=True)
        if plain["verdict"] not in {OVERFLOWS, LOSES}:
            continue
        enough = [row["remedy"] for row in tried if row["verdict"] == SAFE]
        mended |= {plain["format"]} if enough else set()
        if tried:
            told.append(f"{plain['format']}: {listing(enough or ['nothing that was tried'])}")
    return mended, f" Enough to mend it: {'; '.join(told)}." if told else ""
