"""q-values where some tests have no p-value."""

import numpy as np
from scipy.stats import false_discovery_control

from edgescope.statistics.false_discovery import q_values


def test_rows_without_a_p_value_do_not_count():
    p = np.array([0.01, np.nan, 0.04, 0.5])
    q = q_values(p)
    assert np.isnan(q[1])
    np.testing.assert_array_equal(q[[0, 2, 3]], false_discovery_control(p[[0, 2, 3]]))


def test_no_tests_have_no_q_values():
    assert q_values(np.array([])).shape == (0,)
    assert np.isnan(q_values(np.array([np.nan]))).all()
