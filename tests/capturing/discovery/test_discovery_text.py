"""Discovery prints as a table, in a terminal and in a notebook."""

import torch

import edgescope as es
from edgescope.capturing.discovery import EdgeTensor
from edgescope.capturing.discovery.edge_tensors import Discovery
from support.cards import HOSTILE, card
from support.hand_written import graphs, model

GRAPH = graphs(1)[0]
ARGUMENTS = GRAPH.x, GRAPH.edge_index, torch.zeros(len(GRAPH.x), dtype=torch.long)


def test_text_has_a_row_per_stage_and_counts_the_rest():
    found = es.capture.discover(model().eval(), *ARGUMENTS)
    lines = str(found).splitlines()
    assert lines[0] == found.sentence()
    assert lines[0].startswith("TwoOfThem: 8 sites of attention discovered; ")
    assert lines[1].split() == ["site", "role", "shape", "operation", "where"]
    assert [line.split()[0] for line in lines[2:]] == list(found.sites)
    assert "hand_written.py:" in lines[2]
    others = sum(each.role == "per edge" for each in found.tensors)
    assert f"{others} other tensors with a row per edge are no attention" in lines[0]
    assert found.table().height == len(found.tensors)


def test_narrow_text_is_no_wider():
    found = es.capture.discover(model().eval(), *ARGUMENTS)
    assert max(map(len, found.text(50).splitlines())) <= 50


def made(**fields):
    tensor = EdgeTensor("a", "x.py:1", "mul", (3, 2), "weight", "a:weight")
    return Discovery("Net", ("a:weight",), (tensor._replace(**fields),), (("b", "<why> & [red]"),))


def test_what_cannot_be_captured_is_said_with_the_reason():
    text = " ".join(str(made()).split())
    assert "1 site of attention discovered" in text
    assert "1 attention cannot be captured" in text
    assert "cannot be captured: b: <why> & [red]" in text


def test_a_card_begins_with_what_was_found_and_escapes_all_names():
    found = made(site=HOSTILE, line="a\x1b[31m.py:2")
    text = card(found).text
    assert text.startswith(f"Discovery of attention in Net found {found.sentence()}")
    assert "<why> & [red]" in text
    assert "</p></table><script>" in text
    assert r"a\x1b[31m.py:2" in text


def test_other_tensors_are_folded_away():
    page = es.capture.discover(model().eval(), *ARGUMENTS)._repr_html_()
    assert page.count("<details>") == 1
    assert "<details>" not in made()._repr_html_()
