"""Training, validation and test parts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor

from edgescope.data.chemistry.molecule_dataset import LOST_LABELS, REJECTED_SCHEMA, MoleculeDataset
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError

PARTS = ("train", "val", "test")
DEFAULT_FRACTIONS = (0.8, 0.1, 0.1)
VALIDATION_FRACTION = 0.1
"""Share of the training molecules of a data set without validation part that becomes one."""

SUBSET = "subset"
"""Key of a run's data for the size to which every part was cut."""

SUBSET_SEED = 0
"""Draws the graphs of a subset, the same for all seeds of a study."""

_LABELS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}
_MAX_QUOTED = 5  # labels named in a message


class Splits(NamedTuple):
    """The three parts of a data set; they unpack as ``train, val, test``.

    Attributes:
        train: graphs to fit a model to.
        val: graphs to choose the learning rate and the moment to stop by.
        test: graphs to report on.

    Example:
        >>> import edgescope as es
        >>> train, val, test = es.data.planted("motif", 20)
        >>> len(train) + len(val) + len(test)
        20
    """

    train: GraphDataset
    val: GraphDataset
    test: GraphDataset

    @property
    def rejected(self) -> pl.DataFrame:
        """Rows of the table that could not be used: ``split``, ``row``, ``smiles``, ``reason``."""
        return self._listed("rejected", REJECTED_SCHEMA)

    @property
    def lost_labels(self) -> pl.DataFrame:
        """Cells that give no label: ``split``, ``row``, ``column``, ``cell``, ``reason``."""
        return self._listed("lost_labels", LOST_LABELS)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was read in another way than it stands in the table, in a sentence each."""
        every = (part.notes for part in self if isinstance(part, MoleculeDataset))
        return tuple(dict.fromkeys(note for notes in every for note in notes))

    def _listed(
        self, what: str, schema: Mapping[str, pl.DataType | type[pl.DataType]]
    ) -> pl.DataFrame:
        """Join what the parts of a table list; data of other kinds list nothing."""
        nothing = pl.DataFrame(schema=schema)
        return pl.concat(
            (getattr(part, what) if isinstance(part, MoleculeDataset) else nothing).select(
                pl.lit(name).alias("split"), pl.all()
            )
            for name, part in zip(PARTS, self, strict=True)
        )

    def summary(self) -> pl.DataFrame:
        """Count graphs, nodes and directed edges by type, a row for each part."""
        rows = zip(PARTS, self, strict=True)
        return pl.DataFrame([{"split": name, **part.summary()} for name, part in rows])


def parts_from_labels(labels: Sequence[str | None], where: str, first_row: int = 0) -> np.ndarray:
    """Read labels such as ``train``, ``valid`` and ``Test``.

    Args:
        labels: one for every row.
        where: their column, as messages call it.
        first_row: number of the first row in messages.

    Returns:
        ``[R]`` int8, 0 train, 1 val, 2 test.

    Raises:
        InputError: if a label is none of these.
    """
    known = [(label or "").strip().lower() for label in labels]
    unknown = [row for row, label in enumerate(known) if label not in _LABELS]
    if unknown:
        different = list(dict.fromkeys(repr(labels[row] or "") for row in unknown))
        more = " and others" if len(different) > _MAX_QUOTED else ""
        raise InputError(
            f"{where} holds {', '.join(different[:_MAX_QUOTED])}{more} (first in row "
            f"{unknown[0] + first_row}), expected train, val (or valid) or test in every row"
        )
    return np.array([_LABELS[label] for label in known], dtype=np.int8)


def check_fractions(fractions: Sequence[float]) -> tuple[float, float, float]:
    """Check the sizes of the parts.

    Raises:
        InputError: unless these are three numbers from 0 to 1 whose sum is 1.
    """
    values = tuple(float(value) for value in fractions)
    sums_to_one = math.isclose(sum(values), 1, abs_tol=1e-6)  # thirds typed with six digits
    if len(values) != len(PARTS) or min(values) < 0 or not sums_to_one:
        raise InputError(
            f"received split={values}, expected three fractions (train, val, test) whose sum is 1, "
            "such as (0.8, 0.1, 0.1), or the name of a column"
        )
    return values[0], values[1], values[2]


def part_sizes(count: int, fractions: tuple[float, float, float]) -> np.ndarray:
    """Share out ``count`` molecules; every part with a fraction over 0 gets one at least.

    Returns:
        ``[3]`` int64, the largest-remainder rounding of ``count * fractions``.

    Raises:
        InputError: if there are fewer molecules than parts.
    """
    wanted = np.array(fractions)
    if count < np.count_nonzero(wanted):
        raise InputError(
            f"cannot divide {count} usable molecules as {fractions}: a part would be empty; give "
            "more molecules or set the fractions of parts you do not need to 0"
        )
    exact = wanted * count
    sizes = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(sizes - exact, kind="stable")
    sizes[order[: count - sizes.sum()]] += 1
    for empty in np.flatnonzero((sizes == 0) & (wanted > 0)):
        sizes[sizes.argmax()] -= 1
        sizes[empty] += 1
    return sizes


def random_parts(
    usable: np.ndarray, fractions: tuple[float, float, float], seed: int
) -> np.ndarray:
    """Shuffle the rows of a table and cut it in three.

    Args:
        usable: ``[R]`` bool, rows that gave a molecule; the fractions are fractions of these.
            Each of the others falls in the part where the shuffle happens to put it.
        fractions: sizes of train, val and test.
        seed: start of the shuffle.

    Returns:
        ``[R]`` int8, 0 train, 1 val, 2 test.

    Raises:
        InputError: if there are fewer usable rows than parts.
    """
    bounds = part_sizes(int(usable.sum()), fractions).cumsum()
    shuffled = np.random.default_rng(seed).permutation(len(usable))
    before = usable[shuffled].cumsum() - usable[shuffled]
    parts = np.empty(len(usable), dtype=np.int8)
    parts[shuffled] = np.searchsorted(bounds, np.minimum(before, bounds[-1] - 1), side="right")
    return parts


def validation_part(part: np.ndarray, usable: np.ndarray, seed: int) -> np.ndarray:
    """Make a validation part of a share of the training molecules (:data:`VALIDATION_FRACTION`).

    Args:
        part: ``[R]`` int8, 0 train or 2 test for every row of a table.
        usable: rows that gave a molecule.
        seed: start of the draw.

    Returns:
        ``[R]`` int8, 0 train, 1 val, 2 test.
    """
    part = part.copy()
    candidates = usable[part[usable] == PARTS.index("train")]
    share = (1 - VALIDATION_FRACTION, VALIDATION_FRACTION, 0.0)
    part[candidates] = random_parts(np.ones(len(candidates), dtype=bool), share, seed)
    return part


def divide_at_random(
    dataset: GraphDataset, seed: int, fractions: tuple[float, float, float] = DEFAULT_FRACTIONS
) -> Splits:
    """Cut any graphs in three; the parts are called ``name/train`` and so on.

    Args:
        dataset: the graphs.
        seed: start of the shuffle.
        fractions: sizes of train, val and test.

    Raises:
        InputError: if there are fewer graphs than parts, or the fractions are none.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).train
        >>> [len(part) for part in es.data.divide_at_random(graphs, seed=0)]
        [38, 5, 5]
    """
    fractions = check_fractions(fractions)
    part = torch.from_numpy(random_parts(np.ones(len(dataset), dtype=bool), fractions, seed))
    parts = (
        replace(
            dataset.subset(part == number),
            name=f"{dataset.name}/{label}",
            split=f"random, seed {seed}",
        )
        for number, label in enumerate(PARTS)
    )
    return Splits(*parts)


def divide(molecules: MoleculeDataset, part: Tensor | np.ndarray, name: str) -> Splits:
    """Cut the molecules of one table in three.

    Args:
        molecules: all usable molecules of the table.
        part: ``[R]``, for every row of the table 0 train, 1 val or 2 test.
        name: of the data set; the parts are called ``name/train`` and so on.
    """
    of_row = torch.as_tensor(part)

    def of(table: pl.DataFrame, number: int) -> pl.DataFrame:
        places = table["row"].to_torch() - molecules.first_row
        return table.filter((of_row[places] == number).numpy())

    return Splits(
        *(
            replace(
                molecules.subset(of_row[molecules.places] == number),
                name=f"{name}/{label}",
                rejected=of(molecules.rejected, number),
                lost_labels=of(molecules.lost_labels, number),
            )
            for number, label in enumerate(PARTS)
        )
    )


def cut(splits: Splits, size: int) -> Splits:
    """Return at most ``size`` graphs of each part, drawn at random but always the same.

    Raises:
        InputError: if the data are not made of graphs that can be chosen from.
    """
    generator = torch.Generator().manual_seed(SUBSET_SEED)
    parts = []
    for part in splits:
        if not hasattr(part, "subset"):
            raise InputError(f"{part.name} is one large graph and has no subset; leave out subset")
        chosen = torch.randperm(len(part), generator=generator)[:size]
        parts.append(part.subset(chosen.sort().values))
    return Splits(*parts)
