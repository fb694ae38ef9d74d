"""The table of the article's numbers has what its claims ask for."""

import polars as pl
import pytest

import edgescope as es
from edgescope.study.claims.claim_list import CLAIMS
from edgescope.study.claims.questions import HOLDS, REFUTED
from edgescope.study.claims.result_set import COLUMNS, ResultSet


@pytest.fixture(scope="module")
def table():
    return es.study.article(draws=300, starts=3, steps=5, progress=False)


def test_every_claim_of_the_article_has_a_number_that_decides(table):
    assert tuple(table.columns) == COLUMNS["article"]
    results = ResultSet({"article": table})
    for number in range(1, 11):
        ruling = CLAIMS[f"A{number}"].judge(results)
        assert ruling.decisive is not None
        assert any(group.decides for group in ruling.groups)


def test_what_follows_from_the_formulas_is_found(table):
    verdicts = {f"A{n}": CLAIMS[f"A{n}"].judge(ResultSet({"article": table})) for n in (1, 4, 6)}
    # GCN weights a neighbour by degrees only; the example is computed; ties are not uniform.
    assert [ruling.verdict for ruling in verdicts.values()] == [HOLDS, HOLDS, REFUTED]


def test_shares_are_those_of_the_experiments(table):
    ties = es.study.twins.tie_frequencies(300, progress=False).table()
    one = ties.filter(pl.col("factor") == "heads", pl.col("value") == "1")
    found = table.filter(pl.col("claim") == "A3")
    assert found.select("value", "low", "high").row(0) == pytest.approx(
        one.select("tied", "tied_low", "tied_high").row(0)
    )
