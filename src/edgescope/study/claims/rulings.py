"""The rule by which the numbers of a claim become a verdict, and the correction over claims.

A number *holds* if its whole 95 % interval lies where the claim says, *does not hold* if its whole
interval lies outside, and is undecided otherwise. A group of cells (a model on a data set, say)
holds if all its numbers do, does not hold if one does not, and is undecided otherwise, or if a
condition without which the claim has no meaning is not met.

A claim *holds* if all its groups do (an intersection-union test, whose p-value is the largest:
Berger, Technometrics 24, 1982), *does not hold* if none does. Otherwise its groups are corrected
after Holm, and the claim *holds only where* groups still do; if none does, it is undecided. In the
end all claims with a p-value are corrected after Holm together; one that is no longer clear is
undecided.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgescope.statistics.holm import holm
from edgescope.study.claims.questions import ALPHA, HOLDS, REFUTED, UNDECIDED, Question

ONLY = "holds only where"

_CLASSES = {HOLDS: "holds", REFUTED: "refuted", UNDECIDED: "undecided", ONLY: "only"}
"""Kind of a verdict to a word of JSON."""


@dataclass(frozen=True)
class GroupRuling:
    """What is said of one group of cells.

    Attributes:
        group: which.
        verdict: holds, does not hold or undecided.
        p: its p-value; NaN if there is none.
        decides: whether it enters the claim's verdict.
        reason: what stands in the way of a verdict, or why it does not enter; empty if nothing.
    """

    group: str
    verdict: str
    p: float
    decides: bool
    reason: str


@dataclass(frozen=True)
class Ruling:
    """What is said of a claim.

    Attributes:
        verdict: ``"holds"``, ``"does not hold"``, ``"holds only where ..."`` or ``"undecided at
            this budget"``.
        reason: why, in a sentence.
        groups: what is said of each group.
        questions: the numbers.
        p: p-value of the verdict; NaN if there is none.
        p_adjusted: the same after the correction over claims.

    Example:
        >>> import edgescope as es
        >>> found = es.study.rulings({})["C1"]
        >>> found.verdict, found.reason
        ('undecided at this budget', 'not measured: no table cells, sites')
    """

    verdict: str
    reason: str
    groups: tuple[GroupRuling, ...] = ()
    questions: tuple[Question, ...] = ()
    p: float = math.nan
    p_adjusted: float = math.nan

    @property
    def kind(self) -> str:
        """The verdict without the places where it holds."""
        return ONLY if self.verdict.startswith(ONLY) else self.verdict

    @property
    def decisive(self) -> Question | None:
        """The number that decides, the least clear of several; None if nothing was measured."""
        known = [each for each in self.questions if not each.aside] or list(self.questions)
        known = [each for each in known if math.isfinite(each.estimate.value)]
        return max(known, key=lambda each: 0.0 if math.isnan(each.p) else each.p, default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in values that JSON can hold; what is not finite is null."""
        return {
            "verdict": self.verdict,
            "kind": _CLASSES[self.kind],
            "decisive": None if self.decisive is None else _question(self.decisive),
            "reason": self.reason,
            "p": _plain(self.p),
            "p_adjusted": _plain(self.p_adjusted),
            "groups": [{**vars(group), "p": _plain(group.p)} for group in self.groups],
            "numbers": [_question(each) for each in self.questions],
        }


def rule(questions: Sequence[Question]) -> Ruling:
    """Return the verdict on a claim by its numbers, before the correction over claims.

    Args:
        questions: the numbers, in any order; those of one group belong together.
    """
    names = list(dict.fromkeys(each.group for each in questions))
    groups = [_group(name, [each for each in questions if each.group == name]) for name in names]
    found = Ruling("", "", tuple(groups), tuple(questions))
    deciding = [group for group in groups if group.decides]
    if not deciding:
        reasons = "; ".join(dict.fromkeys(group.reason for group in groups if group.reason))
        return replace(found, verdict=UNDECIDED, reason=f"not measured: {reasons or 'no cell'}")
    kinds = {group.verdict for group in deciding}
    largest = _largest([group.p for group in deciding])
    if kinds in ({HOLDS}, {REFUTED}):
        (verdict,) = kinds
        return replace(found, verdict=verdict, reason=_everywhere(deciding), p=largest)
    adjusted = holm(np.array([group.p for group in deciding]))
    clear = [
        replace(g, verdict=UNDECIDED, reason="undecided after the correction over groups")
        if g.verdict != UNDECIDED and a > ALPHA
        else g
        for g, a in zip(deciding, adjusted, strict=True)
    ]
    by_name = {group.group: group for group in clear}
    found = replace(found, groups=tuple(by_name.get(g.group, g) for g in groups))
    holding = [group.group for group in clear if group.verdict == HOLDS]
    reason = _apart(clear)
    if not holding:
        return replace(found, verdict=UNDECIDED, reason=reason, p=largest)
    p = _largest([a for g, a in zip(clear, adjusted, strict=True) if g.verdict != UNDECIDED])
    return replace(found, verdict=f"{ONLY}: {'; '.join(holding)}", reason=reason, p=p)


def corrected(of: dict[str, Ruling]) -> dict[str, Ruling]:
    """Correct the verdicts on several claims after Holm; those without a p-value stay."""
    adjusted = holm(np.array([ruling.p for ruling in of.values()]))
    found = {}
    for (key, ruling), p in zip(of.items(), adjusted.tolist(), strict=True):
        now = replace(ruling, p_adjusted=p)
        if ruling.verdict != UNDECIDED and p > ALPHA:
            reason = f"{ruling.verdict}, if it were the only claim; not after the correction"
            now = replace(now, verdict=UNDECIDED, reason=f"{reason}. {ruling.reason}")
        found[key] = now
    return found


def _group(name: str, of: Sequence[Question]) -> GroupRuling:
    counted = [each for each in of if not each.aside]
    if not counted:
        return GroupRuling(name, _all([each.ruling for each in of]), math.nan, False, of[0].aside)
    verdict = _all([each.ruling for each in counted])
    met = all(each.ruling == HOLDS for each in counted if each.condition)
    if not met:
        verdict = UNDECIDED
    against = [each.p for each in counted if each.ruling == REFUTED]
    if verdict == REFUTED:
        p = min(_smallest(against) * len(counted), 1.0)
    else:
        p = _largest([each.p for each in counted])
    return GroupRuling(name, verdict, p, True, "" if verdict != UNDECIDED else _why(counted))


def _why(of: Sequence[Question]) -> str:
    """Say what keeps a group from a verdict."""
    problems = [each.estimate.problem for each in of if each.estimate.problem]
    if problems:
        return problems[0]
    unmet = [each for each in of if each.condition and each.region.ruling(each.estimate) != HOLDS]
    if unmet:
        return f"its condition is not met: {unmet[0].number}"
    return "the interval holds values for and against"


def _all(rulings: Sequence[str]) -> str:
    if REFUTED in rulings:
        return REFUTED
    return HOLDS if set(rulings) == {HOLDS} else UNDECIDED


def _largest(p: Sequence[float]) -> float:
    known = [each for each in p if math.isfinite(each)]
    return max(known) if known else math.nan


def _smallest(p: Sequence[float]) -> float:
    known = [each for each in p if math.isfinite(each)]
    return min(known) if known else math.nan


def _everywhere(groups: Sequence[GroupRuling]) -> str:
    names = [group.group for group in groups]
    return f"so it is in {names[0]}" if len(names) == 1 else f"so it is in all {len(names)} groups"


def _apart(groups: Sequence[GroupRuling]) -> str:
    """Say which groups hold, which do not, and which are undecided, and why."""
    said = []
    for verdict in (HOLDS, REFUTED, UNDECIDED):
        names = [
            f"{g.group} ({g.reason})" if g.reason else g.group
            for g in groups
            if g.verdict == verdict
        ]
        if names:
            said.append(f"{verdict.removesuffix(' at this budget')}: {'; '.join(names)}")
    return ". ".join(said)


def _question(of: Question) -> dict[str, Any]:
    found = of.estimate
    return {
        "group": of.group,
        "number": of.number,
        "value": _plain(found.value),
        "low": _plain(found.low),
        "high": _plain(found.high),
        "units": found.units,
        "unit": found.unit,
        "seeds": list(found.seeds),
        "values": list(found.values),
        "agreeing": of.agreeing,
        "lost": found.lost,
        "problem": found.problem,
        "region_low": _plain(of.region.low),
        "region_high": _plain(of.region.high),
        "region_why": of.region.why,
        "null": _plain(of.null),
        "null_words": of.null_words,
        "beside": {name: _plain(value) for name, value in of.beside.items()},
        "within": _plain(of.within),
        "within_words": of.within_words,
        "condition": of.condition,
        "aside": of.aside,
        "ruling": of.ruling,
        "p": _plain(of.p),
    }


def _plain(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
