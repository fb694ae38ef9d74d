"""The table of what is seen of models in other people's styles says what is so."""

import json
import runpy
from pathlib import Path

import pytest

from support.attention_zoo.case import NO_ATTENTION
from support.attention_zoo.reach import differences, facts
from support.attention_zoo.table import CASES

DOCS = Path(__file__).resolve().parents[2] / "docs"
STORED = json.loads((DOCS / "reach.json").read_text())
ROUNDING = 1e-5
"""Of numbers in float32, which differ between machines in their last digits."""


def test_the_table_has_every_model_once():
    assert list(STORED) == [case.name for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_table_says_what_is_seen_of_a_model(case):
    stored, found = STORED[case.name], facts(case)
    assert {key: stored[key] for key in found} == found, "run python benchmarks/reach.py --write"
    far = [each for each in differences(case).values() if each is not None]
    assert ("difference" in stored) == bool(far)
    assert max([float(stored.get("difference", 0)), *far]) < ROUNDING


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_of_a_model_without_attention_is_called_a_weight(case):
    if case.verdict == NO_ATTENTION:
        assert "weight" not in STORED[case.name]["roles"]


def test_the_page_on_reach_is_what_the_table_says():
    written = runpy.run_path(str(DOCS / "make_reach.py"))["page"]()
    assert (DOCS / "reach.md").read_text() == written, "run make docs"
