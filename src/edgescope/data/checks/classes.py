"""What labels 0 and 1 look like: single classes, few of a class, balance."""

import numpy as np

from edgescope.data.checks.finding import TableFinding
from edgescope.data.checks.label_values import known, one_class
from edgescope.data.checks.subject import Subject
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
                "There is nothing to tell apart, and ROC-AUC is undefined.",
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
                "Accuracy is to be compared with the share of the larger class.",
                "Nothing need be done.",
                name,
            )
        ]
    return [
        TableFinding(
            "few of a class",
            "look",
            fewer,
            f"{balance}: fewer than {FEW_OF_A_CLASS} of class {rare:.0f}",
            "Scores hang on single molecules, and a part may have none of them.",
            "Add molecules of this class, or leave the task out.",
            name,
            subject.rows_of(of_rare),
            subject.examples(of_rare, [target]),
        )
    ]
