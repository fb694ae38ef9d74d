"""The distance of a histogram to a law against scipy on the values themselves."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, lognorm

from edgescope import MassiveActivations
from edgescope.statistics.ks import distance_to_law


def scanned(values):
    """Return the sketch of activations ``[E, F]`` and their ratios."""
    metric = MassiveActivations(1, values.shape[1])
    metric.update(torch.from_numpy(values).unsqueeze(1))
    magnitude = np.abs(values)
    median = np.sort(magnitude, axis=1)[:, (values.shape[1] - 1) // 2]
    return metric.compute(), (magnitude / median[:, None]).ravel().astype(np.float64)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.sampled_from([5, 16, 64]),
    st.floats(0.3, 3),
    st.floats(0.2, 5),
)
def test_the_distance_is_that_of_the_values(seed, factors, width, spread, centre):
    random = np.random.default_rng(seed)
    values = random.standard_normal((factors, 3000, width)).prod(0).astype(np.float32)
    sketch, ratio = scanned(values)
    law = lognorm(spread, scale=centre)
    exact = kstest(ratio, law.cdf).statistic
    # Within a bin lie at most about 0.4 % of the values, beside the medians.
    assert distance_to_law(sketch, law.sf) == pytest.approx(exact, abs=0.004)


def test_the_step_at_the_medians_is_seen_from_both_sides():
    values = np.tile(np.float32([0.5, 1.0, 1.0, 1.0, 2.0]), (100, 1))
    sketch, _ = scanned(values)
    assert distance_to_law(sketch, lognorm(1e-3, scale=1.2).sf) == pytest.approx(0.8, abs=1e-9)
    assert distance_to_law(sketch, lognorm(1e-3, scale=0.8).sf) == pytest.approx(0.8, abs=1e-9)


def test_blocks_that_cannot_hold_the_distance_are_left_out_without_changing_it():
    values = np.random.default_rng(0).standard_normal((2000, 64)).astype(np.float32)
    sketch, _ = scanned(values)
    law = lognorm(1, scale=1.3)
    asked = []

    def counting(ratio):
        asked.append(len(ratio))
        return law.sf(ratio)

    found = distance_to_law(sketch, counting)
    filled = sketch.counts["ratio"].count_nonzero()
    assert sum(asked) < filled / 2
    edges = sketch.layout.ratio.edges[1:]
    above = 1 - sketch.counts["ratio"].cumsum(0).numpy() / sketch.counts["ratio"].sum().item()
    assert found >= np.abs(above - law.sf(edges)).max() - 1e-12
