"""Claims about causes: attention over edge features, and the explicit bias term as a cure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl

from edgescope.study.claims import cell_roles as roles
from edgescope.study.claims.claim import Claim
from edgescope.study.claims.estimates import FEWEST_SEEDS
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

UNTRAINED = "what the untrained model, or the threshold, reaches"

WITHOUT = {
    roles.BIASES: "of the model with the same biases and without the term, same seeds",
    roles.BASE: "of the base model, which has neither biases nor the term, same seeds",
}
"""What a model with the explicit bias term is compared with, the first of which there is enough."""

AGAINST = {roles.BIASES: "the same biases", roles.BASE: "the base model"}

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
            null_words=UNTRAINED,
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
            null_words=UNTRAINED,
            aside=FULL if role == roles.FULL_GRAPH else "",
        )
    return found


class _Term(NamedTuple):
    """Cells with the explicit bias term, and what each is compared with."""

    cells: pl.DataFrame
    paired: pl.DataFrame
    """Columns cell and other."""
    other: str
    """What it is compared with, in words."""
    group: str
    disconnected: bool
    """Whether the scores reach nothing."""

    def ask(
        self,
        results: ResultSet,
        numbers: pl.DataFrame,
        number: str,
        region: Region,
        null_words: str,
        *,
        condition: bool = False,
        aside: str = "",
    ) -> list[Question]:
        """Return the question about one number of these cells, whose null is 0."""
        return results.questions(
            numbers.join(self.paired, "cell", how="semi"),
            self.cells,
            number=number,
            region=region,
            group=self.group,
            null=0.0,
            null_words=null_words,
            condition=condition,
            aside=aside,
        )


def _with_term(results: ResultSet) -> Iterator[_Term]:
    """Yield the cells with the term, by kind, model and data.

    The term comes with biases of the projections. Where enough seeds have these without the term,
    they are what it is compared with, and otherwise the base model, which has neither.
    """
    for bias in ("released", "described"):
        every = results.chosen(states=(f"ebt-{bias}",))
        for (model, _), cells in every.group_by("model", "data", maintain_order=True):
            paired = {role: pairs(cells, results.chosen(role)) for role in WITHOUT}
            role = roles.BIASES if paired[roles.BIASES].height >= FEWEST_SEEDS else roles.BASE
            yield _Term(
                cells,
                paired[role],
                WITHOUT[role],
                f"{{model}} on {{data}}, as {bias}, against {AGAINST[role]}",
                bias == "released" and model != "GraphTransformer",
            )


def _removed(results: ResultSet) -> Sequence[Question]:
    far, grown = reach(results), growth(results)
    found: list[Question] = []
    for term in _with_term(results):
        aside = DISCONNECTED if term.disconnected else ""
        found += term.ask(
            results,
            of_others(far, term.paired),
            f"{term.other}: {REACH}",
            ABOVE,
            UNTRAINED,
            condition=True,
            aside=aside,
        )
        found += term.ask(results, far, REACH, BELOW, UNTRAINED, aside=aside)
        found += term.ask(
            results,
            less(grown, term.paired, HALF),
            "decades of growth of the largest magnitude with the term, less half of those "
            f"{term.other}",
            Region(high=0.0, why="at least half of the growth, in decades, is gone"),
            "half of the growth is gone",
            aside=aside,
        )
    return found


def _robust(results: ResultSet) -> Sequence[Question]:
    found: list[Question] = []
    lost = damage(results)
    for term in _with_term(results):
        found += term.ask(
            results,
            of_others(lost, term.paired),
            f"what the attack takes of the test metric {term.other}",
            Region(low=0.0, why="an attack that takes nothing cannot be resisted"),
            "the attack takes nothing",
            condition=True,
        )
        found += term.ask(
            results,
            less(lost, term.paired, HALF),
            "what the attack takes of the test metric with the term, less half of what it takes "
            f"{term.other}; mean of the noise levels, worst restart",
            Region(high=0.0, why="at most half is lost"),
            "half is lost",
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
        "training. The term comes with biases of the projections, so the same biases without the "
        "term are what it is compared with, and the base model where fewer than 3 seeds have them; "
        "the groups say which",
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
        "the same cells and controls, attacked at the same noise levels with several restarts",
        "what the attack takes of the test metric; random noise of the same size stands beside it",
        "holds where the attack hurts the model without the term and takes at most half as much "
        "with it, by the interval over seeds",
        "more restarts, which can only find worse noise",
        ("cells", "attack"),
        _robust,
    ),
)
"""Claims about causes."""
