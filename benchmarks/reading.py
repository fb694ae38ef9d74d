"""What it costs to read SMILES as graphs, over RDKit's parsing alone.

    python benchmarks/reading.py [--data zinc12k --root FOLDER]

The SMILES of a data set are parsed by RDKit, and made graphs as edgescope does by default (the same
graph for every writing of a molecule, rings kekulised) and as written (as the published graphs of
ZINC were made), in one process, in turn: the median of the ratios within a round, with their range.
What is beyond 1 is mostly RDKit's own: a molecule is written as its canonical SMILES and read once
more, for the choice of the double bonds of its aromatic rings to be the same for every writing.
"""

import time
from statistics import median

from _common import alternating_times, load_data
from rdkit import Chem, RDLogger

from edgescope.data.chemistry.atoms_and_bonds import Featuriser

ROUNDS = 5


def main() -> None:
    """Time RDKit and both ways of reading."""
    RDLogger.DisableLog("rdApp.*")
    smiles = load_data(__doc__).train.smiles
    usual, as_written = Featuriser(bondless=True), Featuriser(bondless=True, as_written=True)
    plain, *times = alternating_times(
        lambda: [Chem.MolFromSmiles(each) for each in smiles],
        lambda: [usual(each) for each in smiles],
        lambda: [as_written(each) for each in smiles],
        rounds=ROUNDS,
        clock=time.process_time,
    )
    print(f"{len(smiles)} molecules; RDKit alone {median(plain):.2f} s")
    for name, own in zip(("one graph per molecule", "as written"), times, strict=True):
        ratios = [a / b for a, b in zip(own, plain, strict=True)]
        print(f"{name:24s} {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
