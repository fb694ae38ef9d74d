"""The within-edge ratio against a dense numpy computation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgescope.statistics import edge_ratios

activations = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 6), st.integers(1, 3), st.integers(1, 5)),
    elements=st.one_of(
        st.floats(width=32), st.sampled_from([0.0, 1.0, 1e-45, 3e38]).map(np.float32)
    ),
)


@given(activations)
def test_ratio_is_magnitude_over_the_lower_median_of_the_edge(values):
    found = edge_ratios(torch.from_numpy(values))
    with np.errstate(all="ignore"):
        for row, edge in enumerate(
            np.abs(values.reshape(len(values), values[0].size if len(values) else 1))
        ):
            finite = np.isfinite(edge).all()
            assert bool(found.finite[row]) == finite
            if not finite:
                assert not found.defined[row]
                continue
            median = np.sort(edge)[(len(edge) - 1) // 2]
            assert bool(found.defined[row]) == (median > 0)
            if median > 0:
                np.testing.assert_array_equal(found.ratio[row].numpy(), edge / median)
                assert found.top_ratio[row] == found.ratio[row].max()
            assert found.top_magnitude[row] == edge.max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_types_are_computed_in_single_precision(dtype):
    values = torch.randn(5, 2, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = edge_ratios(values.float())
    found = edge_ratios(values)
    assert found.ratio.dtype == torch.float32
    assert torch.equal(found.ratio, expected.ratio)


def test_the_median_is_torchs_on_rows_of_every_width():
    for width in range(1, 20):
        values = torch.rand(7, 1, width, generator=torch.Generator().manual_seed(width)) + 0.1
        median = values.flatten(1).median(dim=1, keepdim=True).values
        assert torch.equal(edge_ratios(values).ratio, values.flatten(1) / median)
