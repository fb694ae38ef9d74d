"""The parts of the compiled loops that stand for themselves."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgescope.statistics.kernel import COMMON, LANES, _find_medians, _transpose
from edgescope.statistics.selection import median_network


@given(
    edges=st.integers(1, 70),
    width=st.integers(1, 70),
    data=st.data(),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_block_of_channels_is_the_transposed_magnitudes(edges, width, data, seed):
    begin = data.draw(st.integers(0, edges - 1))
    size = data.draw(st.integers(1, edges - begin))
    first = data.draw(st.integers(0, width - 1))
    last = data.draw(st.integers(first + 1, width))
    values = np.random.default_rng(seed).standard_normal((edges, width)).astype(np.float32)
    block = np.full((last - first + 1, size + 3), -7, np.int32)
    _transpose(values.view(np.int32), begin, size, first, last, block)
    expected = np.abs(values[begin : begin + size, first:last]).T
    assert (block[:-1, :size].view(np.float32) == expected).all()
    untouched = np.concatenate([block[-1], block[:, size:].ravel()])
    assert (untouched == -7).all()


@given(width=st.sampled_from([2, 3, 16, COMMON - 1, COMMON, COMMON + 1]), seed=st.integers(0, 99))
def test_medians_and_maxima_are_those_of_sorting(width, seed):
    few_values = np.random.default_rng(seed).integers(0, 2 * width, (width, LANES))
    ordered = np.sort(few_values, axis=0)
    medians, tops = np.zeros((2, LANES), np.int32)
    _find_medians(few_values.astype(np.int32), median_network(width), medians, tops)
    assert (medians == ordered[(width - 1) // 2]).all()
    assert (tops == ordered[-1]).all()
