"""Sites are named by what tells them apart."""

import pytest

from edgescope.report.names import short_names, site_list, site_pattern


@pytest.mark.parametrize(
    ("sites", "short", "pattern"),
    [
        (["layers.0.a:score", "layers.1.a:score"], ["0", "1"], "layers.*.a:score"),
        (["a.0:score", "b.0:score"], ["a", "b"], "*.0:score"),
        (["only.one:score"], ["only.one:score"], ""),
        (["a", "a.b"], ["a", "a.b"], ""),
        (["one:score", "two:logit"], ["one:score", "two:logit"], ""),
    ],
)
def test_sites_are_named_by_what_differs(sites, short, pattern):
    assert list(short_names(sites).values()) == short
    assert site_pattern(sites) == pattern


def test_many_sites_are_listed_by_what_differs():
    every = [f"l.{number}:score" for number in range(5)]
    assert site_list(every[:2], every) == "l.0:score and l.1:score"
    assert (
        site_list(every[:3], every, ["a", "b", "c"]) == "l.*:score with * = 0 (a), 1 (b) and 2 (c)"
    )
    assert site_list(["x", "y", "z"], ["x", "y", "z"]) == "x, y and z"
