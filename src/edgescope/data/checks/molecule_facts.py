"""What RDKit says of the molecules of a table."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from edgescope.data.chemistry.notation import plain
from edgescope.lib.optional import require
from edgescope.lib.progress import track

NONMETALS = frozenset(
    "H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Sb Te I Xe At Rn *".split()  # noqa: SIM905
)
"""Elements that are no metals; boron to astatine on the diagonal are counted among them."""

_STEREO_OR_ISOTOPE = re.compile(r"[@/\\]|\[\d")
_MAP = re.compile(r":\d+\]")
_HYDROGEN = re.compile(r"\[\d*H[+-]?(:\d+)?\]")


class Facts(NamedTuple):
    """What is known of ``N`` molecules.

    Attributes:
        molecule: ``N`` canonical SMILES with stereo marks and isotopes, without atom maps and
            hydrogens that are written as atoms: texts are equal if molecules are.
        graph: ``N`` canonical SMILES of what the features hold: equal if graphs are.
        parent: ``N`` canonical SMILES without counter-ions and solvents, neutral where protons
            alone make it so.
        heavy: ``[N]`` int64, atoms other than hydrogen.
        charge: ``[N]`` int64, net charge.
        has: ``[N]`` bool by property: ``"several fragments"``, ``"mixture"``, ``"carbon"``,
            ``"bound metal"``, ``"radical"``, ``"isotope"``, ``"stereo"``, ``"wildcard"``,
            ``"map"``, ``"hydrogen"``.
    """

    molecule: list[str]
    graph: list[str]
    parent: list[str]
    heavy: np.ndarray
    charge: np.ndarray
    has: dict[str, np.ndarray]


PROPERTIES = (
    *("several fragments", "mixture", "carbon", "bound metal", "radical", "isotope", "stereo"),
    *("wildcard", "map", "hydrogen"),
)


def read_facts(smiles: Sequence[str], *, stereo: bool, name: str, progress: bool) -> Facts:
    """Read the facts of molecules that parse.

    Args:
        smiles: ``N`` texts as they stand in the table.
        stereo: whether the features hold stereo marks.
        name: what the bar calls the table.
        progress: whether to show a bar.
    """
    chem = require("rdkit.Chem", "chem")
    uncharger = require("rdkit.Chem.MolStandardize.rdMolStandardize", "chem").Uncharger()
    molecule: list[str] = []
    graph: list[str] = []
    parent: list[str] = []
    heavy = np.zeros(len(smiles), dtype=np.int64)
    charge = np.zeros(len(smiles), dtype=np.int64)
    has = {each: np.zeros(len(smiles), dtype=bool) for each in PROPERTIES}
    with require("rdkit.rdBase", "chem").BlockLogs():
        listed = track(smiles, f"checking molecules of {name}", len(smiles), progress)
        for number, text in enumerate(listed):
            read = _without_maps(chem.MolFromSmiles(text), text)
            canonical = chem.MolToSmiles(read)
            molecule.append(canonical)
            graph.append(_graph(read, canonical, stereo=stereo))
            heavy[number] = read.GetNumHeavyAtoms()
            for each in _properties(read, text, canonical):
                has[each][number] = True
            charge[number] = chem.GetFormalCharge(read)
            main = read
            if "." in canonical:
                fragments = chem.GetMolFrags(read, asMols=True)
                main, comparable = _main_fragment(fragments, read)
                has["mixture"][number] = comparable
            if main is not read or "+" in canonical or "-]" in canonical or "-2]" in canonical:
                parent.append(chem.MolToSmiles(uncharger.uncharge(main)))
            else:
                parent.append(canonical)
    return Facts(molecule, graph, parent, heavy, charge, has)


def molecule_key(smiles: str) -> str:
    """Return a text that is the same for every writing of a molecule; stereo marks count."""
    chem = require("rdkit.Chem", "chem")
    with require("rdkit.rdBase", "chem").BlockLogs():
        return str(chem.MolToSmiles(_without_maps(chem.MolFromSmiles(smiles), smiles)))


def _without_maps(molecule: Any, text: str) -> Any:  # noqa: ANN401  (RDKit publishes no types)
    if not _MAP.search(text):
        return molecule
    chem = require("rdkit.Chem", "chem")
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
    stripped = chem.RemoveHs(molecule)
    # Once more, as marks of atoms that are told apart by nothing but their maps are no marks.
    again = chem.MolFromSmiles(chem.MolToSmiles(stripped))
    return stripped if again is None else again


def _graph(molecule: Any, canonical: str, *, stereo: bool) -> str:  # noqa: ANN401  (as above)
    if not _STEREO_OR_ISOTOPE.search(canonical):
        return canonical
    chem = require("rdkit.Chem", "chem")
    return str(chem.MolToSmiles(plain(molecule, canonical, stereo=stereo)[0]))


def _properties(molecule: Any, text: str, canonical: str) -> set[str]:  # noqa: ANN401
    marks = {
        "several fragments": "." in canonical,
        "stereo": any(mark in canonical for mark in "@/\\"),
        "map": bool(_MAP.search(text)),
        "hydrogen": bool(_HYDROGEN.search(text)),
    }
    found = {name for name, there in marks.items() if there}
    for atom in molecule.GetAtoms():
        symbol = atom.GetSymbol()
        if symbol == "C":
            found.add("carbon")
        elif symbol == "*":
            found.add("wildcard")
        if atom.GetIsotope():
            found.add("isotope")
        if symbol not in NONMETALS:
            # RDKit counts the unpaired d electrons of metal ions among radicals.
            found.update(["bound metal"] if atom.GetDegree() else [])
        elif atom.GetNumRadicalElectrons():
            found.add("radical")
    return found


def _main_fragment(fragments: Sequence[Any], whole: Any) -> tuple[Any, bool]:  # noqa: ANN401
    """Return the largest fragment, or the whole if others are of comparable size.

    A fragment is a counter-ion or a solvent if it has no carbon, at most half of the atoms of the
    largest, or is the same as the largest.
    """
    chem = require("rdkit.Chem", "chem")

    def size(fragment: Any) -> tuple[bool, int]:  # noqa: ANN401
        return _has_carbon(fragment), fragment.GetNumHeavyAtoms()

    # The text decides among equals, so that the order of the fragments does not.
    largest = max(fragments, key=lambda each: (*size(each), chem.MolToSmiles(each)))
    same = chem.MolToSmiles(largest)
    comparable = any(
        _has_carbon(each)
        and 2 * each.GetNumHeavyAtoms() > largest.GetNumHeavyAtoms()
        and chem.MolToSmiles(each) != same
        for each in fragments
    )
    return (whole if comparable else largest), comparable


def _has_carbon(molecule: Any) -> bool:  # noqa: ANN401
    return any(atom.GetAtomicNum() == 6 for atom in molecule.GetAtoms())  # noqa: PLR2004
