"""Numbers before what they count."""

import pytest

from edgescope.lib.plurals import plural


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ("site",), "0 sites"),
        (1, ("site",), "1 site"),
        (12_345, ("site",), "12,345 sites"),
        (1, ("batch", "batches"), "1 batch"),
        (2, ("batch", "batches"), "2 batches"),
    ],
)
def test_one_is_one_and_several_are_several(count, words, text):
    assert plural(count, *words) == text
