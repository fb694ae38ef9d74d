"""A report on node states speaks of nodes."""

import re
from html import unescape

import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.report.row_nouns import page_of, said_of
from support import report_pages

SENTENCES = {
    "No edge has a defined ratio.": "No node has a defined ratio.",
    "An edge exceeds 1; an edge, edges.": "A node exceeds 1; a node, nodes.",
    "edges 7, Edges with a ratio": "nodes 7, Nodes with a ratio",
    "Directed edges 9, the directed edges of": "Nodes 9, the nodes of",
    "the nearest edge between bins": "the nearest edge between bins",
    "at layers.edge.conv:state, edge:state, edge_conv and edgescope": None,
    "See edge-wise or docs/edge.md": None,
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_sentences(sentence):
    assert said_of(sentence, "node") == (SENTENCES[sentence] or sentence)
    assert said_of(sentence, "edge") == sentence


def test_marks_stay_as_they_are():
    page = '<p id="edge" title="an edge">edge <code>edge</code></p><style>.edge {}</style>'
    expected = '<p id="edge" title="a node">node <code>edge</code></p><style>.edge {}</style>'
    assert page_of(page, "node") == expected
    assert page_of(page, "edge") == page


def test_a_whole_page(tmp_path):
    class Embedded(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.conv = nn.Embedding(3, 8), GATConv(8, 8)

        def forward(self, x, edge_index):
            return self.conv(self.embed(x), edge_index)

    graphs = [
        Data(x=torch.arange(6) % 3, edge_index=torch.randint(0, 6, (2, 9)), smiles="CCCCCC")
        for _ in range(4)
    ]
    criterion = es.Criterion("low", ratio=2) & es.Criterion("larger", magnitude=0.01)
    scan = es.scan(Embedded(), graphs, sites="*:state", criterion=criterion, progress=False)
    path = scan.report(tmp_path / "report.html")
    page = report_pages.page_of(path)
    text = unescape(re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL))
    left = re.findall(
        r"(?<![\w_])[Ee]dges?(?![\w_])(?! between bins)", text.replace("edge_index", "")
    )
    assert left == []
    assert "Massive activations on nodes" in text
    assert re.search(r"Nodes\s+24", text)
    numbers = report_pages.numbers_of(path)
    assert numbers["scanned"]["rows"] == "node"
    assert numbers["scanned"]["edges"] == 24  # the keys are those of any scan
    assert not [said for said in numbers["summary"] if re.search(r"\bedges?\b", said)]
    gallery = next(each for each in numbers["contents"] if each["name"] == "gallery")
    assert "nodes" in gallery["absent"]
