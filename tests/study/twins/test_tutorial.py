"""The tutorial's example to four decimals, and what the certificate says of it."""

import pytest

from edgescope.study.twins.tutorial import TWINS, tutorial_example

FIGURES = {
    "2 heads": [[1.2913, 1.9800], [4.2344, 3.7725], [4.6798, 4.8362], [4.5043, 4.7351]],
    "1 head, a = [0.1, -0.1]": [[1, 2], [3, 4], [4, 5], [4, 5]],
}


@pytest.mark.parametrize("setting", FIGURES)
def test_outputs_are_the_tutorials(setting):
    found = tutorial_example().outputs[setting]
    assert found == [pytest.approx(row, abs=5e-5) for row in FIGURES[setting]]


def test_each_setting_shows_another_case():
    found = tutorial_example()
    twins = [found.region[setting][TWINS[0]] for setting in found.region]
    assert twins == [["both sides", "both sides"], ["uniform"], ["above zero"], ["both sides"]]
    tied = found.table().group_by("setting", maintain_order=True).first()["tied"].to_list()
    assert tied == [False, True, True, False]
