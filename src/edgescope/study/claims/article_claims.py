"""Claims of the article on nodes with the same neighbours; random layers are the units."""

import math
from collections.abc import Callable, Sequence

import polars as pl

from edgescope.study.claims.cell_roles import data_words
from edgescope.study.claims.claim import Claim
from edgescope.study.claims.estimates import (
    Estimate,
    computed,
    of_draws,
    over_seeds,
    ratio_of_draws,
)
from edgescope.study.claims.node_claims import ARTICLE
from edgescope.study.claims.questions import FACTOR, HALF, RARE, Question, Region
from edgescope.study.claims.result_set import ResultSet

ABOUT_HALF = Region(
    5 / 12, 7 / 12, "nearer to a half than to a third or to two thirds: 5/12 to 7/12"
)

HARDLY_EVER = Region(high=RARE, why="one in twenty at most")


class Numbers:
    """The rows of one claim in the table of the article."""

    def __init__(self, results: ResultSet, claim: str) -> None:
        rows = results.table("article").filter(claim=claim)
        self.of = {row["quantity"]: row for row in rows.iter_rows(named=True)}

    def estimate(self, quantity: str) -> Estimate:
        """Return a number with its interval."""
        row = self.of[quantity]
        value, draws = row["value"], row["n"]
        if value is None or not math.isfinite(value) or draws == 0:
            return Estimate(math.nan, math.nan, math.nan, 0, "draws", problem="no draws")
        return computed(value) if draws is None else of_draws(value, draws)

    def beside(self, *quantities: str) -> dict[str, float | None]:
        """Return further numbers, of those that there are."""
        return {name: self.of[name]["value"] for name in quantities if name in self.of}

    def ask(
        self,
        quantity: str,
        number: str,
        region: Region,
        *,
        aside: str = "",
        beside: Sequence[str] = (),
    ) -> list[Question]:
        """Return the question about one number; none if it is not there."""
        if quantity not in self.of:
            return []
        more = self.beside(*beside)
        return [
            Question(quantity, number, self.estimate(quantity), region, beside=more, aside=aside)
        ]


def _gcn(results: ResultSet) -> Sequence[Question]:
    region = Region(low=1 - RARE, why="hardly ever anything else: one in twenty at most")
    found = Numbers(results, "A1").ask(
        "GCN",
        "share of random layers in which both nodes with the same neighbours get the same output",
        region,
    )
    pairs = results.table("twins").filter(pl.col("model") == "GCN")
    if not results.has("twins") or not pairs.height:
        return found
    for of in pairs.sort("data", "seed").partition_by("data", maintain_order=True):
        shares = of.group_by("seed").agg(pl.col("share").mean())
        found.append(
            Question(
                f"GCN on {data_words(of['data'][0])}",
                "share of pairs of nodes with the same neighbours that get the same output, before "
                "and after training",
                over_seeds(dict(shares.iter_rows())),
                region,
            )
        )
    return found


def _apart(results: ResultSet) -> Sequence[Question]:
    return Numbers(results, "A2").ask(
        "told apart",
        "share of random GATConv layers with one head whose twins get different outputs",
        Region(low=0.0, why="once is enough for being able to"),
    )


def _sometimes(results: ResultSet) -> Sequence[Question]:
    return Numbers(results, "A3").ask(
        "tied",
        "share of random GATConv layers with one head whose twins get the same output",
        Region(0.0, 1.0, "sometimes is neither never nor always"),
    )


def _example(results: ResultSet) -> Sequence[Question]:
    return Numbers(results, "A4").ask(
        "tied",
        "whether the tutorial's nodes 3 and 4 are equal with a = [0.1, -0.1] (1: they are)",
        Region(low=HALF, why="it is 1 or 0"),
    )


def _half(results: ResultSet) -> Sequence[Question]:
    numbers = Numbers(results, "A5")
    said = "share of random initialisations in which the twins get the same output"
    beside = "not the layer of the claim; shown beside"
    return [
        *numbers.ask("one head", said, ABOUT_HALF),
        *numbers.ask("two heads of one channel", said, ABOUT_HALF, aside=beside),
        *numbers.ask("GATConv, random features", said, ABOUT_HALF, aside=beside),
    ]


def _uniform(results: ResultSet) -> Sequence[Question]:
    numbers, found = Numbers(results, "A6"), list[Question]()
    for words in ("tutorial", "GATConv, random features"):
        found += numbers.ask(
            f"uniform, {words}",
            "share of the ties that uniform attention explains",
            Region(low=HALF, why="the cause is that of most of them"),
            beside=[f"certified, {words}"],
        )
    return found


def _hit(results: ResultSet) -> Sequence[Question]:
    numbers, found = Numbers(results, "A7"), list[Question]()
    for words in ("tutorial", "GATConv, random features"):
        for what, said in (
            ("uniform", "exactly uniform attention"),
            ("certified", "logits all on one side of zero, which ties twins as well"),
        ):
            found += numbers.ask(
                f"{what}, {words}", f"share of random layers with {said}", HARDLY_EVER
            )
    return found


def _left(results: ResultSet) -> Sequence[Question]:
    numbers, found = Numbers(results, "A8"), list[Question]()
    for side in ("above", "below"):
        found += numbers.ask(
            f"left, all logits {side} zero",
            "share of starts in the region that are out of it after training",
            Region(low=HALF, why="most of them leave"),
            beside=[f"step of those that left, {side}"],
        )
    return found


def _rarer(results: ResultSet) -> Sequence[Question]:
    numbers, found = Numbers(results, "A9"), list[Question]()
    one = numbers.of.get("1 head")
    for quantity, row in numbers.of.items():
        if one is None or row is one or not row["n"]:
            continue
        found.append(
            Question(
                quantity,
                "log2 of the share of random layers degenerate with one head over that with these",
                ratio_of_draws(one["value"], row["value"], row["n"]),
                Region(low=math.log2(FACTOR), why=f"rarer by a factor of {FACTOR:g} at least"),
                0.0,
                "heads change nothing",
                {"with one head": one["value"], "with these": row["value"]},
            )
        )
    return found


def _prefer(results: ResultSet) -> Sequence[Question]:
    numbers, found = Numbers(results, "A10"), list[Question]()
    for quantity in numbers.of:
        found += numbers.ask(
            quantity,
            "share of random layers whose twins get the same output",
            HARDLY_EVER,
            aside="another layer, shown beside" if "GATv2" in quantity else "",
        )
    return found


Ask = Callable[[ResultSet], Sequence[Question]]


def _claim(key: str, statement: str, number: str, rule: str, run: str, ask: Ask) -> Claim:
    return Claim(
        key,
        statement,
        ARTICLE,
        "random layers on two nodes with the same neighbours, drawn anew each time",
        number,
        rule,
        "other features or initialisations; docs/twins.md varies them one at a time",
        ("article",),
        ask,
        rerun=f"edgescope study twins {run}",
    )


CLAIMS = (
    _claim(
        "A1",
        "GCN gives nodes with the same neighbours the same output.",
        "share of random GCNConv layers in which they are equal",
        "holds if the interval is above 95 %",
        "b",
        _gcn,
    ),
    _claim(
        "A2",
        "GAT can tell nodes with the same neighbours apart.",
        "share of random layers that do",
        "holds if the interval is above 0",
        "b",
        _apart,
    ),
    _claim(
        "A3",
        "With one head, GAT sometimes does not tell them apart.",
        "share of random layers that do not",
        "holds if the interval excludes 0 and 1",
        "b",
        _sometimes,
    ),
    _claim(
        "A4",
        "With a = [0.1, -0.1], one head gives both nodes of the example the same output.",
        "the example itself, computed",
        "holds if they are equal",
        "a",
        _example,
    ),
    _claim(
        "A5",
        "About 50 % of random initialisations with one head tie the nodes of the example.",
        "share that does, on the example; other layers stand beside",
        "holds if the interval is between 5/12 and 7/12",
        "b",
        _half,
    ),
    _claim(
        "A6",
        "The cause is that attention is uniform, as terms cancel.",
        "share of the ties that uniform attention explains; that of the certificate, all logits on "
        "one side of zero, stands beside",
        "holds if the interval is above one half",
        "b",
        _uniform,
    ),
    _claim(
        "A7",
        "Random initialisation hardly ever hits it.",
        "share of random layers in which attention is uniform, and in which all logits are on one "
        "side of zero",
        "holds where the interval is below 5 %",
        "b",
        _hit,
    ),
    _claim(
        "A8",
        "Gradient descent leaves it quickly.",
        "share of starts within the region that are outside at the end of a training that needs it",
        "holds where the interval is above one half",
        "c",
        _left,
    ),
    _claim(
        "A9",
        "More heads make it rarer.",
        "log2 of the share of degenerate layers with one head over that with several",
        "holds where the interval is above 1, a factor of two",
        "d",
        _rarer,
    ),
    _claim(
        "A10",
        "Several heads are to be preferred: they hardly ever tie the nodes.",
        "share of random layers with 2, 4 and 8 heads that do; GATv2 stands beside",
        "holds where the interval is below 5 %",
        "b",
        _prefer,
    ),
)
"""Claims A1 to A10."""
