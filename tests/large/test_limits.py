"""How many edges go into a chunk."""

import pytest
import torch

from edgescope.large import LargeGraph
from edgescope.large.limits import chunk_size
from edgescope.lib.errors import InputError
from edgescope.statistics import SketchLayout
from support.large_cases import random_model


@pytest.fixture
def case(monkeypatch):
    monkeypatch.setattr("edgescope.large.limits.CACHED_EDGES", 8192)
    graph = LargeGraph.from_edge_index(torch.zeros(2, 0).long(), torch.zeros(0).long(), 1000)
    return random_model(hidden_dim=64, num_heads=8), graph


def least(case, threads=1, sketch=None):
    """The smallest budget that is not refused."""
    with pytest.raises(InputError, match="allow at least that") as refusal:
        chunk_size(*case, 0, threads, sketch)
    return int(str(refusal.value).split(" bytes;")[0].split()[-1])


def test_the_budget_decides_up_to_what_the_cache_holds(case):
    memory = least(case)
    assert chunk_size(*case, memory, 1) == 256
    assert 256 < chunk_size(*case, memory + 2**20, 1) < 8192
    assert chunk_size(*case, 2**34, 1) == 8192


def test_threads_and_histograms_are_paid_from_the_budget(case):
    assert least(case) < least(case, threads=2) < least(case, 2, SketchLayout(8, 8))
