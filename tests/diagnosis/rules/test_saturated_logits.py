"""Logits beyond the clamp of a layer, counted beside a plain count of what capture shows."""

import pytest
import torch

import edgescope as es
from edgescope.diagnosis.rules import SaturatedLogits
from support.diagnose_models import HEADS, WIDTH, build, graphs, typed

PATH = "layers.0.attention"


def model(limit=5.0, scale=1.0):
    sizes = {"num_atom_types": 5, "num_bond_types": 4, "hidden_dim": WIDTH, "num_heads": HEADS}
    made = build(lambda: es.models.GraphTransformer(**sizes, num_layers=1, logit_limit=limit))
    with torch.no_grad():
        made.layers[0].attention.query.weight.mul_(scale)
    return made.eval()


def logits(made, batch):
    with torch.no_grad(), es.capture(made, f"{PATH}:logit") as seen:
        made(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    return seen[f"{PATH}:logit"].values.reshape(-1, HEADS)


def beyond(made, batch, **thresholds):
    rules = [SaturatedLogits(**thresholds)]
    found = es.diagnose(made, [batch], rules=rules, progress=False)
    return [each for each in found if "share_beyond" in each.evidence]


def test_the_share_is_that_of_the_logits_beyond_the_layers_own_limit():
    made, batch = model(limit=0.1), typed(graphs())
    size = logits(made, batch).abs()
    (found,) = beyond(made, batch, clamped=0.01, share=1.0)
    assert found.evidence["share_beyond"] == pytest.approx((size >= 0.1).double().mean(0).tolist())
    assert found.evidence["largest"] == pytest.approx(float(size.max()))


def test_a_layer_without_a_clamp_has_nothing_beyond_it():
    batch = typed(graphs())
    assert beyond(model(limit=5.0, scale=1000), batch)
    assert not beyond(model(limit=None, scale=1000), batch)


def test_some_logits_beyond_the_clamp_are_a_note_and_most_a_warning():
    made, batch = model(limit=0.1), typed(graphs())
    shares = (logits(made, batch).abs() >= 0.1).double().mean(0)
    above, below = float(shares.max()) + 0.01, float(shares.min()) - 0.01
    assert below > 0
    found = [beyond(made, batch, clamped=below, share=share) for share in (above, below)]
    assert [[each.severity for each in one] for one in found] == [["note"], ["warning"]]
