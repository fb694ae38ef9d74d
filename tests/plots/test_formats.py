"""How numbers are written."""

import pytest

from edgescope.plots.formats import (
    between,
    fixed,
    interval,
    kind_of_edge,
    listing,
    number,
    percent,
    with_article,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\u2013"),
        (float("nan"), "\u2013"),
        (float("inf"), "\u221e"),
        (0.0, "0"),
        (41.0, "41"),
        (3066.4, "3,066"),
        (680_000.0, "680,000"),
        (123.4, "123"),
        (43.27, "43.3"),
        (0.032, "0.0320"),
        (-1.767, "-1.77"),
        (4.8258e10, "4.83\u00d710\u00b9\u2070"),
        (1e-5, "10\u207b\u2075"),
        (123_456_789, "123,456,789"),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "\u2013"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.9999, "> 99 %"),
        (0.374, "37 %"),
        (0.0521, "5.2 %"),
        (0.00012, "0.012 %"),
    ],
)
def test_shares_are_percentages_that_never_round_to_nothing_or_all(share, text):
    assert percent(share).replace("\xa0", " ") == text


def test_interval_shows_its_width():
    assert interval(0.94609, 0.95061).replace("\xa0", " ") == "94.61 to 95.06 %"
    assert interval(0.0, 0.029137).replace("\xa0", " ") == "0 to 2.9 %"


def test_phrases():
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert kind_of_edge("double", many=True) == "double bonds"
    assert kind_of_edge("type 2") == "type 2 edge"
    assert kind_of_edge("edge", many=True) == "edges"


def test_scores_have_three_decimals_and_their_intervals_too():
    assert (fixed(0.98765), fixed(None)) == ("0.988", "\u2013")
    assert between(-0.25, 0.5, fixed) == "-0.250 to 0.500"


def test_intervals_of_numbers_need_both_ends():
    assert between(1.0, 2345.0) == "1 to 2,345"
    assert between(None, 1.0) == between(1.0, None) == "\u2013"


@pytest.mark.parametrize(
    ("edge_type", "words"),
    [("aromatic", "an aromatic bond"), ("added", "an added edge"), ("edge", "an edge")],
)
def test_the_article_fits_the_kind_of_edge(edge_type, words):
    assert with_article(kind_of_edge(edge_type)) == words


@pytest.mark.parametrize(
    "ends", [(None, 0.5), (0.1, None), (float("nan"), 0.5), (0.1, float("nan"))]
)
def test_an_interval_without_an_end_is_none(ends):
    assert interval(*ends) == between(*ends) == "\u2013"


def test_a_score_that_does_not_exist_is_none():
    assert fixed(None) == fixed(float("nan")) == "\u2013"
