"""Tables of molecules without a fault, into which faults are planted in known rows."""

import numpy as np
import polars as pl
from rdkit import Chem

RINGS = (
    *("c1ccccc1", "c1ccncc1", "c1ccoc1", "C1CCCCC1", "c1ccc2ccccc2c1", "C1CCNCC1", "c1ccsc1"),
    *("C1CC1", "c1nccnc1", "C1CCOC1"),
)
TAILS = (
    *("C", "CC", "CCC", "CO", "CCO", "CN", "C(=O)O", "C(=O)N", "F", "Cl", "C#N", "OC", "OCC"),
    *("S(=O)(=O)C", "C(C)C", "CCCC"),
)
CLEAN = [ring + tail for tail in TAILS for ring in RINGS]
"""Different molecules that hold nothing worth a word."""

PARTS = ("train", "val", "test")


def written_anew(smiles, seed):
    """The same molecule in another writing, often in another order of the atoms."""
    (text,) = Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(smiles), 1, randomSeed=int(seed) + 1)
    return text


class Planted:
    """A table that grows by molecules and by faults, and knows the rows of every fault.

    Attributes:
        rows: the rows, as dictionaries.
        truth: sets of rows by the kind of fault, as the check numbers them.
    """

    def __init__(self, seed, size=60):
        self.random = np.random.default_rng(seed)
        chosen = self.random.permutation(CLEAN)
        self.fresh = list(chosen[size:])
        self.rows = [
            {"smiles": text, "y": float(self.random.normal()), "part": self._part(number)}
            for number, text in enumerate(chosen[:size])
        ]
        self.planted: dict[str, list[list[dict]]] = {}
        self.kept = set()

    def _part(self, number):
        return PARTS[number % 3] if number < 30 else "train"

    def original(self):
        """A clean row that no fault was planted beside."""
        free = [row for row in self.rows if id(row) not in self.kept and "fault" not in row]
        row = free[self.random.integers(len(free))]
        self.kept.add(id(row))
        return row

    def again(self, kind, **changes):
        """Write a molecule of the table once more, with other cells."""
        row = self.original()
        seed = self.random.integers(1000)
        copy = {**row, "smiles": written_anew(row["smiles"], seed), "fault": kind}
        copy |= {name: change(row[name]) for name, change in changes.items()}
        self.rows.append(copy)
        self.planted.setdefault(kind, []).append([row, copy])

    def conflict(self):
        """The same molecule in the same part with another label."""
        self.again("conflict", y=lambda value: value + float(self.random.choice([-1, 1]) * 3))

    def repeat(self):
        """The same molecule in the same part with the same label."""
        self.again("repeat")

    def leak(self):
        """The same molecule with the same label in another part."""
        self.again("leak", part=lambda part: PARTS[(PARTS.index(part) + 1) % 3])

    def alone(self, kind, smiles):
        """A molecule of a kind of its own, in the training part."""
        row = {"smiles": smiles, "y": float(self.random.normal()), "part": "train", "fault": kind}
        self.rows.append(row)
        self.planted.setdefault(kind, []).append([row])

    def salt(self):
        """A molecule that is not there otherwise, with a counter-ion."""
        self.alone("salt", self.fresh.pop() + ".Cl")

    def mixture(self):
        """Two molecules of comparable size in one cell."""
        one = self.fresh.pop()
        self.alone("mixture", f"{one}.C{one}")

    def broken(self):
        """A text that is no molecule."""
        self.alone("broken", self.fresh.pop() + "(")

    def frame(self):
        """Shuffle the rows and number them."""
        order = self.random.permutation(len(self.rows))
        self.rows = [self.rows[place] for place in order]
        self.number = {id(row): number for number, row in enumerate(self.rows)}
        columns = ("smiles", "y", "part")
        return pl.DataFrame({name: [row[name] for row in self.rows] for name in columns})

    def truth(self, *kinds):
        """The rows of some kinds of fault."""
        groups = [group for kind in kinds for group in self.planted.get(kind, [])]
        return {self.number[id(row)] for group in groups for row in group}
