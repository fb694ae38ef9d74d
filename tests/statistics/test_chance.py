"""How often a ratio is large by arithmetic alone, against draws."""

import pytest
import torch

from edgescope.statistics import edge_ratios
from edgescope.statistics.chance import chance_of_ratio


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 8, 16])
@pytest.mark.parametrize("ratio", [2.0, 30.0, 300.0])
def test_the_share_is_that_of_draws(width, ratio):
    random = torch.Generator().manual_seed(width)
    values = torch.randn(200_000, 1, width, 3, generator=random).prod(-1)
    over = (edge_ratios(values).top_ratio > ratio).double()
    expected = chance_of_ratio(width, ratio)
    error = (expected * (1 - expected) / len(over)) ** 0.5
    assert abs(float(over.mean()) - expected) <= 5 * error + 1e-5


def test_with_one_value_the_ratio_is_one():
    assert chance_of_ratio(1, 1.5) == 0


@pytest.mark.parametrize("width", [2, 3, 64])
def test_it_falls_with_the_ratio(width):
    shares = [chance_of_ratio(width, ratio) for ratio in (1.5, 3.0, 10.0, 100.0, 1e4)]
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= share <= 1 for share in shares)


def test_the_figures_of_the_page_of_the_rule():
    expected = {2: 59, 3: 1_800, 4: 500, 8: 14_000, 16: 1_700_000}
    for width, once_in in expected.items():
        assert 1 / chance_of_ratio(width, 1000.0) == pytest.approx(once_in, rel=0.05)
