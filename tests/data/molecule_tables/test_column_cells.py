"""Words for two classes."""

import pytest

from edgescope.data.molecule_tables.column_cells import pair


@pytest.mark.parametrize(
    ("words", "positive", "negative"),
    [
        ("active inactive", "active", "inactive"),
        ("yes no n y", "yes", "no"),
        ("pos neg", "pos", "neg"),
        ("toxic nontoxic", "toxic", "nontoxic"),
        ("permeable impermeable", "permeable", "impermeable"),
        ("blocker nonblocker maybe", "blocker", "nonblocker"),
        ("+ -", "+", "-"),
        ("active", "active", "inactive"),
        ("active inactive active yes", "active", "inactive"),
    ],
)
def test_a_pair_is_found_and_knows_its_values(words, positive, negative):
    counts = {word: words.split().count(word) for word in words.split()}
    found = pair(counts)
    assert found is not None
    assert (found.value(positive), found.value(negative)) == (1, 0)
    assert found.value("maybe") is None


@pytest.mark.parametrize("words", ["", "red green", "high low medium", "yes active", "1 0"])
def test_words_that_are_no_pair_or_of_two_pairs_are_none(words):
    assert pair(dict.fromkeys(words.split(), 1)) is None
