"""``load``: one function for every source of molecules."""

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from edgescope.data.adding import VIRTUAL
from edgescope.data.attribution import TRUTH_RULES, TruthRule
from edgescope.data.cache import cache_folder, cache_key, remembered
from edgescope.data.dataset import MoleculeDataset
from edgescope.data.parse import Features, ParsedTable, Reading, parse
from edgescope.data.published import PUBLISHED, Published, names
from edgescope.data.request import Request
from edgescope.data.rewiring import apply
from edgescope.data.split import PARTS, Splits, divide
from edgescope.data.table import Identifiers, Source, frame_source, looks_like_a_table, table_source
from edgescope.data.table_frames import Frame
from edgescope.data.table_split import SplitOption, computed_parts, read_split
from edgescope.data.vocabulary import AtomVocabulary
from edgescope.lib.errors import EdgescopeWarning, InputError, did_you_mean
from edgescope.lib.mistakes import is_frame, said

FEATURES = ("types", "ogb")

FRAME = "table"
"""Name of the data of a data frame, which has none of its own."""


def load(
    source: str | Path | Frame,
    root: str | Path | None = None,
    *,
    smiles_column: str = "smiles",
    target_columns: str | Sequence[str] | None = None,
    split: SplitOption = None,
    id_columns: Identifiers = None,
    decimal: str | None = None,
    features: Features | None = None,
    kekulize: bool = True,
    vocabulary: AtomVocabulary | Sequence[str] | None = None,
    truth_rule: TruthRule | None = None,
    rewire: Mapping[str, Any] | None = None,
    seed: int = 0,
    cache: str | Path | Literal[False] | None = None,
    progress: bool = True,
) -> Splits:
    """Load graphs, in a training, a validation and a test part.

    A row that cannot be used (its SMILES does not parse or has no bonds) is left out and listed
    with its number and the reason in ``splits.rejected``. A cell of a target that is not a number
    (a bound such as ``>10``, a range, a date, another unit than the rest) loses that label alone,
    which is listed in ``splits.lost_labels``. ``splits.notes`` says what was read in another way
    than it stands in the table, such as commas as decimal points. Rows have the numbers that a
    spreadsheet shows, 2 for the first below a header; those of a data frame their position, from 0.

    Args:
        source: a name among :func:`names`, or the path of a CSV or Parquet table of molecules, or
            such a table as a data frame of polars or pandas.
        root: folder of a published data set that is read from files, or the folder that a table's
            path is relative to. ``"solubility"`` needs none.
        smiles_column: column of a table that holds the SMILES.
        target_columns: columns of a table that hold numbers to predict; empty cells become NaN.
            None loads no targets, which is enough for a scan. Two words such as active and
            inactive, yes and no, true and false are read as 1 and 0.
        split: of a table, the column that says train, val (or valid) or test; or ``"random"``,
            the default, or ``"scaffold"``, which keeps molecules of one Bemis-Murcko scaffold
            together, of which the fractions are (0.8, 0.1, 0.1); or fractions of train, val and
            test, drawn at random, or such as ``("scaffold", 0.7, 0.1, 0.2)``. Of a published
            data set, one of its splits; None is the published one.
        id_columns: of a table, columns that tell which molecule a row is. None takes those whose
            names say so (:func:`~edgescope.data.identifiers.identifies`), ``[]`` or false none.
        decimal: of a table, the mark before decimals, ``"."`` or ``","``; None finds it out, and
            refuses a column for which it cannot be told.
        features: of atoms and bonds; ``"types"`` gives each one type, ``"ogb"`` the nine features
            of an atom and three of a bond of :mod:`edgescope.data.ogb_features`. None is what the
            published data set is used with, or types.
        kekulize: write aromatic rings as alternating single and double bonds; if false, their
            bonds have a type of their own, as they have among OGB's features in any case.
        vocabulary: the atom types of the model that the molecules are for; a molecule with
            another atom type is a row that cannot be used. None is the published one of the data
            set, or the types that occur in the table, most frequent first.
        truth_rule: of a data set with known true atoms, which bonds are true: ``"both"`` (the
            default), those between two true atoms of the same alternative; ``"either"``, those
            with at least one.
        rewire: what to do to the edges of every part, as arguments of
            :func:`~edgescope.data.rewire`: ``{"how": "random_edges", "share": 0.5, "seed": 0}``.
            Rows that cannot be used are then left out with a warning.
        seed: start of the random split.
        cache: folder for molecules already read; None is ``$EDGESCOPE_CACHE`` or the user's cache
            folder, false reads the table every time.
        progress: show a bar while molecules are read.

    Returns:
        ``train, val, test``.

    Raises:
        InputError: for an unknown name, a missing or unreadable file, a column that is not there,
            a table without a usable molecule, an empty part, or if every molecule has an atom
            outside ``vocabulary``.
        MissingExtraError: if RDKit is not installed.

    Example:
        >>> import polars as pl
        >>> import edgescope as es
        >>> table = pl.DataFrame({"smiles": ["CCO", "CCN", "CC#N", "not one"], "y": [1, 2, 3, 4]})
        >>> splits = es.data.load(table, target_columns="y", split=(0, 0, 1))
        >>> splits.test.smiles, splits.rejected["row"].to_list()
        (['CCO', 'CCN', 'CC#N'], [3])
    """
    base, given = None if root is None else Path(root), vocabulary
    published, called = find_source(source)
    default = "types" if published is None else published.features
    if features is not None and (features not in FEATURES or default is None):
        expected = "its own, leave features out" if default is None else "'types' or 'ogb'"
        raise InputError(f"received features={features!r} for {called}, expected {expected}")
    _check_truth_rule(called, published, truth_rule)
    reading = Reading(
        features or default or "types",
        kekulize,
        bondless=called == "tox21",
        as_written=published is not None and published.as_written == (features or default),
    )

    def read(table: Source) -> ParsedTable:
        return read_molecules(table, reading, cache, progress=progress)

    if published is None:
        options: dict[str, Any] = {"id_columns": id_columns, "decimal": decimal}
        columns = (smiles_column, target_columns, split)
        table, name = find_table(source, base, columns, options)
        splits = _load_table(table, name, split, seed, read)
    else:
        given_options = {
            "smiles_column": smiles_column != "smiles",
            "target_columns": target_columns is not None,
            "id_columns": id_columns is not None,
            "decimal": decimal is not None,
        }
        if wrong := [name for name, is_given in given_options.items() if is_given]:
            raise InputError(f"{called} has its own columns; leave out {' and '.join(wrong)}")
        chosen = _published_split(called, published, split)
        splits = published.load(Request(base, read, seed, chosen, progress, truth_rule or "both"))
        if reading.features == "types" and vocabulary is None:
            vocabulary = published.vocabulary
    reject = given is not None
    if rewire is None:
        return _encoded(splits, vocabulary, reject=reject)
    return _rewired(splits, vocabulary, rewire, reject=reject, progress=progress)


def read_molecules(
    table: Source, reading: Reading, cache: str | Path | Literal[False] | None, *, progress: bool
) -> ParsedTable:
    """Read the molecules of a table, or take them from the cache.

    Args:
        table: the table.
        reading: how SMILES become graphs.
        cache: as for :func:`load`.
        progress: whether to show a bar.
    """

    def build() -> ParsedTable:
        return parse(table.read(), table.name, reading, progress=progress)

    if cache is False:
        return build()
    folder = cache_folder() if cache is None else Path(cache)
    return remembered(folder, cache_key(table.fingerprint, reading), build)


def find_source(source: object) -> tuple[Published | None, str]:
    """Return the published data set that is meant, if one is, and what messages call the source.

    Raises:
        InputError: if it is no source of graphs.
    """
    if is_frame(source):
        return None, f"the {type(source).__name__}"
    if not isinstance(source, str | Path):
        raise InputError(
            f"received {said(source)} as the data, expected the name of a data set, the path of a "
            "table or a data frame"
        )
    published = PUBLISHED.get(str(source))
    if published is None and not looks_like_a_table(source):
        raise unknown(str(source))
    return published, str(source)


def find_table(
    source: str | Path | Frame,
    base: Path | None,
    asked: tuple[str, str | Sequence[str] | None, SplitOption],
    options: Mapping[str, Any],
) -> tuple[Source, str]:
    """Return a table, in a file or in memory, and the name of its data.

    Args:
        source: a path or a data frame.
        base: the folder that a path is relative to.
        asked: ``smiles_column``, ``target_columns`` and ``split`` of :func:`load`.
        options: its ``id_columns`` and ``decimal``.
    """
    smiles_column, given, split = asked
    targets = [given] if isinstance(given, str) else list(given or ())
    columns = (smiles_column, targets, split if isinstance(split, str) else None)
    if not isinstance(source, str | Path):
        return frame_source(source, *columns, **options), FRAME
    path = Path(source) if base is None else base / source
    name = (path.with_suffix("") if path.suffix == ".gz" else path).stem
    return table_source(path, *columns, **options), name


def unknown(name: str) -> InputError:
    """Return what to raise for a name that is no data set's; it names the nearest."""
    advice = did_you_mean(name, names(), "use one of these or a table's path")
    return InputError(
        f"unknown data set {name!r}, expected one of {', '.join(names())} or a file such as "
        f"molecules.csv; {advice}"
    )


def _check_truth_rule(name: str, published: Published | None, rule: TruthRule | None) -> None:
    if rule is None:
        return
    if published is None or not published.truth:
        raise InputError(
            f"received truth_rule={rule!r} for {name}, whose true atoms are not known; leave it out"
        )
    if rule not in TRUTH_RULES:
        raise InputError(f"received truth_rule={rule!r}, expected {' or '.join(TRUTH_RULES)}")


def _published_split(name: str, published: Published, split: SplitOption) -> str | int | None:
    if split is None:
        return published.splits[0] if published.splits else None
    for known in published.splits:
        if split == known or split == str(known):
            return known
    ways = " or ".join(map(repr, published.splits))
    advice = f"expected {ways}" if ways else "which has its own split; leave split out"
    raise InputError(f"received split={split!r} for {name}, {advice}")


def _load_table(
    table: Source,
    name: str,
    split: SplitOption,
    seed: int,
    read: Callable[[Source], ParsedTable],
) -> Splits:
    asked = read_split(split)
    parsed = read(table)
    part, told = parsed.part.numpy(), f"column {asked.word}"
    if asked.column is None:
        part, told = computed_parts(asked, parsed.molecules, len(part), seed)
    splits = divide(replace(parsed.molecules, split=told), part, name)
    if asked.column is not None and not all(len(molecules) for molecules in splits):
        found = ", ".join(f"{each} {len(part)}" for each, part in zip(PARTS, splits, strict=True))
        raise InputError(
            f"column {asked.column!r} of {table.name} leaves a part without a usable molecule "
            f"({found}); expected at least one in each of train, val and test"
        )
    return splits


def _rewired(
    splits: Splits,
    vocabulary: AtomVocabulary | Sequence[str] | None,
    spec: Mapping[str, Any],
    *,
    reject: bool,
    progress: bool,
) -> Splits:
    if vocabulary is not None and not isinstance(vocabulary, str):
        # A model of such graphs knows the type of the virtual node, which no molecule has.
        vocabulary = [key for key in vocabulary if key != VIRTUAL]
    encoded = _encoded(splits, vocabulary, reject=reject)
    counts = {"rows": encoded.rejected.height, "labels": encoded.lost_labels.height}
    found = Splits(*(apply(part, spec, progress=progress) for part in encoded))
    listed = {"rows": found.rejected.height, "labels": found.lost_labels.height}
    lost = [f"{count} {what}" for what, count in counts.items() if count > listed[what]]
    if lost:
        warnings.warn(
            f"{' and '.join(lost)} cannot be used and are left out; load without rewire to list "
            "them",
            EdgescopeWarning,
            stacklevel=3,
        )
    return found


def _encoded(
    splits: Splits, vocabulary: AtomVocabulary | Sequence[str] | None, *, reject: bool
) -> Splits:
    """Give the three parts of a set of molecules one vocabulary.

    Args:
        splits: the parts.
        vocabulary: the vocabulary; by default that of the molecules.
        reject: whether a molecule with an atom outside it is a row that cannot be used, rather
            than a reason to refuse all.
    """
    parts = [part for part in splits if isinstance(part, MoleculeDataset)]
    if not parts or (parts[0].node_columns and vocabulary is None):
        return splits
    if vocabulary is None:
        counts: Counter[str] = Counter()
        for molecules in parts:
            counts.update(molecules.atom_counts())
        vocabulary = AtomVocabulary.most_frequent(counts)
    elif isinstance(vocabulary, str):
        raise InputError(
            f"received the text {vocabulary!r} as vocabulary, expected a list of atom keys such as "
            "['C', 'O', 'N H1 +']"
        )
    known = AtomVocabulary(vocabulary)
    kept = [molecules.without_unknown(known) for molecules in parts] if reject else parts
    if any(map(len, parts)) and not any(map(len, kept)):
        lost = Splits(*kept).rejected
        first = lost.filter(pl.col("reason").str.starts_with("atom type")).row(0, named=True)
        what = parts[0].name.rpartition("/")[0] or parts[0].name
        raise InputError(
            f"no molecule of {what} is made of known atom types alone (row {first['row']}, "
            f"{first['smiles']}: {first['reason']}); use molecules of these, or a model that was "
            "trained with the others"
        )
    return Splits(*(molecules.with_vocabulary(known) for molecules in kept))
