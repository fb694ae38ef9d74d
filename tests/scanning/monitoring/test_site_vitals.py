"""What is read from the activations of a site, beside the same from formulas in numpy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.nn import GATv2Conv

import edgescope as es
from edgescope.capturing.edge_rows import EdgeRows
from edgescope.capturing.site_choice import select_sites
from edgescope.capturing.site_values import SiteValues
from edgescope.scanning.monitoring.site_vitals import over_column, vitals

THRESHOLDS = (2.0, 10.0)
GAT = {each.stage: each for each in select_sites(GATv2Conv(3, 2, heads=2), None)}
OWN = {
    each.stage: each
    for each in select_sites(es.models.EdgeAttention(hidden_dim=4, num_heads=2), None)
}


def values_of(stage, values, target=None, of=GAT):
    target = torch.zeros(len(values), dtype=torch.int64) if target is None else target
    rows = EdgeRows(torch.stack([torch.zeros_like(target), target]))
    return SiteValues(of[stage].name, of[stage], values, rows)


@st.composite
def vectors(draw):
    """Activations of edges, with zeros, infinities and NaN among them, in any of three types."""
    size = draw(st.integers(0, 12))
    number = st.one_of(
        st.floats(-500, 500, width=16), st.sampled_from([0.0, math.inf, -math.inf, math.nan])
    )
    flat = draw(st.lists(number, min_size=size * 6, max_size=size * 6))
    kind = draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
    return torch.tensor(flat, dtype=torch.float32).reshape(size, 2, 3).to(kind)


@given(vectors(), vectors())
def test_vitals_are_what_their_formulas_say_and_add_up(first, second):
    both = [values_of("score", each.to(first.dtype)) for each in (first, second)]
    parts = [vitals(each, THRESHOLDS) for each in both]
    whole = parts[0].joined(parts[1])
    again = vitals(values_of("score", torch.cat([each.values for each in both])), THRESHOLDS)
    assert repr(whole) == repr(again)  # NaN is no reason to differ

    size = np.abs(torch.cat([each.values for each in both]).float().numpy()).reshape(-1, 6)
    fine = size[np.isfinite(size).all(1)]
    medians = np.sort(fine, axis=1)[:, 2]
    ratio = fine[medians > 0].max(1) / medians[medians > 0]
    assert (whole.rows, whole.nonfinite) == (len(size), len(size) - len(fine))
    assert whole.defined == len(ratio)
    assert whole.over == tuple(int((ratio > each).sum()) for each in THRESHOLDS)
    row = whole.row(THRESHOLDS)
    assert row["largest_ratio"] == (pytest.approx(ratio.max()) if len(ratio) else None)
    assert row["largest_magnitude"] == (fine.max() if len(fine) else None)
    if len(fine) and fine.max():
        most = torch.finfo(first.dtype).max
        assert row["headroom_bits"] == pytest.approx(math.log2(most) - math.log2(fine.max()))
    else:
        assert row["headroom_bits"] is None
    share = row[over_column(10.0)]
    assert share == (pytest.approx((ratio > 10).mean()) if len(ratio) else None)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4000)), max_size=14))
def test_a_softmax_is_saturated_if_its_largest_weight_is_nearly_all(edges):
    """Each edge has a target and a power; the weights are the powers over their sum."""
    target = torch.tensor([node for node, _ in edges], dtype=torch.int64)
    power = torch.tensor([[float(1 + size), 1.0] for _, size in edges]).reshape(-1, 2)
    total = torch.zeros(4, 2).index_add(0, target, power)
    weight = (power / total[target]).unsqueeze(2)
    found = vitals(values_of("weight", weight, target), THRESHOLDS)
    choices = saturated = 0
    for node in range(4):
        of = [1.0 + size for each, size in edges if each == node]
        if len(of) > 1:
            choices += 2
            saturated += max(of) / sum(of) >= 0.999
            # The second head gives all the same weight.
    assert (found.choices, found.saturated) == (choices, saturated)
    assert found.defined == 0


def test_logits_beyond_the_clamp_are_saturated_where_the_layer_has_one():
    logits = torch.tensor([[4.9, -5.0], [7.0, 0.0]]).unsqueeze(2)
    found = vitals(values_of("logit", logits, of=OWN), THRESHOLDS)
    assert (found.saturated, found.choices) == (2, 4)
    assert vitals(values_of("logit", logits), THRESHOLDS).row(THRESHOLDS)["saturated"] is None
