"""However a loader brings its graphs, a massive activation is found on the edge that it names."""

from collections.abc import Iterator
from random import Random

import pytest

import edgescope as es
from edgescope.capturing.adapters.registry import ADAPTERS
from support.identity.layers import TagAdapter
from support.identity.scans import LOADERS, MODELS, draw_scan, run_scan


@pytest.fixture(autouse=True)
def own_layer() -> Iterator[None]:
    before = list(ADAPTERS)
    es.capture.register(TagAdapter())
    yield
    ADAPTERS[:] = before


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("model", MODELS)
def test_rows_name_the_edge_and_graph_whose_tags_they_hold(model, loader):
    for number in range(6):
        program = draw_scan(Random(f"{model}{loader}{number}"), model, loader)
        found = run_scan(program)
        assert not found.wrong_rows, (program, found)
        assert not found.crashed, (program, found)


@pytest.mark.parametrize("loader", ["in order", "list", "subset"])
@pytest.mark.parametrize("model", ["one set", "one set, untold", "two sets"])
def test_a_loader_that_tells_the_order_is_not_refused(model, loader):
    for number in range(6):
        program = draw_scan(Random(f"{model}{loader}{number}"), model, loader)
        found = run_scan(program)
        assert not found.refused, (program, found)
        assert found.right
