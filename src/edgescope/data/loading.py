"""``load``: one function for every source of molecules."""

import difflib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from edgescope.data.cache import cache_folder, cache_key, remembered
from edgescope.data.parse import ParsedTable, parse
from edgescope.data.published import PUBLISHED, Reader, names
from edgescope.data.split import (
    DEFAULT_FRACTIONS,
    PARTS,
    Splits,
    check_fractions,
    divide,
    random_parts,
)
from edgescope.data.table import Source, looks_like_a_table, table_source
from edgescope.data.vocabulary import AtomVocabulary
from edgescope.errors import InputError


def load(
    source: str | Path,
    root: str | Path | None = None,
    *,
    smiles_column: str = "smiles",
    target_columns: str | Sequence[str] | None = None,
    split: str | Sequence[float] | None = None,
    kekulize: bool = True,
    vocabulary: AtomVocabulary | Sequence[str] | None = None,
    seed: int = 0,
    cache: str | Path | Literal[False] | None = None,
    progress: bool = True,
) -> Splits:
    """Load molecules as graphs, in a training, a validation and a test part.

    A row that cannot be used (its SMILES does not parse or has no bonds, a target is not a number)
    is left out and listed with its number and the reason in ``splits.rejected``.

    Args:
        source: a name among :func:`names`, or the path of a CSV or Parquet table.
        root: folder of a published data set that is read from files (``"zinc12k"``), or the
            folder that a table's path is relative to. ``"solubility"`` needs none.
        smiles_column: column of a table that holds the SMILES.
        target_columns: columns of a table that hold numbers to predict; empty cells become NaN.
            None loads no targets, which is enough for a scan.
        split: column of a table that says train, val (or valid) or test; or the fractions of
            train, val and test, drawn at random. None is (0.8, 0.1, 0.1).
        kekulize: write aromatic rings as alternating single and double bonds; if false, their
            bonds have a type of their own.
        vocabulary: the atom types of the model that the molecules are for. None is the published
            one of the data set, or the types that occur in the table, most frequent first.
        seed: start of the random split.
        cache: folder for molecules already read; None is ``$EDGESCOPE_CACHE`` or the user's cache
            folder, false reads the table every time.
        progress: show a bar while molecules are read.

    Returns:
        ``train, val, test``.

    Raises:
        InputError: for an unknown name, a missing or unreadable file, a column that is not there,
            a table without a usable molecule, an empty part, or an atom outside ``vocabulary``.
        MissingExtraError: if RDKit is not installed.
    """
    base = None if root is None else Path(root)

    def read(table: Source) -> ParsedTable:
        def build() -> ParsedTable:
            return parse(table.read(), table.name, kekulize=kekulize, progress=progress)

        if cache is False:
            return build()
        folder = cache_folder() if cache is None else Path(cache)
        return remembered(folder, cache_key(table.fingerprint, kekulize=kekulize), build)

    if source in PUBLISHED:
        if smiles_column != "smiles" or target_columns is not None or split is not None:
            raise InputError(
                f"{source} has its own columns and its own split; leave out smiles_column, "
                "target_columns and split"
            )
        published = PUBLISHED[str(source)]
        splits = published.load(base, read, seed)
        vocabulary = published.vocabulary if vocabulary is None else vocabulary
    elif looks_like_a_table(source):
        path = Path(source) if base is None else base / source
        targets = (
            [target_columns] if isinstance(target_columns, str) else list(target_columns or ())
        )
        splits = _load_table(path, smiles_column, targets, split, seed, read)
    else:
        close = difflib.get_close_matches(str(source), names(), n=1)
        advice = f"did you mean {close[0]!r}?" if close else "use one of these or a table's path"
        raise InputError(
            f"unknown data set {str(source)!r}, expected one of {', '.join(names())} or a file "
            f"such as molecules.csv; {advice}"
        )
    return _encoded(splits, vocabulary)


def _load_table(
    path: Path,
    smiles_column: str,
    targets: list[str],
    split: str | Sequence[float] | None,
    seed: int,
    read: Reader,
) -> Splits:
    column = split if isinstance(split, str) else None
    fractions = DEFAULT_FRACTIONS
    if split is not None and not isinstance(split, str):
        fractions = check_fractions(split)
    parsed = read(table_source(path, smiles_column, targets, column))
    part = parsed.part.numpy()
    if column is None:
        usable = np.zeros(len(part), dtype=bool)
        usable[parsed.molecules.row.numpy()] = True
        part = random_parts(usable, fractions, seed)
    name = (path.with_suffix("") if path.suffix == ".gz" else path).stem
    splits = divide(parsed.molecules, part, name)
    if column is not None and not all(len(molecules) for molecules in splits):
        found = ", ".join(f"{name} {len(part)}" for name, part in zip(PARTS, splits, strict=True))
        raise InputError(
            f"column {column!r} of {path} leaves a part without a usable molecule ({found}); "
            "expected at least one in each of train, val and test"
        )
    return splits


def _encoded(splits: Splits, vocabulary: AtomVocabulary | Sequence[str] | None) -> Splits:
    """Give the three parts one vocabulary."""
    if vocabulary is None:
        counts: Counter[str] = Counter()
        for molecules in splits:
            counts.update(molecules.atom_counts())
        vocabulary = AtomVocabulary.most_frequent(counts)
    elif isinstance(vocabulary, str):
        raise InputError(
            f"received the text {vocabulary!r} as vocabulary, expected a list of atom keys such as "
            "['C', 'O', 'N H1 +']"
        )
    known = AtomVocabulary(vocabulary)
    return Splits(*(molecules.with_vocabulary(known) for molecules in splits))
