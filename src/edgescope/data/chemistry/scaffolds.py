"""Splits by scaffold: molecules with the same ring systems and linkers stay together."""

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.optional import require

_SHORT = 0.5  # a part with less than this share of what was asked for is worth a warning


def scaffold_parts(
    smiles: Sequence[str | None], fractions: tuple[float, float, float]
) -> np.ndarray:
    """Divide molecules by their Bemis-Murcko scaffolds.

    The scaffolds, stereo labels included, are sorted by how many molecules they have, the largest
    first, and among equals the one whose first molecule comes last; one after the other they go
    to the training part while they fit into its fraction, then to the validation part, and the
    rest to the test part. This is the procedure of MoleculeNet (Wu et al., Chemical Science 9
    (2018) 513) and OGB, and on Tox21 it gives OGB's split row for row.

    Args:
        smiles: of every row; rows that RDKit refuses only because of a valence have a scaffold all
            the same, and rows that it cannot read at all have an empty one, as chains have.
        fractions: sizes of train, val and test.

    Returns:
        ``[R]`` int8, 0 train, 1 val, 2 test.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    with require("rdkit.rdBase", "chem").BlockLogs():
        for row, text in enumerate(smiles):
            groups[_scaffold(text)].append(row)
    part = np.full(len(smiles), 2, dtype=np.int8)
    train_limit = fractions[0] * len(smiles)
    val_limit = (fractions[0] + fractions[1]) * len(smiles)
    train = val = 0
    for rows in sorted(groups.values(), key=lambda rows: (len(rows), rows[0]), reverse=True):
        if train + len(rows) <= train_limit:
            part[rows] = 0
            train += len(rows)
        elif train + val + len(rows) <= val_limit:
            part[rows] = 1
            val += len(rows)
    return part


def balanced_scaffold_parts(
    smiles: Sequence[str | None],
    usable: np.ndarray,
    fractions: tuple[float, float, float],
    name: str,
) -> np.ndarray:
    """Divide the molecules of any table by their Bemis-Murcko scaffolds.

    The procedure is that of :func:`scaffold_parts`, largest scaffolds first, with three
    differences that a table of unknown content needs. Scaffolds are told without stereo labels,
    isotopes and atom maps, so that what a model cannot tell apart stays together. Among scaffolds
    with the same number of molecules a digest of the scaffold decides rather than the row, so the
    parts do not depend on the order of the rows or on how a molecule is written. And the largest
    scaffold always goes to the first part with a fraction, of which each is given one at least.

    Args:
        smiles: ``R`` texts, of every row.
        usable: ``[R]`` bool, rows that gave a molecule; fractions are fractions of these. A row of
            the others is in the part of its scaffold, if that can be told, or in the first.
        fractions: sizes of train, val and test.
        name: what messages call the table.

    Returns:
        ``[R]`` int8, 0 train, 1 val, 2 test.

    Raises:
        InputError: if there are fewer scaffolds than parts.

    Warns:
        EdgescopeWarning: if a part has less than half of what was asked for.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    with require("rdkit.rdBase", "chem").BlockLogs():
        scaffolds = [_flat_scaffold(text) for text in smiles]
    for row in usable.nonzero()[0].tolist():
        groups[scaffolds[row] or ""].append(row)
    wanted = [part for part, fraction in enumerate(fractions) if fraction > 0]
    if len(groups) < len(wanted):
        raise InputError(_too_few(groups, len(wanted), name))

    ordered = sorted(groups, key=lambda text: (-len(groups[text]), _digest(text)))
    sizes = [len(groups[text]) for text in ordered]
    part_of: dict[str, int] = {}
    left = list(range(len(ordered)))
    total = sum(sizes)
    placed = 0
    for number, part in enumerate(wanted):
        later = len(wanted) - number - 1
        # A scaffold that is larger than its part leaves less for the others, which share it.
        share = fractions[part] / sum(fractions[each] for each in wanted[number:])
        limit = placed + share * (total - placed) + 1e-9
        taken: list[int] = []
        for group in left:
            fits = placed + sizes[group] <= limit or not later or not taken
            if fits and len(left) - len(taken) > later:
                taken.append(group)
                placed += sizes[group]
        part_of |= {ordered[group]: part for group in taken}
        left = [group for group in left if group not in set(taken)]
    parts = np.array([part_of.get(text or "", wanted[0]) for text in scaffolds], dtype=np.int8)
    _warn_if_uneven(np.bincount(parts[usable], minlength=3), fractions, groups[ordered[0]], name)
    return parts


def _too_few(groups: dict[str, list[int]], parts: int, name: str) -> str:
    count = sum(map(len, groups.values()))
    if len(groups) == 1:
        only = next(iter(groups))
        what = f"have the scaffold {only}" if only else "are acyclic, which is one scaffold"
        found = f"all {count} usable molecules of {name} {what}"
    else:
        found = f"the {count} usable molecules of {name} have {len(groups)} scaffolds"
    return f"{found}, expected at least {parts}, one for each part; choose split='random'"


def _warn_if_uneven(
    sizes: np.ndarray, fractions: tuple[float, float, float], largest: list[int], name: str
) -> None:
    total = int(sizes.sum())
    if any(
        size < _SHORT * np.floor(share * total)
        for size, share in zip(sizes.tolist(), fractions, strict=True)
    ):
        warnings.warn(
            f"the split of {name} by scaffold is {' / '.join(map(str, sizes.tolist()))}, asked for "
            f"{' / '.join(f'{share * total:.0f}' for share in fractions)}: one scaffold has "
            f"{len(largest)} of {total} molecules and is not divided",
            EdgescopeWarning,
            stacklevel=2,
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _flat_scaffold(smiles: str | None) -> str | None:
    """Return the scaffold of a molecule without stereo labels, isotopes and maps; None if unread.

    It is taken from the canonical SMILES and written as that is read, so that it does not depend
    on the writing.
    """
    chem = require("rdkit.Chem", "chem")
    murcko = require("rdkit.Chem.Scaffolds.MurckoScaffold", "chem")
    molecule = None if smiles is None else chem.MolFromSmiles(smiles)
    if molecule is None:
        return None
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
    again = chem.MolFromSmiles(chem.MolToSmiles(molecule, isomericSmiles=False))
    if again is None:
        return None
    scaffold: str = murcko.MurckoScaffoldSmiles(mol=again, includeChirality=False)
    read = chem.MolFromSmiles(scaffold)
    return scaffold if read is None else str(chem.MolToSmiles(read))


def _scaffold(smiles: str | None) -> str:
    chem = require("rdkit.Chem", "chem")
    murcko = require("rdkit.Chem.Scaffolds.MurckoScaffold", "chem")
    molecule = None if smiles is None else chem.MolFromSmiles(smiles)
    if molecule is None:
        molecule = None if smiles is None else chem.MolFromSmiles(smiles, sanitize=False)
        if molecule is None:
            return ""
        molecule.UpdatePropertyCache(strict=False)
        chem.GetSymmSSSR(molecule)
    scaffold: str = murcko.MurckoScaffoldSmiles(mol=molecule, includeChirality=True)
    return scaffold
