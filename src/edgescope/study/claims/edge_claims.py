"""Claims about which edges are massive: bond types, added edges, curvature."""

import math
from collections.abc import Sequence

import polars as pl

from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.study.claims import cell_roles as roles
from edgescope.study.claims.claim import Claim
from edgescope.study.claims.estimates import FEWEST_SEEDS
from edgescope.study.claims.questions import FACTOR, Question, Region
from edgescope.study.claims.ratio_claims import PAPER
from edgescope.study.claims.result_set import BESIDE, ResultSet

FEWEST_EXPECTED = 5.0
"""Massive edges expected of a type below which a cell says nothing of it (Cochran, Ann. Math.
Statist. 23, 1952)."""

THRESHOLDS = (300.0, PAPER_RATIO, 3000.0)
"""Ratios at which the share of massive edges on added ones is given."""

ASIDE = "shown beside; the verdict is that of {0}"

FACTOR_WORDS = f"words such as gather, spare and prefer mean a factor of {FACTOR:g} at least"


def at_ratio(table: pl.DataFrame, ratio: float | None) -> pl.DataFrame:
    """Return the rows at a threshold: a ratio, or the calibrated ones for None."""
    if ratio is None:
        return table.filter(pl.col("rule") == "calibrated")
    return table.filter((pl.col("rule") == "ratio") & (pl.col("threshold") == ratio))


def said_at(ratio: float | None) -> str:
    """Write a threshold."""
    return "the calibrated thresholds" if ratio is None else f"a ratio of {ratio:g}"


def deciding_ratio(table: pl.DataFrame, cells: pl.DataFrame) -> float | None:
    """Return the threshold that decides: 1000 if that many cells have a massive edge, else None.

    None stands for the calibrated thresholds.
    """
    of = at_ratio(table, PAPER_RATIO).join(cells.select("cell"), "cell")
    massive = of.group_by("cell").agg(pl.col("massive").sum()).filter(pl.col("massive") > 0)
    return PAPER_RATIO if massive.height >= FEWEST_SEEDS else None


def _types(results: ResultSet) -> Sequence[Question]:
    every = results.table("type_tests").with_columns(pl.col("layer").cast(pl.Int64))
    found: list[Question] = []
    for (_,), cells in results.chosen().group_by("model", maintain_order=True):
        for words, part in (
            ("deeper layers", every.filter(pl.col("layer") > 0)),
            ("layer 0", every.filter(pl.col("layer") == 0)),
        ):
            ratio = deciding_ratio(part, cells)
            for bond in ("triple", "double", "single"):
                spared = bond == "triple"
                found += results.questions(
                    _against_expected(at_ratio(part, ratio), bond),
                    cells,
                    number=f"log2 of the massive {bond} bonds over those expected from their pairs "
                    f"of elements, at {said_at(ratio)}",
                    region=Region(high=-math.log2(FACTOR), why=FACTOR_WORDS)
                    if spared
                    else Region(low=math.log2(FACTOR), why=FACTOR_WORDS),
                    group=f"{{model}} on {{data}}, {words}" + ("" if spared else f", {bond} bonds"),
                    null=0.0,
                    null_words="the bond adds nothing to its pair of elements",
                    aside="" if spared else ASIDE.format("triple bonds"),
                )
    return found


def _against_expected(table: pl.DataFrame, bond: str) -> pl.DataFrame:
    """Return log2 of massive over expected bonds of a type; half an edge is added to both.

    Null where fewer than :data:`FEWEST_EXPECTED` are expected.
    """
    expected = (pl.col("expected").cast(pl.Float64).fill_nan(None) * pl.col("edges")).sum()
    of = (
        table.filter(pl.col("edge_type") == bond)
        .group_by("cell")
        .agg(massive=pl.col("massive").sum(), expected=expected)
    )
    change = ((pl.col("massive") + 0.5) / (pl.col("expected") + 0.5)).log(2)
    return of.select(
        "cell",
        value=pl.when(pl.col("expected") >= FEWEST_EXPECTED).then(change),
        **{
            f"{BESIDE}massive edges": pl.col("massive").cast(pl.Float64),
            f"{BESIDE}expected": pl.col("expected"),
        },
    )


def _moved(results: ResultSet) -> Sequence[Question]:
    table, found = results.table("added"), list[Question]()
    every = (*roles.PUBLISHED, *roles.ADDED_CONTROLS)
    names = [role for role in every if results.chosen(role).height]
    for role in names:
        cells = results.chosen(role)
        first = deciding_ratio(table, cells)
        for ratio in (*THRESHOLDS, None):
            shares = _excess(results, at_ratio(table, ratio))
            of = shares.join(cells.select("cell"), "cell")
            added = of["added"].mean() if of.height else None
            if not isinstance(added, float):
                continue
            aside = "" if ratio == first else ASIDE.format(said_at(first))
            if role not in roles.PUBLISHED:
                aside = "a control, of which the claim says nothing"
            found += results.questions(
                shares.drop("added"),
                cells,
                number="share of the massive edges that are added, less the share of all edges "
                f"that are, at {said_at(ratio)}",
                region=Region(
                    low=FACTOR * added / (1 + (FACTOR - 1) * added) - added,
                    why=f"the odds of an added edge are {FACTOR:g} times those of others at least",
                ),
                group="{role} ({model})" + ("" if ratio == first else f", at {said_at(ratio)}"),
                null=0.0,
                null_words="massive edges are added ones as often as any edge",
                aside=aside,
            )
    return found


def _excess(results: ResultSet, table: pl.DataFrame) -> pl.DataFrame:
    """Return by how much added edges are over-represented among massive ones, over all sites."""
    of = table.group_by("cell").agg(
        share=pl.col("massive_added").sum() / pl.col("massive").sum(),
        added=pl.col("added").sum() / pl.col("edges").sum(),
        massive=pl.col("massive").sum().cast(pl.Float64),
        within=(pl.col("high") - pl.col("low")).get(pl.col("massive").arg_max()) / 2,
    )
    found = of.select(
        "cell",
        "added",
        "within",
        value=(pl.col("share") - pl.col("added")).fill_nan(None),
        **{
            f"{BESIDE}share of massive edges that are added": "share",
            f"{BESIDE}share of edges that are added": "added",
            f"{BESIDE}massive edges": "massive",
        },
    )
    if not results.has("importance"):
        return found
    changes = results.table("importance")
    if "amount" in changes.columns:
        changes = changes.filter(pl.col("amount") == "one")
    wide = changes.group_by("cell").agg(
        *(
            pl.col("change").filter(pl.col("group").is_in(names)).mean().alias(f"{BESIDE}{words}")
            for names, words in (
                (("added", "retyped"), "change of the prediction without an added edge"),
                (("own", "kept"), "change without one of its own"),
            )
        )
    )
    return found.join(wide, "cell", how="left")


def _curved(results: ResultSet) -> Sequence[Question]:
    table, found = results.table("curvature"), list[Question]()
    for quantity in sorted(table["quantity"].unique().drop_nulls()):
        of = table.filter(pl.col("quantity") == quantity)
        ends = (pl.col("bin") == pl.col("bin").min()) | (pl.col("bin") == pl.col("bin").max())
        shares = of.group_by("cell").agg(
            edges=pl.col("edges").filter(ends).sum() / pl.col("edges").sum(),
            massive=pl.col("massive").filter(ends).sum(),
            total=pl.col("massive").sum(),
        )
        expected = pl.col("edges") * pl.col("total")
        numbers = shares.select(
            "cell",
            value=pl.when(expected >= FEWEST_EXPECTED).then(
                ((pl.col("massive") + 0.5) / (expected + 0.5)).log(2)
            ),
            **{f"{BESIDE}share of edges at the extremes": "edges"},
        )
        found += results.questions(
            numbers,
            results.chosen(),
            number=f"log2 of the massive edges in the two outermost bins of {quantity} over those "
            "expected from the edges there",
            region=Region(high=math.log2(FACTOR), why=FACTOR_WORDS),
            group=f"{{model}} on {{data}}, {quantity}",
            null=0.0,
            null_words="curvature adds nothing",
        )
    return found


CLAIMS = (
    Claim(
        "C5",
        "Massive activations gather on single and double bonds and spare triple ones.",
        f"{PAPER}, heat maps by bond type (all of layer 0, GraphTransformer and GraphiT)",
        "all three architectures; layer 0, where a score is a function of the two elements and the "
        "bond alone, and deeper layers apart; edges of the same two elements are the control",
        "log2 of the massive triple bonds over those expected from their pairs of elements; 0 if "
        "the bond adds nothing. Single and double bonds stand beside",
        "holds where the interval is below -1, half as many as expected; a cell in which fewer "
        "than 5 are expected says nothing",
        "a data set with more triple bonds: ZINC's test split has 128 directed ones",
        ("cells", "type_tests"),
        _types,
        ("heat",),
    ),
    Claim(
        "C6",
        "Massive activations move to less informative edges where such edges are added.",
        f"{PAPER}, ablation (published figure: a virtual node with a type per direction)",
        "four designs: a virtual node with a type per direction (the published figure), with one "
        "type, the type of every directed edge drawn anew, random edges of a type of their own; "
        "controls beside: a real atom as hub, the type of single bonds, several virtual nodes, a "
        "type per atom; and what removing an added edge changes, as a virtual node may inform most "
        "of all",
        "share of the massive edges that are added less the share of all edges that are, at a "
        "ratio of 1000, or at the calibrated thresholds where fewer than 3 seeds have a massive "
        "edge there; 0 if added edges are massive as often as others. Ratios of 300 and 3000 stand "
        "beside",
        "holds where the interval is above the difference at which the odds of an added edge are "
        "twice those of others",
        "other seeds: a first look at two trainings of the published design gave opposite answers, "
        "so that one alone proves either",
        ("cells", "added"),
        _moved,
    ),
    Claim(
        "C12",
        "Massive activations do not prefer edges of extreme curvature.",
        "arXiv 2602.21092, curvature of edges with massive activations",
        "all published cells of molecules; edges by bins of curvature",
        "log2 of the massive edges in the two outermost bins over those expected there; 0 if "
        "curvature adds nothing",
        "holds where the interval is below 1, a factor of two",
        "graphs whose curvature varies more than that of molecules",
        ("cells", "curvature"),
        _curved,
    ),
)
"""Claims about edges."""
