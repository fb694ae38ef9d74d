"""Coverage in a notebook: whether all was looked at first, then every layer."""

import pytest
from torch import nn
from torch_geometric.nn import DNAConv, GATConv, GCNConv

import edgescope as es
from edgescope.capturing.coverage import Coverage, SeenLayer, UnseenLayer
from support.cards import HOSTILE, card

PART = es.capture.coverage(nn.ModuleList([GATConv(8, 8), DNAConv(8), GCNConv(8, 8)]))
WHOLE = es.capture.coverage(nn.ModuleList([GATConv(8, 8)]))


@pytest.mark.parametrize("coverage", [PART, WHOLE], ids=["part", "whole"])
def test_it_says_whether_all_was_looked_at_and_lists_every_layer(coverage):
    page = card(coverage)
    assert coverage.sentence() in page.text
    assert ("no all-clear" in page.text) == (not coverage.complete)
    assert ("complete" in page.text) == coverage.complete
    for layer, row in zip(coverage.table().to_dicts(), page.rows[1:], strict=True):
        assert row[:3] == [layer["path"], layer["layer"], "yes" if layer["seen"] else "no"]
        assert (layer["reason"] or ", ".join(layer["stages"])) in row[3]


def test_names_are_shown_and_break_nothing():
    seen = SeenLayer(HOSTILE, HOSTILE, (HOSTILE,))
    hostile = Coverage((seen,), (UnseenLayer(HOSTILE, HOSTILE, HOSTILE),))
    assert card(hostile).text.count("</p></table><script>") >= 6
