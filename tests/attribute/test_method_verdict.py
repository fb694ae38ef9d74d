"""What is said of a method agrees with the intervals."""

from dataclasses import replace

import pytest

from edgescope.attribute import leaderboard
from edgescope.attribute.method_verdict import verdict
from support.judging_cases import BAD, GOOD, VALUES, Additive, Given, planted, simple_dataset


@pytest.mark.parametrize(
    ("low", "high", "better", "expected"),
    [
        (0.1, 0.2, 1, "better than x"),
        (-0.2, -0.1, 1, "worse than x"),
        (-0.1, 0.1, 1, "no different from x"),
        (0.1, 0.2, -1, "worse than x"),
        (-0.2, -0.1, -1, "better than x"),
        (None, None, 1, "on too few graphs to compare with x"),
    ],
)
def test_a_difference_is_one_if_its_interval_leaves_out_zero(low, high, better, expected):
    assert verdict(low, high, "x", better) == expected


def test_both_directions_of_an_attribution_are_judged_in_words():
    back = Given("massive_reversed", *(-GOOD.numbers).tolist())
    there = Given("massive", *GOOD.numbers.tolist())
    board = leaderboard([("p", Additive(*VALUES), planted())], [there, back, BAD], progress=False)
    lines = board.sentences()
    assert len(lines) == 2
    assert lines[0].startswith("p, massive: tells true edges from others better than random (AUROC")
    assert lines[1].startswith(
        "p, massive_reversed: tells true edges from others worse than random"
    )
    assert "removal moves the prediction better than random" in lines[0]
    assert "alone keep the prediction worse than random" in lines[1]


def test_methods_are_also_compared_with_how_rare_types_are_if_that_was_judged():
    subject = ("p", Additive(*VALUES), planted())
    board = leaderboard([subject], [GOOD, BAD, "edge_type_frequency"], progress=False)
    line = board.sentences(["good"])[0]
    assert "its AUROC is better than that of the rarity of an edge's type" in line


def test_a_method_without_truth_is_judged_by_fidelity_alone():
    dataset = replace(simple_dataset(30), edge_truth=None)
    board = leaderboard([("p", Additive(*VALUES), dataset)], [GOOD], progress=False)
    assert board.sentences()[0].startswith("p, good: finds edges whose removal moves")
