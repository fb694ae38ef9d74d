"""Plain numbers about the labels of one target."""

from typing import NamedTuple

import numpy as np

TO_SIGMA = 1.4826
"""The standard deviation of a normal law in units of its median absolute deviation."""

FEWEST = 10
"""Labels from which a statement about their distribution is made."""

DOMINATES = 0.5
"""Share of one value from which it is the median whatever the others are: the answer that has the
smallest mean absolute error, for all molecules alike."""


class Dominant(NamedTuple):
    """The most frequent value: itself, how often it stands there, and its share."""

    value: float
    times: int
    share: float


def known(labels: np.ndarray) -> np.ndarray:
    """Leave out missing labels."""
    found: np.ndarray = labels[~np.isnan(labels)]
    return found


def is_labels(labels: np.ndarray) -> bool:
    """Say whether all known labels are 0 or 1, so that they name classes."""
    values = known(labels)
    return bool(len(values)) and bool(np.isin(values, (0, 1)).all())


def robust_spread(labels: np.ndarray) -> float:
    """Return the median absolute deviation in units of a standard deviation.

    Where more than half of the labels are equal, the standard deviation itself.
    """
    values = known(labels)
    if not len(values):
        return 0.0
    mad = float(np.median(np.abs(values - np.median(values))))
    return TO_SIGMA * mad if mad > 0 else float(values.std())


def dominant(labels: np.ndarray) -> Dominant | None:
    """Return the most frequent value; the smallest of several. None without labels."""
    values = known(labels)
    if not len(values):
        return None
    different, counts = np.unique(values, return_counts=True)
    top = int(counts.argmax())
    return Dominant(float(different[top]), int(counts[top]), float(counts[top] / len(values)))


def counts_rows(labels: np.ndarray) -> bool:
    """Say whether labels are whole numbers that count from one number on, each once, none missing.

    Such a column numbers the rows, whether or not they are sorted.
    """
    if len(labels) < FEWEST or np.isnan(labels).any():
        return False
    return bool((np.diff(np.sort(labels)) == 1).all() and (labels == np.round(labels)).all())


def one_class(labels: np.ndarray) -> float | None:
    """Return the class, if all known labels are of one; None otherwise or without labels."""
    if not is_labels(labels):
        return None
    values = np.unique(known(labels))
    return float(values[0]) if len(values) == 1 else None
