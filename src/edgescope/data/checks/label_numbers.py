"""What measured labels look like: constants, limits, indices, outliers, units, spread."""

import numpy as np
import polars as pl

from edgescope.data.checks.label_values import (
    DOMINATES,
    FEWEST,
    TO_SIGMA,
    counts_rows,
    dominant,
    known,
    robust_spread,
)
from edgescope.data.checks.table_findings import Subject, TableFinding
from edgescope.lib.plurals import plural

FREQUENT = 0.2
"""Share of one value of a measured label from which it may stand for a limit or a default."""

RECURS = 2
"""Times that values stand in a column on average, from which it holds scores or counts, of which
some are frequent by nature."""

OUTLIER = 3.5
"""Distance from the median, in robust standard deviations, from which a label is an outlier.

Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993)."""

DECADES = 3.0
"""Orders of magnitude that labels span from which their logarithm is the better target."""

UNIT = 3.0
"""Orders of magnitude between two units of one quantity, as between nM and uM."""

BY_SIZE = 0.95
"""Rank correlation with the number of heavy atoms from which a target is all but the size."""


def check_numbers(subject: Subject, target: int, labels: np.ndarray) -> list[TableFinding]:
    """Look at a target that is measured.

    Args:
        subject: the table.
        target: which of its targets.
        labels: ``[N]``, its labels, NaN where one is missing.
    """
    name = subject.molecules.target_names[target]
    top = dominant(labels)
    assert top is not None
    if top.share == 1:
        return [_constant(subject, target, name, top.value, top.times)]
    found = []
    frequent = (labels == top.value).nonzero()[0]
    others = known(labels)[known(labels) != top.value]
    recurs = len(others) >= RECURS * len(np.unique(others))
    if top.times > 1 and top.share > (DOMINATES if recurs else FREQUENT):
        grave = top.share > DOMINATES
        found.append(
            TableFinding(
                "one value dominates" if grave else "frequent value",
                "grave" if grave else "look",
                top.times,
                f"{name} is {top.value:.6g} in {top.times:,} of {len(known(labels)):,} rows "
                f"({top.share:.0%})",
                "It may be a limit of the measurement or a default for a missing value; a model "
                "that always predicts it"
                + (" has the smallest mean absolute error." if grave else " looks good."),
                "If so, empty these cells, or predict the two cases separately.",
                name,
                subject.rows_of(frequent),
                subject.examples(frequent, [target]),
            )
        )
    if counts_rows(labels):
        found.append(_index(subject, target, name))
    found += _identifier(subject, target, labels, name)
    logarithms = _logarithms(labels)
    if logarithms is not None:
        found += _units(subject, target, labels, name)
    found += _outliers(subject, target, labels, logarithms, name)
    found += _by_size(subject, labels, name)
    found.append(_spread(target, labels, logarithms, name, subject))
    return found


def _constant(subject: Subject, target: int, name: str, value: float, count: int) -> TableFinding:
    everywhere = (~np.isnan(subject.y[:, target])).nonzero()[0]
    return TableFinding(
        "constant target",
        "grave",
        count,
        f"{name} is {value:.6g} in all {plural(count, 'row')}",
        "There is nothing to learn, and scores mean nothing.",
        "Check that this is the right column, or leave it out.",
        name,
        subject.rows_of(everywhere),
        subject.examples(everywhere[:3], [target]),
    )


def _index(subject: Subject, target: int, name: str) -> TableFinding:
    everywhere = np.arange(len(subject.y))
    return TableFinding(
        "target looks like an index",
        "look",
        len(everywhere),
        f"{name} counts the rows from {subject.y[:, target].min():.0f} to "
        f"{subject.y[:, target].max():.0f}, each number once",
        "A row number or a rank is not a property of a molecule.",
        "Check that this is the right column.",
        name,
        subject.rows_of(everywhere),
        subject.examples(everywhere[:3], [target]),
    )


def _identifier(subject: Subject, target: int, labels: np.ndarray, name: str) -> list[TableFinding]:
    for column, cells in subject.molecules.identifiers.items():
        numbers = pl.Series(list(cells), dtype=pl.String).str.extract(r"(\d+)\s*$", 1)
        # Targets are kept in single precision, so the identifier is rounded in the same way.
        values = numbers.cast(pl.Float32, strict=False).cast(pl.Float64).fill_null(np.nan)
        both = ~np.isnan(labels)
        if both.sum() >= FEWEST and (values.to_numpy()[both] == labels[both]).all():
            return [
                TableFinding(
                    "target is an identifier",
                    "grave",
                    int(both.sum()),
                    f"{name} is the number in {column} in every row",
                    "An identifier is not a property of a molecule.",
                    "Check that this is the right column.",
                    name,
                    subject.rows_of(both.nonzero()[0]),
                    subject.examples(both.nonzero()[0][:3], [target]),
                )
            ]
    return []


def _logarithms(labels: np.ndarray) -> np.ndarray | None:
    """Return decimal logarithms of labels that span three orders of magnitude; else None."""
    values = known(labels)
    if len(values) < FEWEST or (values <= 0).any():
        return None
    logarithms: np.ndarray = np.log10(labels)
    return logarithms if np.ptp(known(logarithms)) >= DECADES else None


def _units(subject: Subject, target: int, labels: np.ndarray, name: str) -> list[TableFinding]:
    """Suspect two units if labels form two clusters, a thousand or a million times apart."""
    order = np.argsort(np.where(np.isnan(labels), np.inf, labels), kind="stable")
    values = np.log10(labels[order[: len(known(labels))]])
    gaps = np.diff(values)
    cut = int(gaps.argmax()) + 1
    low, high = values[:cut], values[cut:]
    smaller = min(len(low), len(high))
    apart = float(np.median(high) - np.median(low))
    units = round(apart / UNIT)
    within = max(np.ptp(low), np.ptp(high))
    if smaller < 3 or not units or abs(apart - UNIT * units) > 0.5 or gaps.max() <= within / 2:  # noqa: PLR2004
        return []
    odd = np.sort(order[cut : len(values)] if len(high) <= len(low) else order[:cut])
    return [
        TableFinding(
            "mixed units",
            "look",
            len(odd),
            f"{name} forms two clusters about {10 ** (UNIT * units):,.0f} times apart: "
            f"{plural(len(low), 'row')} around {10 ** np.median(low):.3g} and "
            f"{plural(len(high), 'row')} around {10 ** np.median(high):.3g}",
            "Two units in one column, such as nM and uM, look like this.",
            "Look up the unit of these rows and convert them.",
            name,
            subject.rows_of(odd),
            subject.examples(odd, [target]),
        )
    ]


def _outliers(
    subject: Subject,
    target: int,
    labels: np.ndarray,
    logarithms: np.ndarray | None,
    name: str,
) -> list[TableFinding]:
    judged = labels if logarithms is None else logarithms
    values = known(judged)
    mad = float(np.median(np.abs(values - np.median(values))))
    if len(values) < FEWEST or mad == 0:
        return []
    distance = (judged - np.median(values)) / (TO_SIGMA * mad)
    far = np.flatnonzero(np.abs(np.nan_to_num(distance)) > OUTLIER)
    if not len(far):
        return []
    far = far[np.argsort(-np.abs(distance[far]), kind="stable")]
    on = "" if logarithms is None else " of the logarithm"
    return [
        TableFinding(
            "outliers",
            "look",
            len(far),
            f"{plural(len(far), 'label')} of {name} {'lies' if len(far) == 1 else 'lie'} more than"
            f" {OUTLIER} robust standard deviations{on} from the median (Iglewicz and Hoaglin)",
            "Typing errors and wrong units look like this, and they pull the fit.",
            "Check the source of the most extreme ones; keep what is right.",
            name,
            subject.rows_of(np.sort(far)),
            subject.examples(
                far, [target], {"distance": [f"{value:+.1f}" for value in distance[far]]}
            ),
        )
    ]


def _by_size(subject: Subject, labels: np.ndarray, name: str) -> list[TableFinding]:
    from scipy.stats import spearmanr

    there = ~np.isnan(labels)
    heavy = subject.facts.heavy[there]
    if there.sum() < FEWEST or len(np.unique(heavy)) < 3:  # noqa: PLR2004  (two give a line)
        return []
    correlation = float(spearmanr(heavy, labels[there]).statistic)
    if not abs(correlation) > BY_SIZE:
        return []
    return [
        TableFinding(
            "target follows size",
            "note",
            int(there.sum()),
            f"the rank correlation of {name} with the number of heavy atoms is {correlation:.2f}",
            "A model may count atoms and seem to know chemistry.",
            "Compare every score with that of the atom count alone.",
            name,
        )
    ]


def _spread(
    target: int, labels: np.ndarray, logarithms: np.ndarray | None, name: str, subject: Subject
) -> TableFinding:
    values = known(labels)
    units = subject.molecules.target_units
    unit = f" {units[target]}" if units and units[target] else ""
    spread = (
        f"{name}: {plural(len(values), 'label')}, from {values.min():.4g} over the median "
        f"{np.median(values):.4g} to {values.max():.4g}{unit}, standard deviation "
        f"{values.std():.4g} (robust {robust_spread(labels):.4g})"
    )
    if logarithms is None:
        why = "Compare errors with the standard deviation."
        return TableFinding(
            "label spread", "note", len(values), spread, why, "Nothing to do.", name
        )
    decades = float(np.ptp(known(logarithms)))
    return TableFinding(
        "several orders of magnitude",
        "look",
        len(values),
        f"{spread}; that spans {decades:.1f} orders of magnitude",
        "The few largest labels dominate the error; small ones hardly matter.",
        "Train on the logarithm, such as pIC50 instead of IC50.",
        name,
    )
