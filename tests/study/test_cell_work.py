"""The share of logits beyond their limit, against captured logits."""

import numpy as np
import pytest
import torch

import edgescope as es
from edgescope.study.cell_work import share_beyond
from edgescope.study.cells import folder_of
from support.model_cases import random_model, two_graphs


class Batch:
    def __init__(self):
        self.x, self.edge_index, self.edge_attr, self.batch = two_graphs()


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({}, 5.0),
        ({"logit_limit": 2.0}, 2.0),
        ({"logit_limit": None}, 5.0),
        ({"logit_limit": None, "logit_cap": 1.0}, 1.0),
    ],
)
def test_the_share_is_that_of_the_captured_logits(options, limit):
    model, batch = random_model("GraphTransformer", scale=5.0, **options), Batch()
    with torch.no_grad(), es.capture(model, "*:logit") as tape:
        model(*two_graphs())
    values = [tape[f"layers.{n}.attention:logit"].values.numpy() for n in range(2)]
    expected = np.mean([np.abs(value) >= limit for value in values])
    assert 0 < expected < 1
    assert share_beyond(model, [batch, batch]) == pytest.approx(expected)


def test_a_model_is_left_as_it_was():
    model = random_model("SAN").train()
    share_beyond(model, [Batch()])
    assert model.training
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_other_attention_has_no_such_share():
    assert share_beyond(random_model("GATv2"), [Batch()]) is None


def test_without_edges_there_is_no_share():
    batch = Batch()
    batch.edge_index, batch.edge_attr = torch.zeros(2, 0).long(), torch.zeros(0).long()
    assert share_beyond(random_model("SAN"), [batch]) is None


def test_designs_and_controls_are_trained_scanned_and_found_again(
    describe, run_in_process, tmp_path, chains
):
    table = {"source": str(chains), "target_columns": ["target"]}
    designs = [{"how": "virtual_node", "types": "two"}, {"how": "full_graph", "types": "constant"}]
    recipes = [{"recipe": "demo", "data": table | {"rewire": each}} for each in designs]
    recipes.append({"recipe": "demo", "data": table, "name": "mean"})
    recipes[-1]["set"] = {"mean_attention": True}
    path = describe(
        models=None, recipe=None, data=None, recipes=recipes, seeds=[41], states=["trained"]
    )
    out = run_in_process(path, tmp_path / "study")
    cells = es.study.plan(es.study.read(path))
    labels = ["chains virtual_node two", "chains full_graph constant", "chains"]
    assert [cell.data for cell in cells] == labels
    starts = []
    for cell in cells:
        run = es.train.RunFolder(folder_of(cell, out))
        starts.append(run.model("untrained").state_dict())
        assert run.model().config["mean_attention"] == (cell.variant == "mean")
        assert run.splits().train.edge_type_names == run.edge_type_names
    for name, value in starts[2].items():
        for other in starts[:2]:
            assert torch.equal(other[name][: len(value)] if value.dim() else other[name], value)
