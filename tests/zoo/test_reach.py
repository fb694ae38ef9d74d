"""What is seen of models in other people's styles: the table of it, and which rows are which.

Identity is told by what changes: edges and nodes of the input, and with them the rows that say so.
"""

import json
import runpy
from pathlib import Path

import pytest

from support.attention_zoo.case import NO_ATTENTION
from support.attention_zoo.perturbation import BLUNT, Identity, changed_by
from support.attention_zoo.reach import differences, facts
from support.attention_zoo.table import CASES

DOCS = Path(__file__).resolve().parents[2] / "docs"
STORED = json.loads((DOCS / "reach.json").read_text())
SEEN = [case for case in CASES if "difference" in STORED[case.name]]
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


@pytest.mark.parametrize("case", SEEN, ids=lambda case: case.name)
def test_rows_change_with_the_edges_and_nodes_that_they_say_they_are(case):
    assert {"graphs" if case.name in BLUNT else "nodes"} <= set(changed_by(case))


@pytest.mark.parametrize("name", ["Exphormer", "Graphormer", "FAConv", "GMAN"])
def test_rows_that_say_they_are_others_are_found_out(name, monkeypatch):
    def others(self, *args):
        rolled = ("edge_index", "input_edge", "graph", "position")
        for site, each in captured(self, *args).items():
            given = {field: getattr(each.identity, field) for field in rolled}
            moved = {f: None if v is None else v.roll(1, -1) for f, v in given.items()}
            tape[site] = each._replace(identity=each.identity._replace(**moved))
        return dict(tape)

    tape, captured = {}, Identity.captured
    monkeypatch.setattr(Identity, "captured", others)
    case = next(case for case in CASES if case.name == name)
    with pytest.raises(AssertionError):
        changed_by.__wrapped__(case)
