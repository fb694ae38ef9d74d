"""Molecules that stand in a table twice: with other labels, or in two parts."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from edgescope.data.checks.label_values import is_labels, robust_spread
from edgescope.data.checks.table_findings import SHOWN, Subject, TableFinding
from edgescope.lib.plurals import plural

UNEXPLAINED = 0.01
"""Share of the variance of a label that its duplicates may leave unexplained.

Two labels of one molecule that differ by ``d`` have the variance ``d**2 / 2`` about their mean,
which no model can explain. If all molecules were labelled as unevenly and this were more than one
per cent of the variance of the label, the labels are called conflicting."""


SINGLE = 2.0**-21
"""Relative difference that the rounding to single precision may make, a few units of it."""

MANY = 4
"""Labels shown side by side at most."""


class Conflict(NamedTuple):
    """Labels of one molecule that cannot all be right.

    Attributes:
        group: which of the groups it is.
        positions: of its members with a known label.
        target: which label.
        difference: between the largest and the smallest.
    """

    group: int
    positions: list[int]
    target: int
    difference: float


def groups(keys: Iterable[Hashable]) -> list[list[int]]:
    """Return the positions of equal keys, where there are two or more, in order of appearance."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for position, key in enumerate(keys):
        places[key].append(position)
    return [each for each in places.values() if len(each) > 1]


def in_two_parts(found: Sequence[list[int]], part: np.ndarray) -> list[list[int]]:
    """Return the groups whose members are not all in one part."""
    return [each for each in found if len(set(part[each].tolist())) > 1]


def tolerance(labels: np.ndarray) -> float:
    """Return how far two labels of one molecule may differ, see :data:`UNEXPLAINED`.

    Args:
        labels: ``[N]``, NaN where one is missing; 0 if they are classes.
    """
    if is_labels(labels):
        return 0.0
    return float(np.sqrt(2 * UNEXPLAINED)) * robust_spread(labels)


def conflicts(
    found: Sequence[list[int]], y: np.ndarray, finer: Sequence[Hashable] | None = None
) -> list[Conflict]:
    """Return where members of a group have labels that differ by more than the tolerance.

    Args:
        found: groups of positions.
        y: ``[N, T]``, NaN where a label is missing.
        finer: keys by which members of a group may differ; then the medians of different keys are
            compared, and what one key says of itself does not matter.
    """
    limits = [tolerance(labels) for labels in y.T]
    result = []
    for number, group in enumerate(found):
        known = ~np.isnan(y[group])
        for target in np.flatnonzero(known.sum(axis=0) > 1).tolist():
            members = [group[each] for each in np.flatnonzero(known[:, target])]
            values = y[members, target]
            if finer is not None:
                by_key: dict[Hashable, list[float]] = defaultdict(list)
                for member, value in zip(members, values.tolist(), strict=True):
                    by_key[finer[member]].append(value)
                values = np.array([np.median(each) for each in by_key.values()])
            # Labels are kept in single precision, whose rounding is no difference.
            rounding = SINGLE * float(np.abs(values).max())
            difference = float(np.ptp(values))
            if difference > max(limits[target], rounding):
                result.append(Conflict(number, members, target, difference))
    return result


def check_duplicates(subject: Subject) -> list[TableFinding]:
    """Look for molecules that are in the table more than once, however they are written."""
    facts = subject.facts
    same = groups(facts.molecule)
    twins = [each for each in groups(facts.graph) if len({facts.molecule[i] for i in each}) > 1]
    salts = [each for each in groups(facts.parent) if len({facts.graph[i] for i in each}) > 1]
    found = [
        *_in_two_parts(subject, same, twins, salts),
        *_conflicting(subject, same, twins, salts),
    ]
    contradictory = {place for each in conflicts(same, subject.y) for place in each.positions}
    agreeing = [each for each in same if not contradictory.intersection(each)]
    if agreeing:
        found.append(
            TableFinding(
                "duplicates",
                "look",
                len(agreeing),
                f"{plural(len(agreeing), 'molecule occurs', 'molecules occur')} more than once, "
                f"in {plural(sum(map(len, agreeing)), 'row')}, with labels that agree",
                "A duplicate counts twice in training and in every score.",
                "Keep one row of each.",
                "",
                *_shown(subject, agreeing, range(subject.y.shape[1])),
            )
        )
    return found


def _in_two_parts(
    subject: Subject,
    same: list[list[int]],
    twins: list[list[int]],
    salts: list[list[int]],
) -> list[TableFinding]:
    if (subject.part < 0).any():
        return []
    remedy = (
        "Keep one row of each, or move all rows of a molecule into one part; split='scaffold' "
        "(--split scaffold) does so."
    )
    kinds = (
        ("molecules in two parts", "grave", same, "the same molecule, however written"),
        ("graphs in two parts", "look", twins, "the same graph under these features"),
        ("parents in two parts", "look", salts, "the same but for counter-ions or protons"),
    )
    found = []
    for kind, severity, candidates, what in kinds:
        leaks = in_two_parts(candidates, subject.part)
        if not leaks:
            continue
        found.append(
            TableFinding(
                kind,
                severity,  # type: ignore[arg-type]  # from the table above
                len(leaks),
                f"{plural(len(leaks), 'molecule is', 'molecules are')} in two or more parts "
                f"({what}); split: {subject.how}",
                "The model is tested on what it was trained on, so its scores are too good.",
                remedy,
                "",
                *_shown(subject, leaks, range(subject.y.shape[1])),
            )
        )
    return found


def _conflicting(
    subject: Subject,
    same: list[list[int]],
    twins: list[list[int]],
    salts: list[list[int]],
) -> list[TableFinding]:
    facts, y, names = subject.facts, subject.y, subject.molecules.target_names
    kinds = (
        (
            ("conflicting labels", "grave", "molecule", "conflicting labels"),
            conflicts(same, y),
            "No model can be right on both rows; the error that remains is the table's.",
            "Check the source of these rows; keep the right one, or their mean.",
        ),
        (
            (
                "same graph, other labels",
                "look",
                "graph",
                "several molecules whose labels differ",
            ),
            conflicts(twins, y, facts.molecule),
            "Stereoisomers and isotopologues get one prediction, whatever their labels are.",
            "Keep one, or use features='ogb' (--features ogb), which keep stereo marks.",
        ),
        (
            ("same parent, other labels", "look", "parent", "several forms whose labels differ"),
            conflicts(salts, y, facts.graph),
            "The form may be the cause; if the label is of the parent, the rows conflict.",
            "Decide whether the label is of the salt or the parent; strip salts or keep one form.",
        ),
    )
    found = []
    for (kind, severity, unit, what), each, why, remedy in kinds:
        if not each:
            continue
        positions = [conflict.positions for conflict in each]
        limits = ", ".join(
            f"{names[target]} {tolerance(y[:, target]):.3g}"
            for target in sorted({conflict.target for conflict in each})
            if not is_labels(y[:, target])
        )
        tolerated = f" (differences up to {limits} count as noise)" if limits else ""
        molecules = len({conflict.group for conflict in each})
        found.append(
            TableFinding(
                kind,
                severity,  # type: ignore[arg-type]  # from the table above
                molecules,
                f"{plural(molecules, f'{unit} has', f'{unit}s have')} {what}, in "
                f"{plural(len({i for group in positions for i in group}), 'row')}{tolerated}",
                why,
                remedy,
                "",
                *_shown(
                    subject,
                    positions,
                    sorted({conflict.target for conflict in each}),
                    [f"{names[one.target]} by {one.difference:.3g}" for one in each],
                ),
            )
        )
    return found


def _shown(
    subject: Subject,
    found: Sequence[list[int]],
    targets: Iterable[int],
    differences: Sequence[str] | None = None,
) -> tuple[tuple[int, ...], pl.DataFrame]:
    """Return the rows of groups, and examples in which the members of a group are numbered."""
    listed = [(number, place) for number, group in enumerate(found) for place in group]
    more: dict[str, list[str]] = {"same": [str(number + 1) for number, _ in listed[:SHOWN]]}
    if differences is not None:
        more["differ in"] = [differences[number] for number, _ in listed[:SHOWN]]
    positions = [place for _, place in listed]
    examples = subject.examples(positions, list(targets)[:MANY], more)
    return subject.rows_of(sorted(set(positions))), examples
