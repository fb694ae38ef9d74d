"""Numbers of edges on scales that make graphs and layers comparable."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from edgescope.attribute.normalisation import ranks, scaled

VALUES = st.lists(
    st.tuples(st.sampled_from([0.0, 1e-30, 0.5, 1.0, 7.0, 1e6]), st.integers(0, 3)), max_size=20
)


def tensors(pairs):
    values = torch.tensor([value for value, _ in pairs], dtype=torch.float64)
    return values, torch.tensor([graph for _, graph in pairs], dtype=torch.int64)


@given(VALUES)
def test_ranks_are_scipys_over_the_size_of_the_graph(pairs):
    values, graph = tensors(pairs)
    expected = np.zeros(len(values))
    for number in range(4):
        mine = (graph == number).numpy()
        if mine.any():
            expected[mine] = rankdata(values.numpy()[mine]) / mine.sum()
    np.testing.assert_allclose(ranks(values, graph, 4).numpy(), expected)


@given(VALUES)
def test_z_has_mean_0_and_variance_1_in_every_graph_or_is_0(pairs):
    values, graph = tensors(pairs)
    found = scaled(values, graph, 4, "z").numpy()
    for number in range(4):
        mine = (graph == number).numpy()
        logs = np.log10(np.maximum(values.numpy()[mine], 1e-12))
        spread = logs.std() if mine.any() else 0.0
        expected = (logs - logs.mean()) / spread if spread > 1e-9 else np.zeros(mine.sum())
        np.testing.assert_allclose(found[mine], expected, atol=1e-9)


def test_the_logarithm_of_nothing_is_that_of_the_smallest_number_that_counts():
    values = torch.tensor([0.0, 1.0, 1000.0])
    found = scaled(values, torch.zeros(3, dtype=torch.long), 1, "log")
    assert found.tolist() == pytest.approx([-12, 0, 3])
