"""Importances of a cell: occlusion finds itself, areas are those of removal."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import edgescope as es
from edgescope.study.measures.attribution_quality import METHODS, attribution

MEASURES = {"fidelity+ area", "fidelity gap", "AUROC against occlusion"}


@pytest.fixture(scope="module")
def of(cell_on):
    return cell_on()


@pytest.fixture(scope="module")
def found(of):
    return attribution(of)["attribution"]


def test_every_method_has_every_measure_and_occlusion_finds_itself(found):
    rows = found.select("method", "measure").rows()
    assert set(rows) == {(method, measure) for method in METHODS for measure in MEASURES}
    areas = found.filter(measure="AUROC against occlusion").sort("value")
    assert areas["method"][-1] == "occlusion"
    assert areas["value"][-1] > 0.9  # bonds that symmetry makes equal count half
    inside = (found["low"] <= found["value"]) & (found["value"] <= found["high"])
    assert inside.all()


def test_area_is_the_mean_of_what_removal_moves(of, found):
    part = replace(of.part, task="regression")
    edge = es.attribute.importances(of.model, part, "occlusion", progress=False)["occlusion"].edge
    shares = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0)
    removal = es.attribute.Removal(of.model, part, shares=shares, seed=of.cell.seed)
    moved = removal.curves(edge, progress=False).moved["plus"]["change"]
    area = np.trapezoid(moved, shares, axis=0).mean()
    row = found.filter(method="occlusion", measure="fidelity+ area")
    assert row["value"][0] == pytest.approx(area)


def test_a_model_that_says_the_same_of_all_has_no_table(of):
    class Constant(torch.nn.Module):
        def forward(self, x, edge_index, batch):  # noqa: ARG002  (by name)
            return torch.zeros(int(batch.max()) + 1, 1)

    assert attribution(replace(of, model=Constant().eval())) == {}
