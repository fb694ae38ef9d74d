"""Rows and cells that are not used, and the training, validation and test parts."""

import re

import numpy as np
import polars as pl

from edgescope.data.checks.label_values import is_labels, known, robust_spread
from edgescope.data.checks.table_findings import SHOWN, Severity, Subject, TableFinding
from edgescope.data.splits import PARTS
from edgescope.lib.plurals import plural

MANY = 0.1
"""Share of the rows that cannot be used from which the table is hardly what was meant."""


def check_rows(subject: Subject) -> list[TableFinding]:
    """List what of the table is not used, by reason, and what was read in another way."""
    found = _rejected(subject) + _lost(subject)
    notes = subject.table_notes
    if notes:
        found.append(
            TableFinding(
                "how the table was read",
                "note",
                len(notes),
                "; ".join(notes),
                "A misread number is a wrong label.",
                "If something else is meant, say so with --decimal, --id-column and the like.",
            )
        )
    return found


def kind_of_reason(reason: str) -> str:
    """Return a reason without what is special to its row.

    Example:
        >>> kind_of_reason("does not parse: unclosed ring around position 3")
        'does not parse'
        >>> kind_of_reason("no bonds (1 atoms)")
        'no bonds'
    """
    plain = re.split(r"[:(,;]", re.sub(r"(['\"]).*?\1", "'...'", reason))[0]
    return re.sub(r"\d+", "...", plain).strip()


def _by_reason(table: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Group rows by the kind of their reason, the most frequent first."""
    kinds = pl.Series("kind", [kind_of_reason(each) for each in table["reason"].to_list()])
    groups = table.with_columns(kinds.cast(pl.String)).partition_by(
        "kind", as_dict=True, include_key=False, maintain_order=True
    )
    return sorted(
        ((str(key[0]), rows) for key, rows in groups.items()), key=lambda each: -each[1].height
    )


def _rejected(subject: Subject) -> list[TableFinding]:
    rejected = subject.molecules.rejected
    severity: Severity = "grave" if rejected.height > MANY * subject.rows else "look"
    return [
        TableFinding(
            "rejected rows",
            severity,
            rows.height,
            f"{plural(rows.height, 'row')} of {subject.rows:,} cannot be used: {reason}",
            "They are left out of training and of every result.",
            "Correct the cells, or remove the rows.",
            rows=tuple(rows["row"].to_list()),
            examples=rows.head(SHOWN).rename({"smiles": "SMILES"}),
        )
        for reason, rows in _by_reason(rejected)
    ]


def _lost(subject: Subject) -> list[TableFinding]:
    lost = subject.molecules.lost_labels
    return [
        TableFinding(
            "lost labels",
            "look",
            rows.height,
            f"{plural(rows.height, 'cell')} of {', '.join(rows['column'].unique().sort())} "
            f"{'gives' if rows.height == 1 else 'give'} no label: {reason}",
            "The molecule is kept without this label.",
            "Write a number or a class, or empty the cell.",
            rows=tuple(rows["row"].unique().sort().to_list()),
            examples=rows.head(SHOWN),
        )
        for reason, rows in _by_reason(lost)
    ]


FEW = 10
"""Molecules of a part below which its score says little."""

SHIFT = 0.001
"""Probability of two parts of one population, below which their labels are called different."""


def check_parts(subject: Subject) -> list[TableFinding]:
    """Look at the parts that the split makes."""
    if (subject.part < 0).any():
        return [
            TableFinding(
                "no split",
                "grave",
                len(subject.part),
                f"the table cannot be divided: {subject.how}",
                "Training needs a training, a validation and a test part.",
                "Choose another split, or add molecules.",
            )
        ]
    sizes = [int((subject.part == part).sum()) for part in subject.wanted]
    names = [PARTS[part] for part in subject.wanted]
    sentence = (
        f"the parts hold {', '.join(f'{n} {s:,}' for n, s in zip(names, sizes, strict=True))} "
        f"molecules; split: {subject.how}"
    )
    found = []
    if min(sizes) < FEW:
        empty = min(sizes) == 0
        found.append(
            TableFinding(
                "empty part" if empty else "small part",
                "grave" if empty else "look",
                min(sizes),
                sentence,
                "Nothing can be trained without it."
                if empty
                else f"A score over fewer than {FEW} molecules is mostly chance.",
                "Choose another split, or add molecules.",
            )
        )
    else:
        found.append(
            TableFinding(
                "parts",
                "note",
                sum(sizes),
                sentence,
                "Scores are those of the test part.",
                "Nothing to do.",
            )
        )
    return [*found, *_classes(subject), *_shift(subject)]


def one_class_parts(y: np.ndarray, part: np.ndarray) -> list[tuple[int, int]]:
    """Return the tasks and parts in which all known labels, or none, leave one class at most.

    Args:
        y: ``[N, T]``, NaN where a label is missing.
        part: ``[N]``, 0 train, 1 val, 2 test.

    Returns:
        Pairs of task and part; of tasks with both classes in the table, and of parts that hold
        molecules.
    """
    found: list[tuple[int, int]] = []
    for task, labels in enumerate(y.T):
        if not is_labels(labels) or len(np.unique(known(labels))) == 1:
            continue
        found += [
            (task, int(number))
            for number in np.unique(part).tolist()
            if len(np.unique(known(labels[part == number]))) < 2  # noqa: PLR2004  (two classes)
        ]
    return found


def _classes(subject: Subject) -> list[TableFinding]:
    y, names = subject.y, subject.molecules.target_names
    lacking = one_class_parts(y, subject.part)
    if not lacking:
        return []
    tasks = sum(is_labels(labels) and len(np.unique(known(labels))) > 1 for labels in y.T)
    undefined = [part for part in range(3) if sum(p == part for _, p in lacking) == tasks]
    grave = bool(undefined) or any(part == 0 for _, part in lacking)
    return [
        TableFinding(
            "one class in a part",
            "grave" if grave else "look",
            len(lacking),
            f"{plural(len({task for task, _ in lacking}), 'task has', 'tasks have')} one class or "
            f"no label in a part; split: {subject.how}",
            "ROC-AUC is undefined there, and nothing is learnt from one class.",
            "Choose another split, or leave the task out.",
            examples=pl.DataFrame(
                [
                    {
                        "task": names[task],
                        "part": PARTS[part],
                        "0": int((y[subject.part == part, task] == 0).sum()),
                        "1": int((y[subject.part == part, task] == 1).sum()),
                    }
                    for task, part in lacking
                ]
            ).head(20),
        )
    ]


def _shift(subject: Subject) -> list[TableFinding]:
    from scipy.stats import fisher_exact, ks_2samp

    found = []
    for task, name in enumerate(subject.molecules.target_names):
        labels = subject.y[:, task]
        train, test = (known(labels[subject.part == part]) for part in (0, 2))
        if min(len(train), len(test)) < FEW:
            continue
        if is_labels(labels):
            counts = [[int((each == value).sum()) for value in (0, 1)] for each in (train, test)]
            chance = float(fisher_exact(counts).pvalue)
            seen = f"{train.mean():.1%} and {test.mean():.1%} are 1"
        else:
            chance = float(ks_2samp(train, test, method="asymp").pvalue)
            spread = robust_spread(labels)
            seen = (
                f"the medians are {np.median(train):.4g} and {np.median(test):.4g}, and the robust "
                f"standard deviation of all is {spread:.3g}"
            )
        if chance < SHIFT:
            found.append(
                TableFinding(
                    "label shift",
                    "look",
                    len(train) + len(test),
                    f"labels of {name} in train and test differ: {seen} (p = {chance:.1g})",
                    "What fits one part does not fit the other, whatever the model.",
                    "Keep it if the split is meant to do so; else divide at random.",
                    name,
                )
            )
    return found
