"""What edge importances are worth: the numbers of that section."""

from typing import Any

import polars as pl

from edgescope.attribute import Leaderboard
from edgescope.attribute.board_pictures import mean_curves
from edgescope.lib.errors import InputError
from edgescope.report.sections.attribution.molecules import choose_compared
from edgescope.scanning.result import Scan


def collect_attribution(board: Leaderboard, scan: Scan) -> dict[str, Any]:
    """Gather the numbers of a leaderboard, which may be of other data than the scan.

    Returns:
        ``settings``, ``sentences``, and ``subjects``, one per data and recipe: ``id``, the rows of
        its ``table``, its ``curves`` (mean fidelity by side and method at the ``shares`` removed),
        the ``matrix`` of rank correlations, the methods ``refused`` with reasons, and the
        ``molecules`` that are drawn.

    Raises:
        InputError: if both call other molecules by one name.
    """
    _refuse_strangers(board, scan)
    table = board.table()
    subjects = [
        _subject(board, rows, f"subject-{place}")
        for place, rows in enumerate(table.partition_by("data", "recipe", maintain_order=True))
    ]
    return {
        "settings": dict(board.settings),
        "sentences": board.sentences(),
        "subjects": subjects,
    }


def _refuse_strangers(board: Leaderboard, scan: Scan) -> None:
    named = board.molecules.filter(pl.col("data") == scan.info.data)
    for graph, smiles in named.select("graph", "smiles").iter_rows():
        if scan.smiles.get(graph, smiles) != smiles:
            raise InputError(
                f"received a leaderboard in which graph {graph} of {scan.info.data} is {smiles}, "
                f"in the scan it is {scan.smiles[graph]}: the data have changed between the two; "
                "run both again"
            )


def _subject(board: Leaderboard, rows: pl.DataFrame, name: str) -> dict[str, Any]:
    data, recipe = rows["data"][0], rows["recipe"][0]
    of = (pl.col("data") == data) & (pl.col("recipe") == recipe)
    matrix = board.matrix().filter(of)
    methods = matrix["method"].to_list()
    return {
        "id": name,
        "data": data,
        "recipe": recipe,
        "title": ", ".join(filter(None, (data, recipe))),
        "table": rows.drop("data", "recipe").to_dicts(),
        "curves": mean_curves(board.curves.filter(of), str(board.settings["measure"])),
        "matrix": {
            "methods": methods,
            "correlation": [list(row) for row in matrix.select(methods).rows()],
        },
        "refused": board.refused.filter(of).unique("method", maintain_order=True).to_dicts(),
        "molecules": choose_compared(board, data, recipe),
    }
