"""What is said before every training on a table of one's own: the grave findings, in short."""

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch

from edgescope.data.checks.duplicates import conflicts, groups, in_two_parts
from edgescope.data.checks.label_values import DOMINATES, dominant, is_labels, known, one_class
from edgescope.data.checks.molecule_facts import molecule_key
from edgescope.data.checks.rows_and_parts import one_class_parts
from edgescope.data.chemistry.molecule_dataset import MoleculeDataset
from edgescope.data.fingerprint import scattered, summed
from edgescope.data.splits import PARTS
from edgescope.lib.errors import EdgescopeWarning
from edgescope.lib.plurals import plural

if TYPE_CHECKING:
    from edgescope.data.graphs import GraphDataset
    from edgescope.data.splits import Splits

ROUNDS = 3
"""How far the environments of atoms reach by which graphs are told apart at first."""


def warn_of_grave(splits: "Splits", stacklevel: int = 2) -> None:
    """Warn of what spoils a training on these molecules, one warning per kind.

    Published data sets are as they are, and their cards say what is known of them; so nothing is
    said of data whose task is known.

    Warns:
        EdgescopeWarning: molecules with conflicting labels or in two parts, targets that are
            constant or dominated by one value, tasks with one class.
    """
    if splits.train.task is not None:
        return
    name = splits.train.name.rpartition("/")[0] or splits.train.name
    for sentence in grave_sentences(splits):
        warnings.warn(
            f"{name}: {sentence}; `edgescope data check TABLE` lists the rows",
            EdgescopeWarning,
            stacklevel=stacklevel + 1,
        )


def grave_sentences(splits: "Splits") -> list[str]:
    """Say what is grave about the molecules and labels of three parts, one sentence per kind."""
    parts: list[GraphDataset] = list(splits)
    y = torch.cat([part.y for part in parts]).double().numpy()
    part = np.repeat(np.arange(len(parts)), [len(each) for each in parts])
    names = splits.train.target_names
    found = []
    molecules = [each for each in parts if isinstance(each, MoleculeDataset)]
    if len(molecules) == len(parts):
        same = same_molecules(molecules)
        leaks = in_two_parts(same, part)
        if leaks:
            stand = plural(len(leaks), "molecule is", "molecules are")
            found.append(
                f"{stand} in two parts (split: {splits.train.split or 'not told'}), so scores are "
                "too good"
            )
        contradictory = {each.group for each in conflicts(same, y)}
        if contradictory:
            found.append(
                f"{plural(len(contradictory), 'molecule occurs', 'molecules occur')} more than "
                "once with conflicting labels"
            )
    return found + _of_labels(y, part, names)


def _of_labels(y: np.ndarray, part: np.ndarray, names: tuple[str, ...]) -> list[str]:
    columns = [
        (name, labels) for name, labels in zip(names, y.T, strict=True) if len(known(labels))
    ]
    kinds = {
        "one class only": [name for name, labels in columns if one_class(labels) is not None],
        "the same value everywhere": [
            name
            for name, labels in columns
            if not is_labels(labels) and len(np.unique(known(labels))) == 1
        ],
        f"one value in more than {DOMINATES:.0%} of the rows": [
            f"{name} ({top.value:.6g} in {top.share:.0%})"
            for name, labels in columns
            if not is_labels(labels)
            and (top := dominant(labels)) is not None
            and DOMINATES < top.share < 1
        ],
        "one class or no label in a part": [
            f"{names[task]} ({PARTS[number]})" for task, number in one_class_parts(y, part)
        ],
    }
    return [
        f"{plural(len(held), 'target')} with {kind}: {', '.join(held[:MOST])}"
        f"{' and others' if len(held) > MOST else ''}"
        for kind, held in kinds.items()
        if held
    ]


MOST = 3
"""Targets named in a warning."""


def same_molecules(parts: list[MoleculeDataset]) -> list[list[int]]:
    """Return groups of positions, over all parts in order, that hold the same molecule.

    Canonical SMILES are written only of molecules whose graphs look alike.
    """
    alike = groups(np.concatenate([_environments(part) for part in parts]).tolist())
    smiles = [text for part in parts for text in part.smiles]
    return [
        [group[each] for each in same]
        for group in alike
        for same in groups([molecule_key(smiles[place]) for place in group])
    ]


def _environments(part: MoleculeDataset) -> np.ndarray:
    """Digest each graph, ``[N]`` uint64, so that the order of its atoms does not matter.

    Types of atoms are mixed with those of their neighbours and bonds, and summed (Weisfeiler and
    Leman, 1968). Different molecules may have one digest.
    """
    columns = len(part.node_columns) or 1
    state = np.zeros(len(part.x), dtype=np.uint64)
    for values in part.x.numpy().reshape(-1, columns).T:
        state = scattered(state * np.uint64(31) + values.astype(np.uint64))
    bonds = np.zeros(len(part.edge_attr), dtype=np.uint64)
    for values in part.edge_attr.numpy().reshape(-1, len(part.edge_columns) or 1).T:
        bonds = scattered(bonds * np.uint64(31) + values.astype(np.uint64))
    first = part.node_ptr[:-1].repeat_interleave(part.edge_ptr.diff())
    source, target = (part.edge_index + first).numpy()
    for _ in range(ROUNDS):
        gathered = np.zeros(len(state), dtype=np.uint64)
        np.add.at(gathered, target, scattered(state[source] + bonds))
        state = scattered(state * np.uint64(31) + gathered)
    return summed(scattered(state), part.node_ptr)
