"""Claims about node states of GAT, and about what curing identical outputs is worth."""

import math
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from edgescope.lib.plurals import plural
from edgescope.study.claims.cell_roles import data_words
from edgescope.study.claims.claim import Claim
from edgescope.study.claims.estimates import over_seeds
from edgescope.study.claims.questions import Question, Region
from edgescope.study.claims.ratio_claims import ABOVE, PAPER
from edgescope.study.claims.result_set import ResultSet, beside_of
from edgescope.study.claims.site_numbers import REACH, reached

PART = 0.1
"""Part of what a model has learnt, over guessing, that "no effect in practice" leaves open."""

_RERUN = "edgescope study nodes --root FOLDER --out nodes && edgescope study dossier nodes --claim "

ARTICLE = "the article on identical outputs for identical neighbours (UvA deep-learning tutorial 7)"


def _states(results: ResultSet) -> Sequence[Question]:
    sites = results.table("node_sites")
    kinds = sites["kind"] if "kind" in sites.columns else pl.Series(["state"] * sites.height)
    found = []
    for kind, aside in (("state", ""), ("logit", "logits are shown beside")):
        numbers = reached(sites.filter(kinds == kind), "data", "seed").sort("data", "seed")
        for of in numbers.partition_by("data", maintain_order=True):
            words = "" if kind == "state" else f", {kind}s"
            found.append(
                Question(
                    f"GAT on {data_words(of['data'][0])}{words}",
                    REACH,
                    over_seeds(dict(of.select("seed", "value").iter_rows())),
                    ABOVE,
                    0.0,
                    "what the untrained model, or the threshold, reaches",
                    beside_of(of),
                    aside=aside,
                )
            )
    return found


def _cured(results: ResultSet) -> Sequence[Question]:
    table = results.table("cured")
    if "heads" not in table.columns:
        table = table.with_columns(heads=pl.lit(None, pl.Int64))
    found = []
    for of in table.sort("data", "heads", "seed").partition_by(
        "data", "heads", "metric", maintain_order=True
    ):
        data, heads, metric = of["data"][0], of["heads"][0], of["metric"][0]
        by = {
            variant: {
                seed: value
                for seed, value in of.filter(variant=variant).select("seed", "value").iter_rows()
                if value is not None and math.isfinite(value)
            }
            for variant in ("flagged", "cured", "unflagged")
        }
        both = sorted(by["flagged"].keys() & by["cured"].keys())
        change = over_seeds({seed: by["cured"][seed] - by["flagged"][seed] for seed in both})
        flagged = _mean([by["flagged"][seed] for seed in both])
        guess = _guess(results, of, data)
        margin = PART * abs(flagged - guess) if guess is not None else math.nan
        if math.isnan(margin) and not change.problem:
            problem = "what guessing gets is not known, so neither is what counts as an effect"
            change = replace(change, low=math.nan, high=math.nan, problem=problem)
        words = "GAT" if heads is None else f"GAT with {plural(heads, 'head')}"
        found.append(
            Question(
                f"{words} on {data_words(data)}",
                f"test {metric} of the cured model less that of the flagged one, same seeds",
                change,
                Region(-margin, margin, "a tenth of what the flagged one is better than guessing"),
                0.0,
                "the cure changes nothing",
                {
                    "flagged": flagged,
                    "cured": _mean([by["cured"][seed] for seed in both]),
                    "unflagged": _mean(list(by["unflagged"].values())),
                    "guessing": guess,
                },
            )
        )
    return found


def _guess(results: ResultSet, of: pl.DataFrame, data: str) -> float | None:
    """Return what guessing gets: as the table says, or as the cells of the same data do."""
    known = of if "guess" in of.columns else results.cells.filter(pl.col("data") == data)
    values = [v for v in known["guess"].to_list() if v is not None and math.isfinite(v)]
    return _mean(values) if values else None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


CLAIMS = (
    Claim(
        "C11",
        "Massive activations also appear in the node states of GAT on Chameleon, Squirrel and "
        "MUTAG.",
        f"{PAPER}, later code of the authors, which logs node states and logits",
        "GAT trained to classify nodes (graphs for MUTAG), its node states against those of its "
        "initial weights; the study of nodes makes the tables",
        f"{REACH}; a ratio is within the state of a node",
        "holds where the interval over seeds is above 0, does not hold where it is below",
        "wider states, whose median is steadier",
        ("node_sites",),
        _states,
        rerun=f"{_RERUN}C11",
    ),
    Claim(
        "A11",
        "Identical outputs for identical neighbours have no effect on performance in practice.",
        ARTICLE,
        "GAT models that diagnosis flags, and the same models cured by the remedy that it names, "
        "trained on the same seeds; the study of nodes makes the tables",
        "test metric of the cured less that of the flagged model; 0 if the cure changes nothing. "
        "Models that are not flagged, and guessing, stand beside",
        "holds where the interval lies within a tenth of what the flagged model is better than "
        "guessing; does not hold where it lies outside",
        "a data set in which nodes with the same neighbours have different classes",
        ("cured",),
        _cured,
        rerun=f"{_RERUN}A11",
    ),
)
"""Claims about nodes."""
