"""Tox21: twelve toxicity assays of about 7,800 molecules, with missing labels."""

from dataclasses import replace

from edgescope.data.chemistry.scaffolds import scaffold_parts
from edgescope.data.molecule_tables.molecule_table import table_source
from edgescope.data.molecule_tables.split_choice import parts_from_files
from edgescope.data.sources.data_card import Card
from edgescope.data.sources.source import Request, Source, register
from edgescope.data.splits import DEFAULT_FRACTIONS, Splits, divide, random_parts

TASKS = (
    *("NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD", "NR-PPAR-gamma"),
    *("SR-ARE", "SR-ATAD5", "SR-HSE", "SR-MMP", "SR-p53"),
)
"""The assays: nuclear receptor signalling (NR) and stress response (SR)."""

TABLE = "tox21.csv.gz"
SPLIT_FOLDER = "scaffold_split"
_FILES = ("train.csv.gz", "valid.csv.gz", "test.csv.gz")


@register
class Tox21(Source):
    """Tox21 as in MoleculeNet: labels 0 and 1 of twelve assays, a missing one is NaN.

    ``root`` holds ``tox21.csv.gz`` (or a folder ``tox21`` with it), a column per assay and
    ``smiles``: Wu et al., "MoleculeNet", Chemical Science 9 (2018) 513; Mayr et al., "DeepTox",
    Frontiers in Environmental Science 3 (2016) 80. Molecules without bonds, such as single ions,
    are graphs without edges, as in OGB; 8 rows with ``[AlH3]`` do not parse.

    ``split="scaffold"`` takes the row numbers in ``scaffold_split/{train,valid,test}.csv.gz``
    where that folder exists, as OGB publishes them, and computes the same split otherwise;
    ``split="random"`` divides the rows 8 : 1 : 1 with ``seed``.
    """

    name = "tox21"
    card = Card(
        title="toxicity of molecules in twelve assays, with missing labels",
        level="graph",
        task="labels",
        targets=len(TASKS),
        parts=(6_257, 783, 783),
        nodes=145_256,
        directed_edges=301_802,
        edge_types={
            "single": 177_880,
            "double": 23_782,
            "triple": 628,
            "aromatic": 99_512,
            "other": 0,
        },
        split="split='scaffold', as OGB's; or 'random' with seed",
        source="Mayr et al., 2016; table of MoleculeNet (Wu et al., 2018)",
        licence="MIT (MoleculeNet); the Tox21 data are public",
        rejected=8,
    )
    splits = ("scaffold", "random")
    features = "ogb"
    as_written = "ogb"
    bondless = True

    def load(self, request: Request) -> Splits:
        """Read the table and its split.

        Raises:
            InputError: if ``root`` is not given, a file is missing or damaged, or the row numbers
                are not those of the table's rows, each once.
        """
        folder = request.folder(self.name, f"the folder that holds {TABLE} of MoleculeNet", [TABLE])
        parsed = request.read(table_source(folder / TABLE, "smiles", TASKS, None))
        molecules = parsed.molecules
        texts, usable = molecules.table_smiles(len(parsed.part))
        if request.split == "random":
            part = random_parts(usable, DEFAULT_FRACTIONS, request.seed)
            told = f"random, seed {request.seed}"
        elif (folder / SPLIT_FOLDER).is_dir():
            paths = [folder / SPLIT_FOLDER / file for file in _FILES]
            part = parts_from_files(paths, len(parsed.part), "row")
            told = "scaffold, as given"
        else:
            part = scaffold_parts(texts, DEFAULT_FRACTIONS)
            told = "scaffold, computed"
        return divide(replace(molecules, split=told), part, self.name)
