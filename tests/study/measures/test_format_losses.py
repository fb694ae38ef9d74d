"""What fewer bits cost a cell: against the model run in half precision by hand."""

import copy
from dataclasses import replace

import pytest
import torch

import edgescope as es
from edgescope.study.measures.format_losses import precision


def predicted(model, part):
    batch = next(iter(es.data.loader(part, batch_size=len(part))))
    with torch.no_grad():
        found = model(batch.x, batch.edge_index, batch.edge_attr, batch=batch.batch)
    return found.double(), batch.y.double()


def test_the_loss_is_the_metric_in_the_format_less_that_in_float32(cell_on):
    of = cell_on(graphs=12)
    table = precision(of)["precision"]
    assert table["format"].to_list() == ["float16", "int8"]
    errors = []
    for model in (of.model, copy.deepcopy(of.model).half()):
        prediction, target = predicted(model, of.part)
        errors.append(float((prediction - target).abs().mean()))
    half = table.row(0, named=True)
    assert (half["metric"], half["graphs"]) == ("mae", 12)
    assert half["metric_float32"] == pytest.approx(errors[0], rel=1e-6)
    assert half["metric_format"] == pytest.approx(errors[1], rel=1e-3)
    assert half["loss"] == pytest.approx(errors[1] - errors[0], abs=1e-3 * errors[0])
    guess = (predicted(of.model, of.part)[1] - of.part.y.double().median()).abs().mean()
    assert half["guess"] == pytest.approx(float(guess), rel=0.2)
    for row in table.iter_rows(named=True):
        assert row["loss"] == pytest.approx(row["metric_format"] - row["metric_float32"])
        assert row["loss_low"] <= row["loss"] <= row["loss_high"]
        assert row["error_mean"] > 0
    assert half["error_mean"] < table["error_mean"][1]
    assert (half["headroom_bits"] > 0, table["headroom_bits"][1]) == (True, None)
    assert precision(of)["precision"].equals(table)


def test_the_headroom_is_that_of_the_largest_activation(cell_on):
    before, after = (
        precision(cell_on(planted=planted, graphs=9))["precision"].row(0, named=True)
        for planted in (None, "single")
    )
    assert (before["verdict"] == "overflows", before["overflow"]) == (False, None)
    assert after["headroom_bits"] < 0 < before["headroom_bits"]
    assert (after["verdict"], after["overflow"] is None) == ("overflows", False)


def test_of_labels_a_loss_is_a_lower_area(cell_on):
    of = cell_on(graphs=30)
    with torch.no_grad():
        of.model.readout.layers[-1].weight.normal_(generator=torch.Generator().manual_seed(0))
    labels = (of.part.y > of.part.y.median()).float()
    recipe = of.cell.recipe.model_copy(update={"loss": "masked_bce"})
    of = replace(
        of, part=replace(of.part, y=labels), cell=of.cell.model_copy(update={"recipe": recipe})
    )
    for row in precision(of)["precision"].iter_rows(named=True):
        assert row["metric"] == "roc_auc"
        assert row["loss"] == pytest.approx(row["metric_float32"] - row["metric_format"])


def test_without_a_target_nothing_is_lost(cell_on):
    of = cell_on(graphs=2)
    assert precision(replace(of, part=replace(of.part, y=of.part.y * float("nan")))) == {}


def test_of_a_graph_that_is_taken_in_pieces_there_is_no_table(cell_on):
    assert precision(replace(cell_on(graphs=2), part=[])) == {}
