"""Every claim on result tables whose verdict is known."""

import polars as pl
import pytest

from edgescope.lib.errors import InputError
from edgescope.study.claims import cell_roles as roles
from edgescope.study.claims.claim_list import CLAIMS, rulings
from edgescope.study.claims.questions import HOLDS, REFUTED, UNDECIDED
from edgescope.study.claims.result_set import COLUMNS, ResultSet
from edgescope.study.claims.rulings import ONLY
from support.claim_tables import BONDS, Planted, a_study

NOISE = (-0.12, 0.03, 0.09, -0.04, 0.04)
SEEDS = range(41, 46)


def appear(of, reach):
    """C1: the largest ratio is ten to ``reach`` above 1000."""
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.sites(of.cell(seed), 1000 * 10 ** (reach + noise))


def cause(of, reach):
    """C2: base models are massive, and without attention they reach so far."""
    appear(of, 0.5)
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.sites(of.cell(seed, variant="mean attention"), 1000 * 10 ** (reach + noise))


def defined(of, apart):
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.thresholds(of.cell(seed), 0.1, calibrated=1000 / 10 ** (apart + noise))


def law(of, more):
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.laws(of.cell(seed), 0.02, 0.02 + more + noise / 10)


def types(of, times):
    """C5: so many times the triple bonds that are expected are massive."""
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        massive = {bond: round(0.05 * edges) for bond, edges in BONDS.items()}
        massive["triple"] = round(massive["triple"] * times * 2**noise)
        of.types(of.cell(seed), massive, layers=(3,))


def moved(of, share):
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.added(of.cell(seed, design="virtual_node"), share + noise / 3)


def attributes(of, part):
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.attribution(of.cell(seed), 0.5 + 0.4 * (part + noise))


def removed(of, growth):
    """C8: no ratio is massive with the term, and magnitudes grow by so many decades of two."""
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.sites(of.cell(seed), 3000 * 10**noise, growth=100.0)
        with_it = of.cell(seed, state="ebt-described", variant="with the term")
        of.sites(with_it, 200.0, growth=10 ** (growth + noise))


def robust(of, part):
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.attack(of.cell(seed), 0.4)
        of.attack(of.cell(seed, state="ebt-described"), 0.4 * (part + noise))


def differs(of, apart):
    for model, share in (("GraphTransformer", 0.3), ("SAN", 0.3 + apart)):
        for seed, noise in zip(SEEDS, NOISE, strict=True):
            of.thresholds(of.cell(seed, model=model), share * (1 + noise))


def states(of, reach):
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        row = {"data": "squirrel", "seed": seed, "site": "convs.0:state", "kind": "state"}
        row |= {"untrained_max_ratio": 5.0, "growth": 2.0}
        of.add("node_sites", max_ratio=1000 * 10 ** (reach + noise), **row)


def curved(of, share):
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.curvature(of.cell(seed), share * (1 + noise))


def cured(of, change):
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        for variant, value in (("flagged", 0.6), ("cured", 0.6 + change + noise / 10)):
            row = {"data": "squirrel", "variant": variant, "metric": "accuracy", "guess": 0.2}
            of.add("cured", seed=seed, value=value, **row)


# Claim to what plants its number, and numbers with which it holds, does not, and is undecided.
CASES = {
    "C1": (appear, 0.5, -0.5, 0.0),
    "C2": (cause, -0.5, 0.5, 0.0),
    "C3": (defined, 0.2, 1.0, 0.6),
    "C4": (law, 0.2, 0.01, 0.05),
    "C5": (types, 0.1, 1.0, 0.5),
    "C6": (moved, 0.95, 0.2, 0.65),
    "C7": (attributes, 0.9, 0.1, 0.5),
    "C8": (removed, 0.3, 1.9, 1.0),
    "C9": (robust, 0.1, 1.0, 0.5),
    "C10": (differs, 0.4, None, 0.02),
    "C11": (states, 1.0, -1.0, 0.0),
    "C12": (curved, 0.2, 0.8, 0.4),
    "A11": (cured, 0.0, 0.2, 0.04),
}


def found(key, value):
    of = Planted()
    CASES[key][0](of, value)
    return judge(key, of.tables())


def judge(key, tables):
    """Return the verdict on one claim, as if it were the only one."""
    return CLAIMS[key].judge(ResultSet(tables))


# Two groups of five seeds can show that prevalence differs, and not that it does not.
PLANTED = [
    (key, value, verdict)
    for key, (_, *values) in CASES.items()
    for value, verdict in zip(values, (HOLDS, REFUTED, UNDECIDED), strict=True)
    if value is not None
]


@pytest.mark.parametrize(("key", "value", "verdict"), PLANTED)
def test_a_claim_is_decided_as_its_number_was_planted(key, value, verdict):
    ruling = found(key, value)
    assert ruling.verdict == verdict, ruling.reason


@pytest.mark.parametrize("key", CASES)
def test_one_seed_decides_nothing(key):
    of = Planted()
    CASES[key][0](of, CASES[key][1])
    tables = of.tables()
    one = {
        name: table.filter(
            pl.col("seed") == 41 if "seed" in table.columns else pl.col("cell").str.ends_with("-41")
        )
        for name, table in tables.items()
    }
    assert judge(key, one).verdict == UNDECIDED


@pytest.mark.parametrize("key", CASES)
def test_without_one_of_its_tables_a_claim_is_not_measured(key):
    of = Planted()
    CASES[key][0](of, CASES[key][1])
    for name in CLAIMS[key].needs:
        rest = {other: table for other, table in of.tables().items() if other != name}
        ruling = judge(key, rest)
        assert ruling.verdict == UNDECIDED
        assert "not measured" in ruling.reason


def test_a_claim_holds_only_where_it_holds():
    of = Planted()
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.sites(of.cell(seed), 3000 * 10**noise)
        of.sites(of.cell(seed, data="tox21"), 100 * 10**noise)
    ruling = judge("C1", of.tables())
    assert ruling.verdict == f"{ONLY}: GraphTransformer on ZINC-12k"
    assert "does not hold: GraphTransformer on TOX21" in ruling.reason


def test_the_design_that_gives_opposite_answers_is_undecided():
    of = Planted()
    for seed, share in zip(SEEDS, (1.0, 0.08, 1.0, 0.08, 1.0), strict=True):
        of.added(of.cell(seed, design="virtual_node two"), share)
    ruling = judge("C6", of.tables())
    assert ruling.verdict == UNDECIDED
    assert ruling.decisive.agreeing == 3


def test_where_nothing_is_over_1000_the_calibrated_thresholds_decide():
    of = Planted()
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        cell = of.cell(seed, design="virtual_node")
        of.added(cell, 0.0, massive=0)
        of.added(cell, 0.95 + noise / 3, threshold=120.0 + noise, rule="calibrated")
    ruling = judge("C6", of.tables())
    assert ruling.verdict == HOLDS
    assert "calibrated" in ruling.decisive.number


@pytest.mark.parametrize(("shared", "verdict"), [(0.8, HOLDS), (0.0, REFUTED)])
def test_importances_that_trainings_do_not_share_are_no_attribution(shared, verdict):
    of = Planted()
    attributes(of, 0.9)
    for seed in SEEDS:
        of.rankings(f"GraphTransformer-zinc12k-trained-None-{seed}", seed, shared)
    ruling = judge("C7", of.tables())
    by_group = {group.group: group.verdict for group in ruling.groups}
    assert by_group == {
        "GraphTransformer on ZINC-12k, AUROC": HOLDS,
        "GraphTransformer on ZINC-12k, between trainings": verdict,
    }
    stable = ruling.questions[-1]
    assert stable.beside["massive"] == pytest.approx(0.9 if shared else 0.0, abs=0.1)
    assert stable.null == -stable.beside["occlusion"] / 2  # of unrelated rankings
    assert stable.estimate.units == 5


def test_controls_of_the_ablation_enter_no_verdict():
    of = Planted()
    moved(of, 0.95)
    before = judge("C6", of.tables())
    for seed in SEEDS:
        of.added(of.cell(seed, design="hub"), 0.1)
    after = judge("C6", of.tables())
    assert (before.verdict, before.p) == (after.verdict, after.p)
    assert any(roles.REAL_HUB in group.group for group in after.groups)


def test_a_bias_term_that_disconnects_the_scores_proves_nothing():
    of = Planted()
    for seed, noise in zip(SEEDS, NOISE, strict=True):
        of.sites(of.cell(seed, model="SAN"), 3000 * 10**noise, growth=100.0)
        of.sites(of.cell(seed, model="SAN", state="ebt-released"), 50.0, growth=1.0 + noise / 10)
    ruling = judge("C8", of.tables())
    assert ruling.verdict == UNDECIDED
    assert "overwrites" in ruling.reason


def test_ratios_that_fall_while_magnitudes_grow_are_not_removed():
    ruling = found("C8", 1.9)
    by = {each.number[:7]: each.ruling for each in ruling.questions}
    assert by["decades"] == REFUTED


@pytest.mark.parametrize(("key", "plant"), [("C8", "sites"), ("C9", "attack")])
@pytest.mark.parametrize("controls", [5, 3, 2])
def test_the_bias_term_is_compared_with_the_same_biases_where_enough_seeds_have_them(
    key, plant, controls
):
    """Biases alone take away what there was, and the term nothing more."""
    of = Planted()
    add = getattr(of, plant)
    much, little = ((3000.0, 100.0), (0.4, 0.02))[plant == "attack"]
    for place, (seed, noise) in enumerate(zip(SEEDS, NOISE, strict=True)):
        add(of.cell(seed), much * 10**noise)
        add(of.cell(seed, state="ebt-described", use_bias=True), little * 10**noise)
        if place < controls:
            add(of.cell(seed, use_bias=True), little * 10**noise)
    if key == "C8":  # what grows is not what this is about
        tables = of.tables()
        known = pl.col("cell").str.contains("ebt|biases")
        tables["sites"] = tables["sites"].with_columns(
            growth=pl.when(known).then(1.5).otherwise(100.0)
        )
    else:
        tables = of.tables()
    ruling = judge(key, tables)
    (group,) = ruling.groups
    assert group.group.endswith("the same biases" if controls >= 3 else "the base model")
    condition = next(each for each in ruling.questions if each.condition)
    assert ("same biases" in condition.number) == (controls >= 3)
    assert condition.estimate.units == (controls if controls >= 3 else 5)
    if key == "C8":  # nothing was there to be removed
        assert ruling.verdict == (UNDECIDED if controls >= 3 else HOLDS)
    else:  # the attack takes as much with the term as without
        assert ruling.verdict == (REFUTED if controls >= 3 else HOLDS)


def test_biases_are_no_base_model_and_change_no_other_claim():
    of = Planted()
    appear(of, 0.5)
    before = rulings(of.tables())
    for seed in SEEDS:
        of.sites(of.cell(seed, use_bias=True), 1.0)
        of.sites(of.cell(seed, use_bias=True, design="hub"), 1.0)
    after = rulings(of.tables())
    assert {k: r.as_dict() for k, r in before.items()} == {k: r.as_dict() for k, r in after.items()}


def test_proteins_of_the_tu_collection_are_not_called_by_the_papers_name():
    of = Planted()
    for seed in SEEDS:
        of.sites(of.cell(seed, data="tu-proteins"), 3000.0 + seed)
    (group,) = judge("C1", of.tables()).groups
    assert group.group == "GraphTransformer on PROTEINS (TU)"
    assert roles.data_words("ogbn-proteins") != roles.data_words("tu-proteins")


def test_cells_that_no_claim_knows_change_nothing():
    of = Planted()
    appear(of, 0.5)
    before = rulings(of.tables())
    for seed in SEEDS:
        of.sites(of.cell(seed, variant="a variant of somebody's"), 1.0)
        of.sites(of.cell(seed, state="untrained"), 1.0)
    after = rulings(of.tables())
    assert {k: r.as_dict() for k, r in before.items()} == {k: r.as_dict() for k, r in after.items()}


def test_the_order_of_rows_and_further_columns_change_nothing():
    tables = a_study(3, pictures=False)
    other = {
        name: table.sample(fraction=1.0, shuffle=True, seed=1).with_columns(spare=pl.lit("more"))
        for name, table in tables.items()
    }
    first, again = rulings(tables), rulings(other)
    for key, ruling in first.items():
        assert ruling.verdict == again[key].verdict
        assert ruling.p == pytest.approx(again[key].p, nan_ok=True)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_not_a_number_is_left_out_of_a_seed(value):
    of = Planted()
    appear(of, 0.5)
    of.sites(of.cell(46), 1.0)
    tables = of.tables()
    last = pl.col("cell").str.ends_with("-46")
    ratio = pl.when(last).then(pl.lit(value, pl.Float64)).otherwise("max_ratio")
    tables["sites"] = tables["sites"].with_columns(max_ratio=ratio)
    estimate = judge("C1", tables).decisive.estimate
    assert (estimate.units, estimate.lost) == (5, 1)


def test_two_cells_that_answer_the_same_are_refused():
    of = Planted()
    appear(of, 0.5)
    twice = of.tables()
    row = twice["cells"].head(1).with_columns(cell=pl.lit("another"))
    with pytest.raises(InputError, match="not clear which one counts"):
        rulings(twice | {"cells": pl.concat([twice["cells"], row])})


def test_a_table_of_another_version_is_refused():
    of = Planted()
    appear(of, 0.5)
    with pytest.raises(InputError, match="sites has no column max_ratio"):
        rulings(of.tables() | {"sites": of.tables()["sites"].drop("max_ratio")})


def test_every_claim_says_all_of_itself_and_reads_known_tables():
    assert list(CLAIMS) == [f"C{n}" for n in range(1, 13)] + [f"A{n}" for n in range(1, 12)]
    for claim in CLAIMS.values():
        assert set(claim.needs) <= set(COLUMNS)
        texts = (claim.statement, claim.source, claim.design, claim.number, claim.rule)
        assert all(texts)
        assert claim.change
        assert claim.command.startswith("edgescope study ")


def test_a_role_has_no_name_of_another():
    for known in (roles.VARIANTS, roles.DESIGNS):
        names = [name for of in known.values() for name in of]
        assert len(names) == len(set(names))


def test_the_full_graph_is_a_control_of_its_own_and_its_data_are_those_of_the_plain_cells():
    of = Planted()
    appear(of, 0.5)
    for seed in SEEDS:
        for design in ("full_graph", "full_graph constant"):
            data = f"zinc12k {design}"
            of.sites(of.cell(seed, data=data, design=design), 100.0 + seed)
    ruling = judge("C2", of.tables())
    assert ruling.verdict == HOLDS
    assert {group.group.partition(" (")[0]: group.decides for group in ruling.groups} == {
        roles.FULL_GRAPH: False,
        roles.FULL_GRAPH_NO_EDGE_FEATURES: True,
    }


def test_real_pairs_stand_beside_the_random_layers_of_the_article():
    rows = [
        {"data": "squirrel", "seed": seed, "model": model, "state": "trained", "share": share}
        for seed in range(3)
        for model, share in (("GCN", 1.0), ("GAT", 0.3))
    ]
    article = {"claim": ["A1"], "quantity": ["GCN"], "value": [1.0], "low": [0.99], "high": [1.0]}
    tables = {"twins": pl.DataFrame(rows), "article": pl.DataFrame(article | {"n": [500]})}
    ruling = judge("A1", tables)
    assert ruling.verdict == HOLDS
    assert [group.group for group in ruling.groups] == ["GCN", "GCN on Squirrel"]
