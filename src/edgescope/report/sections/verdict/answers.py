"""Two of the answers, each from what is there: an ablation, a diagnosis."""

from typing import Any

from edgescope.diagnosis import Findings
from edgescope.diagnosis.findings_text import conclusion
from edgescope.intervene import Ablation
from edgescope.intervene.ablation_result import Beyond
from edgescope.lib.plurals import plural
from edgescope.plots.formats import between, listing, number, percent
from edgescope.report.section_protocol import Material
from edgescope.report.sections.verdict.ways import Way, answer, to_ablate, to_diagnose
from edgescope.report.summary import marked
from edgescope.report.words import METRICS

VALUES = {
    "zero": "by zero",
    "mean": "by their mean elsewhere",
    "median": "by their median elsewhere",
    "constant": "by their own mean",
    "clip": "by the threshold",
    "untrained": "by their values before training",
    "resample": "by values of other edges",
}
"""What :func:`edgescope.ablate` puts in their place."""

CONTROLS = {
    "number": "replacing as many at random",
    "magnitude": "replacing those next in magnitude",
    "edge_type": "replacing as many on edges of the same types",
}
"""What the controls do."""


def predictions(material: Material) -> dict[str, Any]:
    """Say whether massive activations change predictions: from an ablation with its controls."""
    question = "Do massive activations change predictions?"
    found: Ablation | None = material.results.get("ablation")
    if found is None:
        judged = [site["judged"] for site in material.numbers["sites"]]
        if not any(of["massive"] for of in judged) and all(of["complete"] for of in judged):
            name = material.scan.info.criterion.name
            text = f"{name} calls no activation of these sites massive."
            return answer(question, "Nothing to replace:", text, sections=("sites",))
        return _unmeasured(question, to_ablate(material))
    return _of_ablation(question, found, material.scan.info.criterion.name)


def _of_ablation(question: str, found: Ablation, rule: str) -> dict[str, Any]:
    """Say what an ablation found; ``rule`` is what the page calls massive by."""
    rows = found.table().rows(named=True)
    chosen = next(row for row in rows if row["site"] == rows[-1]["site"])
    where = ("ablation",)
    if not chosen["activations"]:
        text = f"{found.info.where} chooses no activation, so nothing was replaced."
        return answer(question, "Nothing to replace:", text, sections=where)
    text, beyond = _replaced(found, chosen), found.beyond()
    # An ablation may have chosen other activations than those that this page calls massive.
    same = found.info.where in {rule, f"scan, {rule}"}
    others = "" if same else f" These are not those that {rule} calls massive."
    if beyond is None:
        text = f"{text}, and without controls nothing shows that other activations do less."
        return answer(question, "Not shown:", text, sections=where)
    text = f"{text}: {_beside(beyond, 'harm' if found.info.metric else 'effect')}.{others}"
    if beyond.all_of("more"):
        return answer(question, "Yes, more than others:", text, "alarm", where)
    if beyond.more:
        return answer(question, "In part:", text, "alarm", where)
    harm = "harm " if found.info.metric else ""
    certain = f"Less {harm}than others:" if beyond.all_of("less") else "Not beyond chance:"
    return answer(question, certain, text, "clear" if same else "open", where)


def _beside(beyond: Beyond, effect: str) -> str:
    """Say whether it did more than the controls, which replace other activations."""
    told = []
    for side, words in (
        ("more", f"more {effect} than"),
        ("less", f"less {effect} than"),
        ("open", "no certain difference from"),
    ):
        names = getattr(beyond, side)
        every = side != "open" and len(names) == sum(map(len, beyond))
        what = "every control, which replaces other activations"
        if names:
            told.append(f"{words} {what if every else listing([CONTROLS[each] for each in names])}")
    return "; ".join(told)


def _replaced(found: Ablation, chosen: dict[str, Any]) -> str:
    """Say what was replaced, and what that changed."""
    info, (axis, _) = found.info, found.drawn
    change = number(chosen[axis])
    ends = between(chosen[f"{axis}_low"], chosen[f"{axis}_high"])
    what = (
        f"replacing {plural(int(chosen['activations']), 'activation')} "
        f"({percent(chosen['share'])}), chosen by {info.where}, "
        f"{VALUES.get(info.value, info.value)}"
    )
    if info.metric is None:
        return f"{what}, moves predictions by {change} ({ends}) on average"
    sign = "+" if chosen[axis] > 0 else ""
    part = f", {percent(abs(chosen[axis]) / info.before)} of it" if info.before else ""
    return (
        f"{what}, changes the {METRICS[info.metric]} of {number(info.before)} by {sign}{change} "
        f"({ends}{part})"
    )


def causes(material: Material) -> dict[str, Any]:
    """Say what a diagnosis found, at massive sites first, and its remedy."""
    question = "What causes them, and what can I try?"
    found: Findings | None = material.results.get("diagnosis")
    if found is None:
        return _unmeasured(question, to_diagnose(material))
    where = ("diagnosis",)
    if not found.fresh:
        said = conclusion(found).removeprefix(f"{found.model}: ")
        quiet = not marked(material.numbers)
        return answer(question, "No finding:" if quiet else "Not explained:", said, sections=where)
    first, at_site = _gravest(found, [site["site"] for site in marked(material.numbers)])
    others = len(found.fresh) - 1
    rest = f" {plural(others, 'further finding')} below." if others else ""
    beside = "" if at_site else " It is at no site that is called massive."
    text = (
        f"{first.rule} at {first.where}: {first.cause}. Try: {first.remedy}. That this is the "
        f"cause was not measured.{beside}{rest}"
    )
    tone = "open" if first.severity == "note" else "alarm"
    return answer(question, f"Found ({first.severity}):", text, tone, where)


def _gravest(found: Findings, sites: list[str]) -> tuple[Any, bool]:
    """Return the most severe finding, of those at massive sites if there is one."""
    layers = {site.rpartition(":")[0] for site in sites}
    there = [each for each in found.fresh if each.layer in layers]
    return (there or found.fresh)[0], bool(there)


def _unmeasured(question: str, way: Way) -> dict[str, Any]:
    """Say that something was not measured, and how it is."""
    if not way.words:
        return answer(question, "Not measured:", f"{way.note}.")
    verb = "in Python" if way.words.startswith("es.") else "run"
    return answer(question, "Not measured:", verb, way=way)
