"""Access to all data: ``load``, one function for every source of graphs."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from edgescope.data.chemistry.molecule_dataset import AtomVocabulary, MoleculeDataset
from edgescope.data.edges.added_edges import VIRTUAL
from edgescope.data.edges.rewiring import apply
from edgescope.data.graphs import GraphDataset
from edgescope.data.molecule_tables.molecule_cache import read_molecules
from edgescope.data.molecule_tables.molecule_table import (
    Identifiers,
    TableSource,
    looks_like_a_table,
)
from edgescope.data.molecule_tables.split_choice import SplitOption
from edgescope.data.molecule_tables.table_grids import Frame
from edgescope.data.molecule_tables.table_molecules import (
    FEATURES,
    Features,
    ParsedTable,
    Reading,
    divided_table,
    find_table,
)
from edgescope.data.sources.data_card import TRUTH_RULES, TruthRule
from edgescope.data.sources.source import Request, Source, find, named
from edgescope.data.splits import PARTS, Splits
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.mistakes import is_frame, said


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
        source: a name among :func:`edgescope.data.names`, or the path of a CSV or Parquet table of
            molecules, or such a table as a data frame of polars or pandas.
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
            names say so (:func:`~edgescope.data.molecule_tables.column_choice.identifies`), ``[]``
            or false none.
        decimal: of a table, the decimal mark, ``"."`` or ``","``; None finds it out, and
            refuses a column for which it cannot be told.
        features: of atoms and bonds; ``"types"`` gives each one type, ``"ogb"`` the nine features
            of an atom and three of a bond of :mod:`edgescope.data.chemistry.ogb_features`. None is
            what the published data set is used with, or types.
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
        bondless=published is not None and published.bondless,
        as_written=published is not None and published.as_written == (features or default),
    )

    def read(table: TableSource) -> ParsedTable:
        return read_molecules(table, reading, cache, progress=progress)

    if published is None:
        options: dict[str, Any] = {"id_columns": id_columns, "decimal": decimal}
        columns = (smiles_column, target_columns, split)
        table, name = find_table(source, base, columns, options)
        splits = divided_table(table, name, split, seed, read)
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
        request = Request(base, read, seed, chosen, progress, truth_rule or "both")
        splits = _as_on_card(published, published.load(request))
        if reading.features == "types" and vocabulary is None:
            vocabulary = published.vocabulary
    reject = given is not None
    if rewire is None:
        return _encoded(splits, vocabulary, reject=reject)
    return _rewired(splits, vocabulary, rewire, reject=reject, progress=progress)


def _as_on_card(source: Source, splits: object) -> Splits:
    """Give the parts of a data set the name of their source and the task of its card.

    Raises:
        InputError: if they are no parts, or their targets are of another kind or number.
    """
    if not isinstance(splits, Splits) or not all(isinstance(x, GraphDataset) for x in splits):
        raise InputError(
            f"{source.name} loads {said(splits)}, expected es.data.Splits of data sets"
        )
    task, targets = splits.train.task, len(splits.train.target_names)
    if task not in {None, source.card.task} or targets != source.card.targets:
        raise InputError(
            f"{source.name} loads {targets} targets of the kind {task!r}, expected "
            f"{source.card.targets} of the kind {source.card.task!r} as on its card; correct one "
            "of the two"
        )
    named_parts = zip(PARTS, splits, strict=True)
    return Splits(
        *(
            replace(part, name=f"{source.name}/{label}", task=source.card.task)
            for label, part in named_parts
        )
    )


def find_source(source: object) -> tuple[Source | None, str]:
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
    published = find(str(source))
    if published is None and not looks_like_a_table(source):
        published = named(str(source))
    return published, str(source)


def _check_truth_rule(name: str, published: Source | None, rule: TruthRule | None) -> None:
    if rule is None:
        return
    if published is None or not published.truth:
        raise InputError(
            f"received truth_rule={rule!r} for {name}, whose true atoms are not known; leave it out"
        )
    if rule not in TRUTH_RULES:
        raise InputError(f"received truth_rule={rule!r}, expected {' or '.join(TRUTH_RULES)}")


def _published_split(name: str, published: Source, split: SplitOption) -> str | int | None:
    if split is None:
        return published.splits[0] if published.splits else None
    for known in published.splits:
        if split == known or split == str(known):
            return known
    ways = " or ".join(map(repr, published.splits))
    advice = f"expected {ways}" if ways else "which has its own split; leave split out"
    raise InputError(f"received split={split!r} for {name}, {advice}")


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
