"""ZINC: drug-like molecules and their penalised logP."""

from dataclasses import replace

from edgescope.data.request import Request
from edgescope.data.split import PARTS, Splits
from edgescope.data.table import table_source


def zinc12k(request: Request) -> Splits:
    """Load ZINC-12k: 12,000 drug-like molecules and their penalised logP.

    A subset of ZINC in the order of the published benchmark (10,000 / 1,000 / 1,000 molecules):
    Dwivedi et al., "Benchmarking Graph Neural Networks", 2020. ``root`` holds ``train.csv``,
    ``val.csv`` and ``test.csv`` (or a folder ``zinc12k`` with these) with the columns ``smiles``
    and ``penalized_logp``. The molecules are those of ``data/zinc/all.txt`` in the JT-VAE
    repository, at the positions given by the index files of the benchmark's repository.

    Raises:
        InputError: if ``root`` is not given or a file is missing.
    """
    folder = request.folder(
        "zinc12k",
        "the folder that holds train.csv, val.csv and test.csv with the columns smiles and "
        "penalized_logp",
        [f"{part}.csv" for part in PARTS],
    )
    files = (
        table_source(folder / f"{part}.csv", "smiles", ["penalized_logp"], None) for part in PARTS
    )
    return Splits(
        *(
            replace(
                request.read(file).molecules,
                name=f"zinc12k/{part}",
                task="regression",
                split="published",
            )
            for part, file in zip(PARTS, files, strict=True)
        )
    )
