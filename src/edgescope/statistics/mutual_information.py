"""How much one label tells of another: mutual information, its bias, and what chance gives."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

PERMUTATIONS = 199
"""Random orders of one label; with so many the smallest p-value is 0.005."""


class Information(NamedTuple):
    """What one label tells of another."""

    entropy: float
    """Of the first label in bits, plug-in estimate."""
    bits: float
    """Mutual information in bits, corrected after Miller and Madow; may be below 0 or above
    the entropy."""
    null_mean: float
    """The same of random orders, their mean."""
    null_high: float
    """Their 95 % quantile."""
    p: float
    """Share of random orders that tell as much, one-sided, with the data's own order among them."""
    guess: float
    """How often the most frequent first label is right."""
    told: float
    """How often the most frequent first label among those of the same second label is right."""


def information(
    first: Ints,
    second: Ints,
    *,
    generator: np.random.Generator,
    group: Ints | None = None,
    permutations: int = PERMUTATIONS,
) -> Information:
    r"""Return the mutual information of two labels.

    The plug-in estimate is too large by :math:`(K_{xy} - K_x - K_y + 1) / (2 n \ln 2)` bits to
    first order, with :math:`K` the numbers of labels and pairs that occur (Miller 1955; Roulston,
    Physica D 125, 1999), which is taken off. In random orders the second label changes places with
    that of another row, or, if rows are of groups that share it, with that of another group. A
    p-value is ``(1 + c) / (1 + B)`` with ``c`` of ``B`` orders that tell as much (Phipson and
    Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010). There is no test where all first labels are the
    same.

    Args:
        first: a label of every row ``[n]``, from 0.
        second: another ``[n]``, from 0; the same in all rows of a group.
        generator: where random orders come from.
        group: group of every row ``[n]``, from 0.
        permutations: how many random orders.

    Example:
        >>> import numpy as np
        >>> label = np.arange(200) % 2
        >>> found = information(label, label, generator=np.random.default_rng(0))
        >>> round(found.entropy, 3), round(found.bits, 3), found.p, found.guess, found.told
        (1.0, 1.004, 0.005, 0.5, 1.0)
    """
    if not len(first):
        nothing = float("nan")
        return Information(nothing, nothing, nothing, nothing, nothing, nothing, nothing)
    x, y = (np.unique(each, return_inverse=True)[1] for each in (first, second))
    table = _table(x, y)
    bits = _bits(table)
    null = np.array([_bits(_table(x, _shuffled(y, group, generator))) for _ in range(permutations)])
    share = table.sum(1) / len(x)
    more = int((null >= bits - 1e-12).sum())
    return Information(
        entropy=float((share * np.log2(1 / share)).sum()),
        bits=bits,
        null_mean=float(null.mean()),
        null_high=float(np.quantile(null, 0.95)),
        p=(1 + more) / (1 + permutations) if len(share) > 1 else float("nan"),
        guess=float(share.max()),
        told=float(table.max(0).sum() / len(x)),
    )


def _shuffled(y: Ints, group: Ints | None, generator: np.random.Generator) -> Ints:
    if group is None:
        return generator.permutation(y)
    _, first, of = np.unique(group, return_index=True, return_inverse=True)
    mixed: Ints = generator.permutation(y[first])[of]
    return mixed


def _table(x: Ints, y: Ints) -> NDArray[np.float64]:
    rows, columns = int(x.max()) + 1, int(y.max()) + 1
    counts = np.bincount(x * columns + y, minlength=rows * columns)
    return counts.reshape(rows, columns).astype(np.float64)


def _bits(table: NDArray[np.float64]) -> float:
    """Return the corrected mutual information of a table of counts."""
    size = table.sum()
    x, y = table.sum(1, keepdims=True), table.sum(0, keepdims=True)
    held = table > 0
    share = table[held] / size
    expected = (x * y)[held] / size**2
    plugin = float((share * np.log2(share / expected)).sum())
    pairs, kinds = int(held.sum()), int((x > 0).sum() + (y > 0).sum())
    return float(plugin - (pairs - kinds + 1) / (2 * size * np.log(2)))
