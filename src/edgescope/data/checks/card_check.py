"""Is a folder the data set that its card describes, and is a table fit to be trained on?"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import torch

from edgescope.data.access import find_source, load
from edgescope.data.checks.molecule_facts import molecule_key
from edgescope.data.checks.table_check import check_table
from edgescope.data.chemistry.molecule_dataset import MoleculeDataset
from edgescope.data.molecule_tables.table_grids import Frame
from edgescope.data.node_dataset import NodeDataset
from edgescope.data.sources.data_card import Card
from edgescope.data.sources.source import card
from edgescope.data.splits import PARTS, Splits
from edgescope.lib.errors import InputError


def check(
    source: str | Path | Frame,
    root: str | Path | None = None,
    *,
    progress: bool = True,
    **options: Any,
) -> Any:  # noqa: ANN401  (a frame for a name, a TableCheck for a table)
    """Check a data set: a published one against its card, a table for what spoils a training.

    Args:
        source: one of :func:`~edgescope.data.names`, as for :func:`check_published`; or a table or
            a data frame, as for :func:`~edgescope.data.check_table`.
        root: the folder of either.
        progress: whether to show a bar.
        options: of :func:`~edgescope.data.check_table`, for a table.

    Returns:
        For a name a polars ``DataFrame`` of what was counted; for a table what was found, a
        :class:`~edgescope.data.TableCheck`.

    Raises:
        InputError: as the two functions do, or if options of a table are given with a name.

    Example:
        >>> import polars as pl
        >>> frame = pl.DataFrame({"smiles": ["CCO", "CCN", "CCC"], "y": [2.5, 2.5, 2.5]})
        >>> [each.kind for each in check(frame, target_columns="y", cache=False).grave]
        ['constant target']
    """
    published, called = find_source(source)
    if published is None:
        return check_table(source, root, progress=progress, **options)
    if options:
        raise InputError(
            f"received {', '.join(options)} for {called}, which is a published data set; these are "
            "options of a table"
        )
    return check_published(called, root, progress=progress)


def check_published(
    name: str, root: str | Path | None = None, *, progress: bool = True
) -> pl.DataFrame:
    """Load a published data set and compare it with its card.

    Graphs or nodes of every part, nodes, edges by type, targets and rejected rows are counted, and
    molecules that are in two parts, or nodes that are, are looked for. Molecules are the same if
    their canonical SMILES are, stereo labels included.

    Args:
        name: one of :func:`~edgescope.data.names`.
        root: its folder, as for :func:`~edgescope.data.load`.
        progress: whether to show a bar.

    Returns:
        What was counted, ``what``, ``expected`` (None where the card does not state it) and
        ``found``.

    Raises:
        InputError: if the name is unknown, a file is missing or damaged, the split leaks, or a
            count differs; the message names the first one that does.
    """
    known = card(name)
    splits = load(name, root, progress=progress)
    found = _counts(splits)
    expected = _expected(known)
    rows = [(what, expected.get(what), count) for what, count in found.items()]
    leaks = _leaks(splits)
    if len(leaks) > known.leaks:
        shown, places = next(iter(leaks.items()))
        raise InputError(
            f"the split of {name} leaks: {shown} is in {' and '.join(places)}; {len(leaks)} such "
            f"cases, expected {known.leaks}; get the split again"
        )
    wrong = [row for row in rows if row[1] is not None and row[1] != row[2]]
    if wrong:
        what, count, here = wrong[0]
        more = f" (and {len(wrong) - 1} other counts differ)" if wrong[1:] else ""
        raise InputError(
            f"{name} has {here} {what}, expected {count}{more}; it is not the data set of its "
            "card; get its files again"
        )
    rows.append(("in two parts", known.leaks, len(leaks)))
    schema = {"what": pl.String, "expected": pl.Int64, "found": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _expected(known: Card) -> dict[str, int | None]:
    unit = f"{known.level}s"
    return {
        **{f"{unit} in {part}": count for part, count in zip(PARTS, known.parts, strict=True)},
        "nodes": known.nodes,
        "directed edges": known.directed_edges,
        **{f"{kind} edges": count for kind, count in known.edge_types.items()},
        "targets": known.targets,
        "rejected rows": known.rejected,
    }


def _counts(splits: Splits) -> dict[str, int]:
    parts: list[Any] = list(splits)
    whole = isinstance(splits.train, NodeDataset)
    sizes = [int(part.mask.sum()) if whole else len(part) for part in parts]
    unit = "nodes" if whole else "graphs"
    once = parts[:1] if whole else parts  # the parts are the same graph
    names = splits.train.edge_type_names
    kinds = torch.stack(
        [torch.bincount(part.edge_types, minlength=len(names)) for part in once]
    ).sum(dim=0)
    return {
        **{f"{unit} in {name}": size for name, size in zip(PARTS, sizes, strict=True)},
        "nodes": sum(len(part.x) for part in once),
        "directed edges": sum(len(part.edge_attr) for part in once),
        **{f"{name} edges": count for name, count in zip(names, kinds.tolist(), strict=True)},
        "targets": len(splits.train.target_names),
        "rejected rows": splits.rejected.height,
    }


def _leaks(splits: Splits) -> dict[str, list[str]]:
    """Find what is in two parts: what it is, and where."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, part in splits._asdict().items():
        if isinstance(part, NodeDataset):
            for node in part.mask.nonzero().flatten().tolist():
                places[f"node {node}"].append(name)
        elif isinstance(part, MoleculeDataset):
            for smiles, row in zip(part.smiles, part.row.tolist(), strict=True):
                places[molecule_key(smiles)].append(f"{name} (row {row})")
    return {
        what: where
        for what, where in places.items()
        if len({place.split()[0] for place in where}) > 1
    }
