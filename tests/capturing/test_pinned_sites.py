"""Discovered sites are named, rejected, pinned and found again, or an error says what changed."""

import gc
import json

import polars as pl
import pytest
import torch
from torch import nn

import edgescope as es
from edgescope.lib.errors import InputError
from support.hand_written import Gated, TwoOfThem, graphs, model

GRAPH = graphs(1)[0]
ARGUMENTS = GRAPH.x, GRAPH.edge_index, torch.zeros(len(GRAPH.x), dtype=torch.long)


@pytest.fixture
def net():
    net = model().eval()
    es.capture.discover(net, *ARGUMENTS)
    return net


def names(net):
    return es.capture.sites(net).filter(pl.col("reason").is_null())["site"].to_list()


def test_a_name_becomes_the_path_of_the_sites(net):
    es.capture.pin(net, {"first": "attention.of.mine"})
    with es.capture(net, "attention.of.mine:*") as tape:
        net(*ARGUMENTS)
    assert tape.sites == [f"attention.of.mine:{s}" for s in ("score", "logit", "weight", "message")]
    same = model().eval()
    with es.capture(same, "first:weight") as other:
        same(*ARGUMENTS)
    values = tape["attention.of.mine:weight"].values
    assert torch.equal(values, other["first:weight"].values)


def test_what_is_rejected_has_no_sites_and_coverage_says_so(net):
    es.capture.pin(net, {"second": None})
    assert names(net) == [f"first:{s}" for s in ("score", "logit", "weight", "message")]
    coverage = es.capture.coverage(net)
    [gap] = coverage.unseen
    assert (gap.path, gap.reason) == ("second", "rejected by the user")
    assert not coverage.complete
    es.capture.discover(net, *ARGUMENTS)
    assert len(names(net)) == 4
    es.capture.pin(net, {"second": True})
    assert len(names(net)) == 8


def test_pins_of_a_file_hold_for_another_model_of_the_same_code(net, tmp_path):
    pins = es.capture.pin(net, {"first": "mine", "second": None})
    path = pins.save(tmp_path / "pins.json")
    assert es.capturing.Pins.load(path) == pins
    other = model(seed=1).eval()
    es.capture.pin(other, path)
    with es.capture(other, "*:weight") as tape:
        other(*ARGUMENTS)
    assert tape.sites == ["mine:weight"]
    assert names(other) == names(net)


class Sharper(Gated):
    """A later version: another line, and one more operation between score and logit."""

    def forward(self, x, edge_index):
        source, target = edge_index
        weight = ((x[source] * x[target]).sum(-1, keepdim=True) * 2).exp()  # sharper
        total = torch.zeros(len(x), 1).index_add(0, target, weight)
        return torch.zeros_like(x).index_add(0, target, weight / total[target] * x[source])


class Linear(nn.Module):
    """A later version without attention."""

    def forward(self, x, edge_index):
        return torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (Sharper(), r"second \(attention 1 of second\) has changed: line was 'weight = .*sharper"),
        (Linear(), r"second \(attention 1 of second\) is not there"),
    ],
)
def test_a_later_version_that_differs_is_refused_with_what_has_changed(net, tmp_path, later, said):
    path = es.capture.pin(net, {}).save(tmp_path / "pins.json")
    other = model().eval()
    other.second = later.eval()
    es.capture.pin(other, path)
    with pytest.raises(InputError, match=said), es.capture(other):
        other(*ARGUMENTS)
    with pytest.raises(InputError, match=said):
        es.capture.discover(other, *ARGUMENTS)
    es.capture.pin(other, None)
    assert es.capture.discover(other, *ARGUMENTS).sites


def test_what_is_new_is_refused(net, tmp_path):
    path = es.capture.pin(net, {}).save(tmp_path / "pins.json")

    class Three(TwoOfThem):
        def __init__(self):
            super().__init__()
            self.third = Gated()

        def forward(self, x, edge_index, batch):
            return super().forward(self.third(x, edge_index), edge_index, batch)

    three = Three().eval()
    es.capture.discover(three, *ARGUMENTS)
    with pytest.raises(InputError, match="third is new"):
        es.capture.pin(three, path)


@pytest.mark.parametrize(
    ("pins", "said"),
    [
        ({"third": "x"}, "nothing that was discovered is called 'third'"),
        ({"first:weight": None}, "leave the stage away"),
        ({"first": "a:b"}, "received the name 'a:b', expected letters"),
        ({"first": "*"}, "expected letters"),
        ({"first": "second"}, "which something else in the model has"),
        ({"first": "out"}, "which something else in the model has"),
        ({"first": "same", "second": "same"}, "which something else in the model has"),
        (3, "received 3"),
        ("no/such/file.json", "no/such/file.json cannot be read"),
    ],
)
def test_wishes_that_cannot_be_are_refused_and_change_nothing(net, pins, said):
    before = names(net)
    with pytest.raises(InputError, match=said):
        es.capture.pin(net, pins)
    assert names(net) == before


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1, "model": "M", "sites": [{}]}'])
def test_a_file_of_something_else_is_refused(net, tmp_path, text):
    path = tmp_path / "pins.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="holds no pins of a model"):
        es.capture.pin(net, path)


def test_names_need_something_that_was_discovered():
    with pytest.raises(InputError, match="nothing was discovered in TwoOfThem yet"):
        es.capture.pin(model(), {"first": "x"})


def test_discovery_pins_its_model():
    net = model().eval()
    found = es.capture.discover(net, *ARGUMENTS)
    pins = found.pin({"first": "mine"})
    assert [pin.name for pin in pins.sites] == ["mine", "second"]
    written = json.loads(json.dumps(pins.as_dict()))
    assert written["sites"][0]["stages"] == list(pins.sites[0].stages)
    del net
    gc.collect()
    with pytest.raises(InputError, match="is gone"):
        found.pin({})
