"""Claims about causes: attention over edge features, and the explicit bias term as a cure."""

from collections.abc import Sequence

import polars as pl

from edgescope.study.claims import cell_roles as roles
from edgescope.study.claims.claim import Claim
from edgescope.study.claims.questions import HALF, Question, Region
from edgescope.study.claims.ratio_claims import ABOVE, PAPER
from edgescope.study.claims.result_set import BESIDE, ResultSet
from edgescope.study.claims.site_numbers import REACH, growth, less, of_others, pairs, reach

BELOW = Region(high=0.0, why="no ratio beyond 1000, or beyond the untrained model's")

CONTROLS = (
    roles.MEAN_ATTENTION,
    roles.NO_EDGE_FEATURES,
    roles.FULL_GRAPH,
    roles.FULL_GRAPH_NO_EDGE_FEATURES,
)
"""What is taken away: attention, or what edges can say. The full graph takes neither
away where bonds keep their types; in that of the authors' code all edges have one constant type."""

FULL = "the full graph takes neither attention nor edge features away: shown beside"

DISCONNECTED = (
    "the released layer overwrites the scores' attention with that of the bias, so the scores "
    "reach nothing and get no gradient: they cannot become massive, which says nothing of the bias"
)


def _cause(results: ResultSet) -> Sequence[Question]:
    far, base = reach(results), results.chosen()
    found: list[Question] = []
    for role in CONTROLS:
        without = results.chosen(role)
        paired = pairs(without, base)
        name = f"{role} ({{model}} on {{data}})"
        found += results.questions(
            of_others(far, paired),
            without,
            number=f"of the model with all of it, same seeds: {REACH}",
            region=ABOVE,
            group=name,
            null=0.0,
            null_words="what the untrained model, or the threshold, reaches",
            condition=True,
            aside=FULL if role == roles.FULL_GRAPH else "",
        )
        found += results.questions(
            far.join(paired, "cell", how="semi"),
            without,
            number=REACH,
            region=BELOW,
            group=name,
            null=0.0,
            null_words="what the untrained model, or the threshold, reaches",
            aside=FULL if role == roles.FULL_GRAPH else "",
        )
    return found


def _removed(results: ResultSet) -> Sequence[Question]:
    far, grown, base = reach(results), growth(results), results.chosen()
    found: list[Question] = []
    for bias in ("released", "described"):
        for (model,), with_it in results.chosen(states=(f"ebt-{bias}",)).group_by(
            "model", maintain_order=True
        ):
            paired = pairs(with_it, base)
            name = f"{{model}} on {{data}}, as {bias}"
            aside = DISCONNECTED if bias == "released" and model != "GraphTransformer" else ""
            words = "what the untrained model, or the threshold, reaches"
            found += results.questions(
                of_others(far, paired),
                with_it,
                number=f"of the model without the term, same seeds: {REACH}",
                region=ABOVE,
                group=name,
                null=0.0,
                null_words=words,
                condition=True,
                aside=aside,
            )
            found += results.questions(
                far.join(paired, "cell", how="semi"),
                with_it,
                number=REACH,
                region=BELOW,
                group=name,
                null=0.0,
                null_words=words,
                aside=aside,
            )
            found += results.questions(
                less(grown, paired, HALF),
                with_it,
                number="decades of growth of the largest magnitude with the term, less half of "
                "those without it",
                region=Region(high=0.0, why="at least half of the growth, in decades, is gone"),
                group=name,
                null=0.0,
                null_words="half of the growth is gone",
                aside=aside,
            )
    return found


def _robust(results: ResultSet) -> Sequence[Question]:
    found: list[Question] = []
    lost, base = damage(results), results.chosen()
    for bias in ("released", "described"):
        with_it = results.chosen(states=(f"ebt-{bias}",))
        paired = pairs(with_it, base)
        name = f"{{model}} on {{data}}, as {bias}"
        found += results.questions(
            of_others(lost, paired),
            with_it,
            number="what the attack takes of the test metric without the term, same seeds",
            region=Region(low=0.0, why="an attack that takes nothing cannot be resisted"),
            group=name,
            null=0.0,
            null_words="the attack takes nothing",
            condition=True,
        )
        found += results.questions(
            less(lost, paired, HALF),
            with_it,
            number="what the attack takes of the test metric with the term, less half of what it "
            "takes without; mean of the noise levels, worst restart",
            region=Region(high=0.0, why="at most half is lost"),
            group=name,
            null=0.0,
            null_words="half is lost",
        )
    return found


def damage(results: ResultSet) -> pl.DataFrame:
    """Return by how much noise found by gradient ascent makes the test metric of a cell worse.

    Columns: cell, value (mean over noise levels of the worst restart, positive is worse), and what
    random noise of the same size does beside it.
    """
    cells = results.cells
    better = cells["higher_is_better"] if "higher_is_better" in cells.columns else None
    signs = cells.select("cell", sign=pl.lit(1.0))
    if better is not None:
        up = pl.when(pl.col("higher_is_better")).then(-1.0).otherwise(1.0)
        signs = cells.select("cell", sign=up)
    worse = (pl.col("metric_noisy") - pl.col("metric_clean")) * pl.col("sign")
    levels = (
        results.table("attack")
        .filter(pl.col("noise") > 0)
        .join(signs, "cell")
        .with_columns(worse=worse.fill_nan(None))
        .group_by("cell", "kind", "noise")
        .agg(pl.col("worse").max())
        .group_by("cell", "kind")
        .agg(value=pl.col("worse").mean())
    )
    chance = levels.filter(kind="random").select(
        "cell", pl.col("value").alias(f"{BESIDE}taken by random noise of the same size")
    )
    ascent = levels.filter(kind="ascent").select("cell", "value")
    taken = pl.col("value").alias(f"{BESIDE}taken by the attack")
    return ascent.with_columns(taken).join(chance, "cell", how="left")


CLAIMS = (
    Claim(
        "C2",
        "Attention over edge features is what makes activations massive.",
        f"{PAPER}, thesis of the paper; the controls are names in the authors' list of runs",
        "GraphTransformer without edge features, on the full graph without them, and with "
        "attention replaced by a mean of the neighbours: same seeds, initial weights and budget; "
        "the full graph with its edge features stands beside",
        f"{REACH}, of the model from which something is taken away; its null is the untrained "
        f"model",
        "a control holds if the whole model is massive in the same seeds and the control is not: "
        "both intervals on their side of 0; does not hold if the control is massive as well",
        "a control whose ratios cross 1000 in some seeds; a longer training of all",
        ("cells", "sites"),
        _cause,
    ),
    Claim(
        "C8",
        "An explicit bias term in attention removes massive activations.",
        "arXiv 2409.03463 v2, explicit bias term",
        "each architecture with the term as released and as described, and without, at equal "
        "training",
        "how far the largest ratio reaches beyond 1000 and beyond the untrained model, and the "
        "growth of the largest magnitude against that without the term",
        "holds where the model without the term is massive, the one with it is not (intervals on "
        "either side of 0), and at least half of the growth in decades is gone; SAN and GraphiT as "
        "released are shown and not counted",
        "growth that stays while ratios fall: the ratio cannot see whole vectors grow",
        ("cells", "sites"),
        _removed,
    ),
    Claim(
        "C9",
        "The explicit bias term makes a model robust to noise found by gradient ascent.",
        "arXiv 2409.03463 v2, noise attack",
        "the same cells, attacked at the same noise levels with several restarts",
        "what the attack takes of the test metric; random noise of the same size stands beside it",
        "holds where the attack hurts the model without the term and takes at most half as much "
        "with it, by the interval over seeds",
        "more restarts, which can only find worse noise",
        ("cells", "attack"),
        _robust,
    ),
)
"""Claims about causes."""
