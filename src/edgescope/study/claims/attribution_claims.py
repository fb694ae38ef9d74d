"""The claim that massive activations can serve as attribution: quality, and between trainings."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl

from edgescope.statistics.ranks import spearman
from edgescope.study.claims.cell_roles import data_words
from edgescope.study.claims.claim import Claim
from edgescope.study.claims.estimates import over_pairs
from edgescope.study.claims.questions import HALF, Question, Region
from edgescope.study.claims.ratio_claims import PAPER
from edgescope.study.claims.result_set import BESIDE, ResultSet

Pairs = dict[tuple[int, int], float]
"""Two seeds to a number of their trainings."""


def _good(results: ResultSet) -> Sequence[Question]:
    table, found = results.table("attribution"), list[Question]()
    for measure in sorted(table["measure"].unique().drop_nulls()):
        of = table.filter(pl.col("measure") == measure).with_columns(
            pl.col("value").cast(pl.Float64).fill_nan(None)
        )
        by = of.group_by("cell").agg(
            *(
                pl.col("value").filter(pl.col("method") == name).mean().alias(name)
                for name in ("massive", "random", "occlusion")
            ),
            gradients=pl.col("value").filter(pl.col("method") == "integrated_gradients").mean(),
        )
        gained, ceiling = (
            pl.col("massive") - pl.col("random"),
            pl.col("occlusion") - pl.col("random"),
        )
        numbers = by.select(
            "cell",
            value=pl.when(ceiling > 0).then(gained / ceiling),
            **{
                f"{BESIDE}massive activations": "massive",
                f"{BESIDE}random": "random",
                f"{BESIDE}occlusion": "occlusion",
                f"{BESIDE}integrated gradients": "gradients",
            },
        )
        found += results.questions(
            numbers,
            results.chosen(),
            number=f"{measure}: what massive activations gain over random importances, as a part "
            "of what occlusion gains",
            region=Region(low=HALF, why="half of what removing edges one by one finds"),
            group=f"{{model}} on {{data}}, {measure}",
            null=0.0,
            null_words="random importances",
        )
    return found


def _stable(results: ResultSet) -> Sequence[Question]:
    if not results.has("rankings"):
        return []
    found = []
    for cells in results.chosen().partition_by("model", "data", maintain_order=True):
        agreed = agreements(results.table("rankings"), cells)
        if not {"massive", "occlusion"} <= agreed.keys():
            continue
        ceiling = agreed["occlusion"]
        less = {
            pair: value - HALF * ceiling.get(pair, math.nan)
            for pair, value in agreed["massive"].items()
        }
        found.append(
            Question(
                f"{cells['model'][0]} on {data_words(cells['data'][0])}, between trainings",
                "rank correlation between trainings of the bonds by massive activations, less half "
                "of that by occlusion; mean over graphs and pairs of seeds",
                over_pairs(less),
                Region(low=0.0, why="half as stable as removing edges one by one"),
                -HALF * _mean(ceiling),
                "unrelated rankings",
                {method.replace("_", " "): _mean(of) for method, of in agreed.items()},
            )
        )
    return found


def agreements(rankings: pl.DataFrame, cells: pl.DataFrame) -> dict[str, Pairs]:
    """Return how far the trainings of one variant rank the bonds of a graph alike, by method.

    Args:
        rankings: the result table.
        cells: columns cell and seed; cells that differ in their seed alone.

    Returns:
        Method to every pair of seeds to Spearman's rank correlation of the bonds of a graph, the
        mean over the graphs that have one. Equal places share a rank; unrelated rankings have 0.
    """
    found: dict[str, Pairs] = {}
    rows = rankings.join(cells.select("cell", "seed"), "cell")
    for of in rows.partition_by("method", maintain_order=True):
        wide = of.pivot("seed", index=["graph", "bond"], values="place").sort("graph", "bond")
        graph = wide["graph"].rank("dense").to_numpy().astype(np.int64) - 1
        # A bond that only one of the two has makes its graph undefined.
        places = {int(seed): wide[seed].cast(pl.Float64) for seed in wide.columns[2:]}
        values = {seed: places[seed].fill_null(math.nan).to_numpy() for seed in sorted(places)}
        found[of["method"][0]] = {
            (one, other): _mean(
                dict(enumerate(spearman(values[one], values[other], graph, graph[-1] + 1).tolist()))
            )
            for one, other in combinations(values, 2)
        }
    return {method: found[method] for method in sorted(found)}


def _mean(of: "dict[int, float] | Pairs") -> float:
    known = [value for value in of.values() if math.isfinite(value)]
    return math.fsum(known) / len(known) if known else math.nan


CLAIMS = (
    Claim(
        "C7",
        "Massive activations can serve as attribution.",
        f"{PAPER}, massive activations as indicators of attribution",
        "massive activations as edge importances, against random ones, occlusion and integrated "
        "gradients on the same graphs; and those of trainings that differ in their seed alone "
        "against each other",
        "what they gain over random importances, as a part of what occlusion gains; random is 0. "
        "Between trainings the rank correlation of the bonds of a graph, less half of that of "
        "occlusion; unrelated rankings have a correlation of 0",
        "holds where the interval is above one half for every measure, and above 0 for the "
        "difference between trainings: half as stable as occlusion at least",
        "a model whose prediction depends on few edges, for which methods differ more",
        ("cells", "attribution"),
        lambda results: [*_good(results), *_stable(results)],
    ),
)
"""Claims about attribution."""
