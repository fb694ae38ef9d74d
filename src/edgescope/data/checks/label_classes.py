"""Labels that are missing, and labels 0 and 1: single classes, few of a class, balance."""

import numpy as np
import polars as pl

from edgescope.data.checks.label_numbers import check_numbers
from edgescope.data.checks.label_values import is_labels, known, one_class
from edgescope.data.checks.table_findings import SHOWN, Subject, TableFinding
from edgescope.lib.plurals import plural

FEW_OF_A_CLASS = 10
"""Members of a class below which a score over it hangs on single molecules."""


def check_classes(subject: Subject, target: int, labels: np.ndarray) -> list[TableFinding]:
    """Look at a target whose labels are 0 and 1.

    Args:
        subject: the table.
        target: which of its targets.
        labels: ``[N]``, its labels, NaN where one is missing.
    """
    name = subject.molecules.target_names[target]
    ones, total = int((labels == 1).sum()), len(known(labels))
    only = one_class(labels)
    if only is not None:
        there = (~np.isnan(labels)).nonzero()[0]
        return [
            TableFinding(
                "one class",
                "grave",
                total,
                f"all {plural(total, 'label')} of {name} are {only:.0f}",
                "There is nothing to classify, and ROC-AUC is undefined.",
                "Leave this task out, or add molecules of the other class.",
                name,
                subject.rows_of(there),
                subject.examples(there[:3], [target]),
            )
        ]
    rare = 1.0 if 2 * ones <= total else 0.0
    fewer = min(ones, total - ones)
    of_rare = (labels == rare).nonzero()[0]
    balance = (
        f"{name}: {plural(total, 'label')}, {ones:,} are 1 ({ones / total:.1%}) and "
        f"{total - ones:,} are 0"
    )
    if fewer >= FEW_OF_A_CLASS:
        return [
            TableFinding(
                "class balance",
                "note",
                total,
                balance,
                "Compare accuracy with the share of the larger class.",
                "Nothing to do.",
                name,
            )
        ]
    return [
        TableFinding(
            "few of a class",
            "look",
            fewer,
            f"{balance}: fewer than {FEW_OF_A_CLASS} of class {rare:.0f}",
            "Scores depend on single molecules, and a part may have none of this class.",
            "Add molecules of this class, or leave the task out.",
            name,
            subject.rows_of(of_rare),
            subject.examples(of_rare, [target]),
        )
    ]


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
        "Conflicts, constants and outliers are found in labels only.",
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
                f"{plural(len(bare), 'molecule has', 'molecules have')} no label",
                "Nothing is learnt from them, yet they count in the size of their part.",
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
                "Nothing to do.",
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
