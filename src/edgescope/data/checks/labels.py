"""Which labels there are, which are missing, and what each target is checked for."""

import numpy as np
import polars as pl

from edgescope.data.checks.classes import check_classes
from edgescope.data.checks.finding import SHOWN, TableFinding
from edgescope.data.checks.label_values import is_labels, known
from edgescope.data.checks.numbers import check_numbers
from edgescope.data.checks.subject import Subject
from edgescope.lib.plurals import plural


def check_labels(subject: Subject) -> list[TableFinding]:
    """Look at the labels of every target."""
    names = subject.molecules.target_names
    if not names:
        return [_no_target(subject)]
    found = _without_label(subject)
    for target, labels in enumerate(subject.y.T):
        if len(known(labels)):
            of_kind = check_classes if is_labels(labels) else check_numbers
            found += of_kind(subject, target, labels)
        else:
            found.append(
                TableFinding(
                    "no label",
                    "grave",
                    len(labels),
                    f"{names[target]} has no label that can be read",
                    "There is nothing to train on.",
                    "Check the column, or leave it out.",
                    names[target],
                )
            )
    return found


def _no_target(subject: Subject) -> TableFinding:
    others = ", ".join(subject.numeric_columns)
    return TableFinding(
        "no label checked",
        "note",
        len(subject.molecules),
        "no label was checked, as no target column was named; "
        + (f"columns of numbers are: {others}" if others else "no other column holds numbers"),
        "Conflicts, constants and outliers are faults of labels.",
        "Name the columns to predict: --target-column NAME, or target_columns=[...].",
    )


def _without_label(subject: Subject) -> list[TableFinding]:
    """Find molecules without any label, and count the missing ones of every target."""
    y, names = subject.y, subject.molecules.target_names
    missing = np.isnan(y)
    found = []
    bare = missing.all(axis=1).nonzero()[0]
    if 0 < len(bare) < len(y):
        found.append(
            TableFinding(
                "molecules without label",
                "look",
                len(bare),
                f"{plural(len(bare), 'molecule has', 'molecules have')} no label at all",
                "Nothing is learnt from them; they count as molecules of their part all the same.",
                "Leave them out, or find the label.",
                rows=subject.rows_of(bare),
                examples=subject.examples(bare),
            )
        )
    lacking = [(name, int(count)) for name, count in zip(names, missing.sum(axis=0), strict=True)]
    if len(names) > 1 and any(count for _, count in lacking):
        found.append(
            TableFinding(
                "missing labels",
                "note",
                int(missing.sum()),
                f"{int(missing.sum()):,} of {missing.size:,} labels are missing",
                "Each target is trained on the molecules whose label is known.",
                "Nothing need be done.",
                examples=pl.DataFrame(
                    {
                        "target": [name for name, _ in lacking],
                        "known": [len(y) - count for _, count in lacking],
                        "missing": [count for _, count in lacking],
                    }
                ).head(SHOWN),
            )
        )
    return found
