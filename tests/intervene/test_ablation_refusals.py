"""What an ablation refuses, and what one that was stored gives again."""

import json

import pytest
import torch
from polars.testing import assert_frame_equal

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.model_call import call_model
from support.ablation_cases import ablated, everything, graphs_with_targets, loader, nothing
from support.scan_equality import small_model


def test_a_saved_ablation_is_read_again(tmp_path):
    found = ablated(small_model(factor=50), where=30, repeats=1)
    read = es.Ablation.load(found.save(tmp_path / "new" / "ablation"))
    assert read.info == found.info
    assert_frame_equal(read.table(), found.table())
    assert repr(read) == repr(found)
    assert json.loads((tmp_path / "new/ablation/ablation.json").read_text())["metric"] == "mae"


def test_a_damaged_ablation_is_refused(tmp_path):
    ablated(where=nothing, controls=()).save(tmp_path)
    (tmp_path / "ablation.json").write_text("{}")
    with pytest.raises(InputError, match="ablate again"):
        es.Ablation.load(tmp_path)


def batches_of_parts():
    graph = graphs_with_targets(2)[0]
    del graph.graph
    graph.n_id, graph.e_id = torch.arange(graph.num_nodes), torch.arange(graph.num_edges)
    return [graph]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"value": "nan"}, "received value='nan', expected one of zero, mean"),
        ({"controls": ["size"]}, "unknown control 'size'"),
        ({"controls": "number"}, "expected a list"),
        ({"repeats": 0}, "expected at least 1"),
        ({"where": "calibrated"}, "pass the scan as where="),
        ({"where": -3}, "expected a ratio above 0"),
        ({"where": None}, "expected a scan, a criterion or a function"),
        ({"where": "huge"}, "unknown criterion 'huge'"),
        ({"where": lambda found: found.values}, "expected truth values of the shape"),
        ({"sites": "*:weight"}, "one number per edge and head"),
        ({"layers": [7]}, "received layer 7, expected a number below 2"),
        ({"layers": ["layer.0"]}, "received layer 'layer.0'"),
        ({"layers": []}, "layers= is empty"),
        ({"value": "untrained"}, "pass baseline="),
        ({"metric": "mse"}, "unknown metric"),
        ({"where": everything, "controls": ["number"]}, "left to draw the control 'number'"),
        ({"max_bytes": 1000}, "take more than max_bytes"),
        ({"call": lambda model, batch: call_model(model, batch).mean()}, "a single number, as a"),
        ({"call": lambda model, batch: {"p": call_model(model, batch)}}, "the model returned dict"),
        ({"batches": []}, "the loader gave no batch"),
        ({"batches": batches_of_parts()}, "parts of one large graph"),
        ({"call": lambda model, batch: (call_model(model, batch),)}, "expected predictions"),
    ],
)
def test_what_cannot_be_done_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        ablated(**({"value": "zero"} | options))


def test_a_scan_that_lost_activations_is_refused():
    model = small_model(factor=50)
    scan = es.scan(model, loader(), criterion=es.Criterion("mine", ratio=10), max_rows=3)
    with pytest.raises(InputError, match="larger max_rows"):
        ablated(model, where=scan)


def test_a_scan_of_other_graphs_is_refused():
    model = small_model(factor=50)
    scan = es.scan(model, loader(), criterion=es.Criterion("mine", ratio=10))
    with pytest.raises(InputError, match="pass the loader that was scanned"):
        ablated(model, loader(4), where=scan)


def test_a_site_that_was_not_scanned_is_refused():
    model = small_model()
    scan = es.scan(model, loader(), sites="layers.0.*:score")
    with pytest.raises(InputError, match=r"the scan has no site layers\.1"):
        ablated(model, where=scan, sites="*:score")


def test_a_control_that_nobody_asked_for_and_cannot_be_drawn_is_left_out_with_a_warning():
    with pytest.warns(EdgescopeWarning, match="a control is left out.*are left to draw"):
        found = ablated(where=everything, value="zero", repeats=1)
    assert found.info.controls == ()
    assert set(found.table()["selection"]) == {"chosen"}
