"""Identity by what changes: edges and nodes of the input, and with them the rows that say so."""

import json
from pathlib import Path

import pytest

from support.attention_zoo.perturbation import BLUNT, Identity, changed_by
from support.attention_zoo.table import CASES

REACH = json.loads((Path(__file__).resolve().parents[2] / "docs" / "reach.json").read_text())
SEEN = [case for case in CASES if "difference" in REACH[case.name]]


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
