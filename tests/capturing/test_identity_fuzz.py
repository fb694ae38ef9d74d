"""Whatever a model does with its edges: every captured row is the edge it is said to be.

A run of ``make fuzz`` checks a million rows and counts what is refused.
"""

from functools import partial
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgescope as es
from support.identity.flow import OPERATIONS
from support.identity.forms import FORMS
from support.identity.graphs import Truth
from support.identity.layers import TagAdapter, tag_layer, tags_of
from support.identity.models import Arguments, LayerOptions, Step
from support.identity.oracle import wrong_fields
from support.identity.programs import Program, draw_program, is_certain, layers_of, run_program
from support.identity.tally import Tally

pytestmark = pytest.mark.usefixtures("own_adapters")


@pytest.fixture(autouse=True)
def own_layer(own_adapters):
    es.capture.register(TagAdapter())


def check(program: Program) -> Tally:
    tally = Tally()
    tally.add(program, run_program(program))
    assert not tally.wrong, tally.text(0)
    assert not tally.crashed, tally.text(0)
    return tally


# A capture that is wrong in one way, by what the trial must then report.
LIES = {
    "input_edge": lambda said: said._replace(input_edge=said.input_edge.flip(0)),
    "added": lambda said: said._replace(input_edge=torch.full_like(said.input_edge, -1)),
    "graph": lambda said: said._replace(graph=1 - said.graph),
    "edge_type": lambda said: said._replace(edge_type=said.edge_type + 1),
    "source": lambda said: said._replace(node_offset=said.node_offset + 1),
    "target_row": lambda said: said._replace(target_row=0),
    "input": lambda said: said._replace(input="another"),
}


@pytest.mark.parametrize("lie", LIES)
def test_the_trial_sees_what_is_wrong(lie):
    model, edges = tag_layer("own", "source_to_target", False, 0), torch.tensor([[0, 1], [1, 0]])
    tag, x = torch.tensor([0.0, 1.0]), torch.tensor([[0.0], [1.0]])
    wrapped = Arguments((Step("layer"),), (LayerOptions("own", "source_to_target", False),))
    kinds = torch.tensor([2, 3])
    with es.capture(wrapped) as tape:
        wrapped(x, edges, tag, kinds, torch.tensor([0, 0]))
    assert model is wrapped.layers[0]
    said = tape["layers.0:message"]
    nodes = np.array([[0, 0, 0], [0, 1, 1]])
    truth = Truth("", np.array([[0, 0, 2], [0, 1, 3]]), (nodes, nodes), 0, (0, 0))

    def wrong(found):
        by_field = wrong_fields(found, tags_of(said.values), [truth], names=("",), target_row=1)
        return {name for name, rows in by_field.items() if rows.any()}

    assert not wrong(said)
    assert lie in wrong(said._replace(identity=LIES[lie](said.identity)))


UNCHECKED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=UNCHECKED)
@given(st.randoms(use_true_random=False))
def test_no_row_is_called_an_edge_that_it_is_not(random):
    check(draw_program(random))


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_single_operation_confuses_edges(name):
    for number in range(6):
        check(draw_program(Random(f"{name}{number}"), name))


@pytest.mark.parametrize("form", FORMS)
def test_edges_used_as_they_are_given_are_never_refused(form):
    total = Tally()
    number = 0
    while total.programs < 25:
        program = draw_program(Random(f"{form}{number}"), "same")
        number += 1
        if program.form == form and all(map(partial(is_certain, program), layers_of(program))):
            total.add(program, run_program(program))
    assert not total.wrong, total.text(0)
    assert not total.refused, total.text(0)
    assert total.right
