"""The report says which attention its scan looked at, and that the rest has no all-clear."""

import json

import pytest
import torch
from torch_geometric.nn import GATv2Conv, GCNConv

import edgescope as es
from edgescope.report.numbers import collect
from support.coverage_cases import WIDTH, Cosine, Net, OwnMessages, graphs

UNSEEN = {
    "nothing": ([], True),
    "no sign of attention": ([GCNConv], True),
    "attention": ([Cosine], False),
    "perhaps": ([OwnMessages], False),
    "several": ([Cosine, GCNConv, OwnMessages], False),
}


def scan_of(makes, edges=True):
    torch.manual_seed(0)
    others = [make(WIDTH, WIDTH) if make is GCNConv else make() for make in makes]
    loops = {} if edges else {"add_self_loops": False}
    batch = graphs()
    batch.edge_index = batch.edge_index if edges else batch.edge_index[:, :0]
    model = Net(GATv2Conv(WIDTH, WIDTH, **loops), *others).eval()
    return es.scan(model, [batch], progress=False, discover=False)


@pytest.mark.parametrize(("makes", "complete"), UNSEEN.values(), ids=UNSEEN)
def test_what_was_not_looked_at_is_on_the_page_and_in_the_file(makes, complete, tmp_path):
    scan = scan_of(makes)
    page = scan.report(tmp_path / "report.html")
    text = page.read_text(encoding="utf-8")
    numbers = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert numbers["coverage"]["complete"] is complete
    assert [layer["layer"] for layer in numbers["coverage"]["unseen"]] == [
        make.__name__ for make in makes
    ]
    share = scan.coverage.share()
    assert f'<th scope="row">Looked at</th><td>{share}' in text
    assert ("all-clear" in numbers["summary"][-1]) is not complete
    said = {entry["what"]: entry["text"] for entry in numbers["not_found"]}
    named = said.get("Attention that was not looked at", "")
    assert all(f"({make.__name__})" in named and f"({make.__name__})" in text for make in makes)
    assert bool(named) == bool(makes)


def test_layers_without_an_edge_are_no_all_clear():
    numbers = collect(scan_of([], edges=False), None, None)
    assert numbers["summary"][-1].endswith("nothing here is an all-clear for the model as a whole.")
    said = {entry["what"]: entry["text"] for entry in numbers["not_found"]}
    assert said["Attention that was not looked at"] == "No edge was seen by layers.0."
