"""Molecules whose label follows from known atoms and bonds, in the layout of B-XAIC.

"B-XAIC Dataset: Benchmarking Explainable AI Using Compound Data for GNNs", code of
github.com/mproszewska/B-XAIC, files of huggingface.co/datasets/mproszewska/B-XAIC. A folder holds

- ``data.csv``: a row per molecule, with a column of 0 and 1 for every task (``B``, ``P``, ``X``,
  ``indole``, ``PAINS``, ``rings-count``, ``rings-max``), and ``split_0`` to ``split_4`` with
  ``train``, ``valid`` or ``test``;
- ``explanations.sdf``: the molecules in the same order, each with the true atoms of a task as
  ``3,4,5`` and, for tasks about bonds, the true bonds as ``3#4,4#5``; empty where nothing is the
  reason.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
import torch

from edgescope.data.access import load
from edgescope.data.chemistry.molecule_dataset import MoleculeDataset
from edgescope.data.sources.data_card import TRUTH_RULES, TruthRule
from edgescope.data.splits import Splits
from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.files import readable_file
from edgescope.lib.input_files import reading
from edgescope.lib.optional import require

if TYPE_CHECKING:
    from torch import Tensor

TASKS = {
    "B": "B",
    "P": "P",
    "X": "X",
    "indole": "indole",
    "PAINS": "pains",
    "rings-count": "rings",
    "rings-max": "largest_rings",
}
"""Name of every task to what its explanations are called in the file."""

_SPLITS = 5


def load_bxaic(
    folder: str | Path,
    task: str,
    *,
    split: int = 0,
    truth_rule: TruthRule = "either",
    progress: bool = True,
) -> Splits:
    """Load a task of B-XAIC from a user's files, with the bonds that decide the label.

    Where the file says which bonds are true, ``edge_truth`` is 1 on these; where it knows true
    atoms only, on bonds of these atoms. In a molecule without a true atom or bond, nothing is the
    reason, and ``edge_truth`` is 0 throughout: score these with
    :func:`edgescope.attribute.on_null_explanations`.

    Args:
        folder: holds ``data.csv`` and ``explanations.sdf``.
        task: one of ``B``, ``P``, ``X``, ``indole``, ``PAINS``, ``rings-count``, ``rings-max``.
        split: which of the five published splits, from 0.
        truth_rule: where only atoms are known, whether a bond of ``"either"`` true atom is true, or
            if ``"both"`` its atoms are.
        progress: whether to show a bar.

    Raises:
        InputError: if an option is unknown, or the files are missing or do not fit each other.
        MissingExtraError: if RDKit is not installed.

    Example:
        >>> import edgescope as es
        >>> splits = es.data.load_bxaic("B-XAIC", "indole")  # doctest: +SKIP
    """
    if task not in TASKS:
        hint = did_you_mean(task, list(TASKS), f"expected one of {', '.join(TASKS)}")
        raise InputError(f"unknown task {task!r}, {hint}")
    if split not in range(_SPLITS) or truth_rule not in TRUTH_RULES:
        raise InputError(
            f"received split={split!r} and truth_rule={truth_rule!r}, expected a number from 0 to "
            f"{_SPLITS - 1}, and {' or '.join(TRUTH_RULES)}"
        )
    chem = require("rdkit.Chem", "chem")
    path = readable_file(Path(folder) / "explanations.sdf", "the molecules with explanations")
    table = _table(Path(folder), task, f"split_{split}")
    molecules = list(chem.SDMolSupplier(str(path)))
    if len(molecules) != table.height:
        raise InputError(
            f"{path} has {len(molecules)} molecules and data.csv {table.height} rows, expected the "
            "same number; get the files again"
        )
    smiles = ["" if each is None else chem.MolToSmiles(each) for each in molecules]
    splits = load(
        table.with_columns(smiles=pl.Series(smiles, dtype=pl.String)),
        target_columns=task,
        split="part",
        cache=False,
        progress=progress,
    )
    parts = (cast("MoleculeDataset", part) for part in splits)
    return Splits(*(_explained(part, molecules, TASKS[task], truth_rule) for part in parts))


def _table(folder: Path, task: str, split: str) -> pl.DataFrame:
    path = readable_file(folder / "data.csv", "the table of labels and splits")
    with reading(f"{path}", "get the file again"):
        table = pl.read_csv(path)
    missing = [name for name in (task, split) if name not in table.columns]
    if missing:
        raise InputError(f"{path} has no column {missing[0]!r}; get the file again")
    return table.select(pl.col(task), pl.col(split).alias("part"))


def _explained(
    part: MoleculeDataset, molecules: Sequence[Any], name: str, rule: TruthRule
) -> MoleculeDataset:
    """Return a part with the truth of its edges."""
    truth = torch.zeros(len(part.edge_attr), 1)
    for number, row in enumerate(part.row.tolist()):
        edges = slice(int(part.edge_ptr[number]), int(part.edge_ptr[number + 1]))
        truth[edges, 0] = _true(molecules[row], part.edge_index[:, edges], name, rule, row)
    return replace(part, edge_truth=truth, task="labels", name=f"bxaic {part.name}")


def _true(molecule: Any, edges: "Tensor", name: str, rule: TruthRule, row: int) -> "Tensor":  # noqa: ANN401  (RDKit)
    """Return which edges of a molecule are true ``[E]``.

    Its SMILES numbers the atoms anew, in the order in which RDKit wrote them.
    """
    order = list(molecule.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    try:
        place = np.argsort(order)
        atoms = _words(molecule, name, row)
        if not molecule.HasProp(f"{name}_edge"):
            true = torch.zeros(len(order), dtype=torch.bool)
            true[[int(place[int(atom)]) for atom in atoms]] = True
            ends = true[edges]
            return (ends.all(0) if rule == "both" else ends.any(0)).float()
        pairs = (word.split("#") for word in _words(molecule, f"{name}_edge", row))
        known = {frozenset((int(place[int(a)]), int(place[int(b)]))) for a, b in pairs}
        found = [frozenset(pair) in known for pair in edges.T.tolist()]
    except (ValueError, IndexError) as error:
        raise InputError(
            f"the explanation {name} of molecule {row} names atoms that it lacks ({error}); get "
            "the file again"
        ) from error
    if len(known) * 2 != sum(found):
        raise InputError(
            f"the explanation {name} of molecule {row} names bonds that it lacks; get the file "
            "again"
        )
    return torch.tensor(found).float()


def _words(molecule: Any, name: str, row: int) -> list[str]:  # noqa: ANN401  (RDKit)
    if not molecule.HasProp(name):
        raise InputError(f"molecule {row} has no explanation {name}; get the file again")
    text = molecule.GetProp(name).strip()
    return text.split(",") if text else []
