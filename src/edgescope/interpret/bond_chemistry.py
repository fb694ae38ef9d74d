"""What RDKit says of the bonds that edges are.

Rings, aromaticity and conjugation are those of the sanitised molecule, whatever bond types the
data set writes: of a kekulised benzene ring all six bonds are aromatic here.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgescope.data.chemistry.atoms_and_bonds import parse_smiles
from edgescope.data.chemistry.notation import UnusableError
from edgescope.data.edges.directions import batched_edges
from edgescope.interpret.kinds import Kind
from edgescope.interpret.topology import Ints
from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import GraphNames
from edgescope.lib.optional import require
from edgescope.lib.progress import track

if TYPE_CHECKING:
    from edgescope.data.graphs import GraphDataset

RING_SIZES = ("no ring", "3", "4", "5", "6", "7 or more")
_LARGEST = 7
_SMALLEST = 3


class Chemistry:
    """The bonds of all molecules of a data set, and the bond that every edge is.

    An edge between two atoms without a bond, such as one that was added to the graph, is none: no
    chemical kind can be told of it. Nodes beyond the atoms are no atoms.

    Args:
        dataset: molecules with ``smiles``, whose atoms are numbered as the nodes.
        progress: whether to show a bar while molecules are read.

    Raises:
        InputError: if the data set has no SMILES, one does not parse, or a molecule has more atoms
            than its graph has nodes.
        MissingExtraError: if RDKit is not installed.
    """

    def __init__(self, dataset: "GraphDataset", *, progress: bool = True) -> None:
        smiles = getattr(dataset, "smiles", None)
        if smiles is None:
            raise InputError(
                f"{dataset.name} has no SMILES, which chemical groups need; leave them out of by=, "
                "or load molecules from SMILES"
            )
        self._progress = progress
        self.molecules = [_molecule(text, number, dataset) for number, text in enumerate(smiles)]
        starts = dataset.node_ptr.tolist()
        nodes = len(dataset.x)
        self.number = np.zeros(nodes, dtype=np.int64)
        self.symbol = np.full(nodes, "", dtype="<U2")
        rows: list[tuple[int, ...]] = []
        molecules = zip(self.molecules, starts[:-1], strict=True)
        title = "reading bonds"
        for molecule, start in track(molecules, title, len(self.molecules), progress):
            for atom in molecule.GetAtoms():
                self.number[start + atom.GetIdx()] = atom.GetAtomicNum()
                self.symbol[start + atom.GetIdx()] = atom.GetSymbol()
            rings = molecule.GetRingInfo()
            rows += [
                (
                    start + bond.GetBeginAtomIdx(),
                    start + bond.GetEndAtomIdx(),
                    bond.GetIsAromatic(),
                    bond.GetIsConjugated(),
                    rings.MinBondRingSize(bond.GetIdx()),
                )
                for bond in molecule.GetBonds()
            ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 5)
        self.aromatic, self.conjugated, self.ring = table[:, 2:].T
        keys = table[:, :2].min(axis=1) * nodes + table[:, :2].max(axis=1)
        self._order = keys.argsort()
        self._keys = keys[self._order]
        self._edges = batched_edges(dataset).numpy()
        self._nodes = nodes

    @cached_property
    def bond(self) -> Ints:
        """Bond of every edge ``[E]``, -1 if it is none."""
        low, high = self._edges.min(axis=0), self._edges.max(axis=0)
        wanted = low * self._nodes + high
        place = np.searchsorted(self._keys, wanted)
        found = np.append(self._keys, -1)[place] == wanted
        return np.where(found, np.append(self._order, -1)[place], -1)

    def _kind(self, name: str, names: tuple[str, ...], codes: Ints) -> Kind:
        """Make groups from a code per bond."""
        return Kind.of_codes(name, names, torch.from_numpy(np.append(codes, -1)[self.bond]))

    def aromaticity(self) -> Kind:
        """Aromatic bonds and others."""
        return self._kind("aromaticity", ("not aromatic", "aromatic"), self.aromatic)

    def conjugation(self) -> Kind:
        """Conjugated bonds and others."""
        return self._kind("conjugation", ("not conjugated", "conjugated"), self.conjugated)

    def ring_membership(self) -> Kind:
        """Bonds in a ring and others."""
        return self._kind("ring", ("chain", "ring"), (self.ring > 0).astype(np.int64))

    def ring_size(self) -> Kind:
        """Size of the smallest ring that a bond is in."""
        size = np.minimum(self.ring, _LARGEST)
        return self._kind("ring_size", RING_SIZES, np.where(size, size - _SMALLEST + 1, 0))

    def element_pair(self) -> Kind:
        """The two elements of a bond in alphabetical order, whichever way the edge runs."""
        pairs = np.sort(self.symbol[self._edges], axis=0)
        names = np.char.add(np.char.add(pairs[0], "-"), pairs[1])
        known, codes = np.unique(names, return_inverse=True)
        codes = np.where(self.bond >= 0, codes, -1)
        return _present("element_pair", known.tolist(), codes)

    def element_direction(self) -> Kind:
        """Whether an edge runs to the atom with the larger atomic number."""
        source, target = self.number[self._edges]
        codes = np.where(self.bond >= 0, np.sign(target - source) + 1, -1)
        names = ("to the lighter element", "within an element", "to the heavier element")
        return Kind.of_codes("element_direction", names, torch.from_numpy(codes), "reversal")

    def functional_group(self) -> Kind:
        """Fragments of RDKit's catalogue (``FragmentDescriptors.csv``, the ``fr_`` descriptors).

        A bond is in a fragment if a match of its pattern covers it: maps one of the pattern's
        bonds to it, or, where the pattern is a single atom, one of its ends. It may be in several
        fragments, or in none.
        """
        patterns = _fragments()
        bonds: list[int] = []
        groups: list[int] = []
        first = 0
        for molecule in track(
            self.molecules, "matching functional groups", len(self.molecules), self._progress
        ):
            for number, pattern in enumerate(patterns.values()):
                covered = _covered(molecule, pattern)
                bonds += [first + bond for bond in covered]
                groups += [number] * len(covered)
            first += molecule.GetNumBonds()
        member = torch.zeros(first + 1, len(patterns), dtype=torch.bool)
        member[bonds, groups] = True
        applicable = torch.from_numpy(self.bond >= 0)
        return Kind("functional_group", tuple(patterns), member[self.bond], applicable)


def _molecule(smiles: str, number: int, dataset: "GraphDataset") -> Any:  # noqa: ANN401  (RDKit)
    """Read one molecule, which must fit its graph."""
    try:
        molecule = parse_smiles(smiles)
    except UnusableError as error:
        raise InputError(
            f"the SMILES of {_called(dataset, number)} of {dataset.name}, {smiles!r}, {error}; "
            "correct it or leave chemical groups out of by="
        ) from error
    nodes = int(dataset.node_ptr[number + 1] - dataset.node_ptr[number])
    if molecule.GetNumAtoms() > nodes:
        raise InputError(
            f"{_called(dataset, number)} of {dataset.name} has {nodes} nodes, its SMILES "
            f"{smiles!r} has {molecule.GetNumAtoms()} atoms; expected nodes numbered as the atoms"
        )
    return molecule


def _called(dataset: "GraphDataset", number: int) -> str:
    return GraphNames.of_dataset(dataset).called(number)


def _present(name: str, names: list[str], codes: NDArray[np.int64]) -> Kind:
    """Make groups of those names only that some edge has."""
    used = np.unique(codes[codes >= 0])
    places = np.full(len(names) + 1, -1)
    places[used] = np.arange(len(used))
    return Kind.of_codes(name, [names[i] for i in used], torch.from_numpy(places[codes]))


def _fragments() -> dict[str, Any]:
    """Return the patterns of RDKit's fragment descriptors by name, from the file it ships."""
    chem, fragments = require("rdkit.Chem", "chem"), require("rdkit.Chem.Fragments", "chem")
    found = {}
    with open(fragments.defaultPatternFileName, encoding="utf-8") as lines:  # noqa: PTH123  (a str)
        for line in lines:
            name, *columns = line.rstrip("\n").split("\t")
            if columns and not name.startswith("#"):
                found[name] = chem.MolFromSmarts(columns[1])
    return found


def _covered(molecule: Any, pattern: Any) -> list[int]:  # noqa: ANN401  (RDKit's, without types)
    """Return the bonds of a molecule that matches of a pattern cover."""
    covered = set()
    for match in molecule.GetSubstructMatches(pattern, maxMatches=molecule.GetNumAtoms() * 100):
        if len(match) == 1:
            covered |= {bond.GetIdx() for bond in molecule.GetAtomWithIdx(match[0]).GetBonds()}
        for bond in pattern.GetBonds():
            ends = match[bond.GetBeginAtomIdx()], match[bond.GetEndAtomIdx()]
            covered.add(molecule.GetBondBetweenAtoms(*ends).GetIdx())
    return sorted(covered)
