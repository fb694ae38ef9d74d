"""Are edges of extreme curvature massive more often than others?"""

import polars as pl
import torch

from edgescope.interpret.groups import edge_groups
from edgescope.interpret.permutation import permutation_tests
from edgescope.statistics.sketch_layout import PAPER_RATIO
from edgescope.study.measures.edge_crossings import crossings, graphs_of
from edgescope.study.measures.measured_cell import MeasuredCell
from edgescope.study.measures.type_permutation import PERMUTATIONS

QUANTITIES = ("curvature",)
"""Kinds of edge groups, as :func:`edgescope.interpret.edge_groups` calls them."""

_SCHEMA = {
    "site": pl.String,
    "layer": pl.Int64,
    "rule": pl.String,
    "threshold": pl.Float64,
    "quantity": pl.String,
    "bin": pl.Int64,
    "range": pl.String,
    "edges": pl.Int64,
    "massive": pl.Int64,
    "share": pl.Float64,
    "expected": pl.Float64,
    "p": pl.Float64,
}


def curvature(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return how many edges are massive by their balanced Forman curvature, in rising bins.

    One threshold per cell, so that rows can be added up: a ratio of 1000 at all sites, or where
    nothing exceeds it the calibrated ones. ``expected`` is the number of massive edges if they lay
    at random among edges of the same graph with the same degrees and type, and ``p`` the two-sided
    permutation test of that. No rows where nothing is massive.
    """
    dataset = graphs_of(of)
    if dataset is None:
        return {}
    found = [
        (crossing, limit, massive)
        for crossing in crossings(of)
        for limit, massive in zip(crossing.limits, crossing.massive, strict=True)
        if limit.rule == "calibrated" or limit.threshold == PAPER_RATIO
    ]
    published = [each for each in found if each[1].rule == "ratio"]
    if not any(bool(massive.any()) for *_, massive in published):
        published = [each for each in found if each[1].rule == "calibrated"]
    found = [each for each in published if bool(each[2].any())]
    if not found:
        return {"curvature": pl.DataFrame(schema=_SCHEMA)}
    kinds = list(edge_groups(dataset, by=QUANTITIES, progress=False))
    tests = permutation_tests(
        dataset,
        kinds,
        torch.stack([massive for *_, massive in found]),
        permutations=PERMUTATIONS,
        seed=of.cell.seed,
        progress=False,
    )
    rows = []
    for number, (crossing, limit, massive) in enumerate(found):
        for kind in kinds:
            edges = kind.member[crossing.defined].sum(0).tolist()
            over = kind.member[massive].sum(0).tolist()
            test = tests[kind.name]
            rows += [
                {
                    **crossing.key,
                    "rule": limit.rule,
                    "threshold": limit.threshold,
                    "quantity": kind.name,
                    "bin": place,
                    "range": name,
                    "edges": edges[place],
                    "massive": over[place],
                    "share": over[place] / edges[place] if edges[place] else None,
                    "expected": float(test.expected[number, place]),
                    "p": float(test.p[number, place]),
                }
                for place, name in enumerate(kind.names)
            ]
    return {"curvature": pl.DataFrame(rows, schema=_SCHEMA)}
