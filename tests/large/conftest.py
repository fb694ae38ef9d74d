"""Pieces and chunks so small that little graphs have many of them."""

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def small_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgescope.large.passes.PIECE", 7)
        patch.setattr("edgescope.large.limits.CACHED_EDGES", 3)
        yield


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)
