"""Molecules whose label follows from a known part of them: benzene, logic7 and logic8.

Sanchez-Lengeling et al., "Evaluating attribution for graph neural networks", NeurIPS 2020; files of
github.com/google-research/graph-attribution. Their truth is about atoms; here it becomes one about
bonds, by a stated rule.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.chemistry.molecule_dataset import MoleculeDataset
from edgescope.data.molecule_tables.molecule_table import Table, TableSource
from edgescope.data.sources.data_card import Card, TruthRule
from edgescope.data.sources.source import Request, Source, register
from edgescope.data.splits import PARTS, Splits, divide, validation_part
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import DAMAGED, arrays_of, reason
from edgescope.lib.typed_fields import sha256_of

MOST_ALTERNATIVES = 31
"""Alternatives kept per molecule, the smallest and their union. By the rule ``"both"``, 45 of the
8,671 molecules of logic8 have more (one has 1,407, all unions of its pairs of groups) and no other
molecule."""

_KEYS = ("smiles", "y", "atom_ptr", "atom_attr", "n_attr", "train_index", "test_index")


class _Attribution(Source):
    """Molecules with the true atoms of their label, in a file ``NAME.npz``.

    It lies in ``root`` (or a folder ``attribution`` in it). Several true groups are alternatives,
    and so are their unions; for the rule from atoms to bonds see :func:`bond_truth`. The test part
    is the published one; a tenth of the others, drawn with ``seed``, is the validation part.
    """

    truth = True

    def load(self, request: Request) -> Splits:
        """Read the file.

        Raises:
            InputError: if ``root`` is not given, or the file is missing, damaged or not of this
                kind.
        """
        return _load(request, self.name)


def _card(
    title: str, parts: tuple[int, int, int], nodes: int, edges: Mapping[str, int], leaks: int = 0
) -> Card:
    return Card(
        title=title,
        level="graph",
        task="labels",
        targets=1,
        parts=parts,
        nodes=nodes,
        directed_edges=sum(edges.values()),
        edge_types=edges,
        split="published test part; a tenth of the others, drawn with seed, for validation",
        source="Sanchez-Lengeling et al., 2020; files of "
        "github.com/google-research/graph-attribution, molecules of ZINC",
        licence="Apache-2.0",
        leaks=leaks,
    )


@register
class Benzene(_Attribution):
    """12,000 molecules, with a benzene ring (label 1) or without; its bonds are the true ones."""

    name = "benzene"
    card = _card(
        "molecules with or without a benzene ring, and which bonds are in one",
        (9_000, 1_000, 2_000),
        246_993,
        {"none": 0, "single": 399_732, "double": 121_594, "triple": 2_516},
        leaks=6,
    )


@register
class Logic7(_Attribution):
    """4,326 molecules, label 1 where there is a fluoride and a carbonyl group.

    The fluoride's truth is a single atom, so that by the rule ``"both"`` its bond to carbon is no
    true one, and only by ``"either"``.
    """

    name = "logic7"
    card = _card(
        "molecules with or without both a fluoride and a carbonyl group, and where these are",
        (3_456, 384, 486),
        91_393,
        {"none": 0, "single": 145_336, "double": 48_476, "triple": 638},
    )


@register
class Logic8(_Attribution):
    """8,671 molecules, label 1 with an unbranched chain of three atoms and a carbonyl group."""

    name = "logic8"
    card = _card(
        "molecules with or without both an unbranched chain and a carbonyl group, and where",
        (6_978, 775, 918),
        185_198,
        {"none": 0, "single": 288_470, "double": 103_584, "triple": 1_314},
    )


def _load(request: Request, name: str) -> Splits:
    file = f"{name}.npz"
    path = request.folder(name, f"the folder that holds {file}", [file], "attribution") / file
    arrays = _arrays(path)
    smiles = [str(text) for text in arrays["smiles"]]

    def read() -> Table:
        nowhere = np.full(len(smiles), -1, dtype=np.int8)
        y = arrays["y"].astype(np.float32).reshape(-1, 1)
        return Table([*smiles], y, {}, nowhere, (name,))

    molecules = request.read(TableSource(str(path), json.dumps([sha256_of(path)]), read)).molecules
    part = np.zeros(len(smiles), dtype=np.int8)
    part[arrays["test_index"]] = PARTS.index("test")
    part = validation_part(part, molecules.places.numpy(), request.seed)
    molecules = replace(
        molecules,
        split=f"published test part; validation drawn at random, seed {request.seed}",
        edge_truth=_truth(molecules, path, arrays, request.truth_rule),
    )
    return divide(molecules, part, name)


def bond_truth(
    bonds: NDArray[np.int64], atoms: NDArray[Any], rule: TruthRule = "both"
) -> NDArray[np.float32]:
    """Turn true atoms into true bonds.

    By the rule ``"both"`` a bond is true if both its atoms are true in the same alternative, by
    ``"either"`` if at least one is. Alternatives that come to the same bonds are one; those
    without a true bond are none. They are ordered by their number of true bonds. Of more than
    :data:`MOST_ALTERNATIVES`, the largest (the union) and the smallest are kept.

    Args:
        bonds: the two atoms of every bond ``[B, 2]``.
        atoms: 1 true, 0 not ``[V, A]``, a column for each alternative.
        rule: which bonds are true.

    Returns:
        1 true, 0 not ``[B, A']``; without any true bond ``A'`` is 0.
    """
    true = atoms > 0
    ends = true[bonds[:, 0]], true[bonds[:, 1]]
    found = ends[0] & ends[1] if rule == "both" else ends[0] | ends[1]
    found = np.unique(found[:, found.any(axis=0)], axis=1)
    found = found[:, np.argsort(found.sum(axis=0), kind="stable")]
    if found.shape[1] > MOST_ALTERNATIVES:
        found = np.concatenate([found[:, : MOST_ALTERNATIVES - 1], found[:, -1:]], axis=1)
    return found.astype(np.float32)


def _truth(
    molecules: MoleculeDataset, path: Path, arrays: dict[str, NDArray[Any]], rule: TruthRule
) -> Tensor:
    """Return the truth of every directed edge ``[E, A]``, NaN where there are fewer."""
    place = {row: number for number, row in enumerate(molecules.places.tolist())}
    edges, pointers = molecules.edge_index.numpy(), molecules.edge_ptr.tolist()
    sizes = molecules.node_ptr.diff().tolist()
    found: list[NDArray[np.float32]] = [np.empty((0, 0), np.float32)] * len(molecules)
    for row, atoms in enumerate(_atoms(path, arrays)):
        number = place.get(row)
        if number is None:
            continue
        if len(atoms) != sizes[number]:
            raise InputError(
                f"row {row} of {path} has the truth of {len(atoms)} atoms, expected "
                f"{sizes[number]} as in {molecules.smiles[number]}; get the file again"
            )
        # Edges 2b and 2b + 1 are the two directions of bond b.
        bonds = edges[:, pointers[number] : pointers[number + 1] : 2].T
        found[number] = bond_truth(bonds, atoms, rule)
    width = max(1, *(each.shape[1] for each in found)) if found else 1
    truth = np.full((pointers[-1], width), np.nan, dtype=np.float32)
    for start, each in zip(pointers, found, strict=False):
        count, alternatives = each.shape
        truth[start : start + 2 * count, :alternatives] = each.repeat(2, axis=0)
    return torch.from_numpy(truth)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read and check the small arrays of the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = {name.removesuffix(".npy") for name in archive.namelist()}
        missing = [key for key in _KEYS if key not in held]
        arrays = arrays_of(path, [key for key in _KEYS if key not in {"atom_attr", *missing}])
    except DAMAGED as error:
        raise _unreadable(path, error) from error
    if missing:
        raise InputError(
            f"{path} has no array {missing[0]!r}, expected {', '.join(_KEYS)}; get the file of the "
            "attribution data set"
        )
    rows = len(arrays["smiles"])
    used = np.sort(np.concatenate([arrays["train_index"], arrays["test_index"]]))
    fits = {
        "y": arrays["y"].shape[:1] == (rows,),
        "n_attr": arrays["n_attr"].shape == (rows,),
        "atom_ptr": arrays["atom_ptr"].shape == (rows + 1,),
        "train_index and test_index": np.array_equal(used, np.arange(rows)),
    }
    wrong = [key for key, good in fits.items() if not good]
    if wrong:
        raise InputError(
            f"{wrong[0]} of {path} does not fit its {rows} SMILES, each in the training or the "
            "test part; get the file again"
        )
    return arrays


def _atoms(path: Path, arrays: dict[str, NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield the truth of the atoms of one molecule after the other ``[V, A]``.

    The table is as wide as the molecule with the most alternatives (2047 in logic8, 1.5 GB), so it
    is read piece by piece.
    """
    counts = arrays["n_attr"].tolist()
    pointers = arrays["atom_ptr"].tolist()
    try:
        with zipfile.ZipFile(path) as archive, archive.open("atom_attr.npy") as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(stream)
            good = len(shape) == 2 and not fortran  # noqa: PLR2004  (atoms by alternatives)
            if not good or shape[0] != pointers[-1] or shape[1] < max(counts, default=0):
                raise ValueError(f"atom_attr has the shape {shape}")
            for first, last, count in zip(pointers, pointers[1:], counts, strict=False):
                size = (last - first) * shape[1]
                block = np.frombuffer(stream.read(size * dtype.itemsize), dtype, size)
                yield block.reshape(-1, shape[1])[:, :count]
    except DAMAGED as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: BaseException) -> InputError:
    return InputError(f"cannot read {path} ({reason(error)}); get the file again")
