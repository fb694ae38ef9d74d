"""Passes are counted where they happen."""

import pytest
import torch

from edgescope.attribute import METHODS, Settings, costs, importances, make
from edgescope.attribute.method import CountingCall
from edgescope.lib.model_call import call_model
from support.attribution_cases import data_set, own_model

DATA = data_set([(3, [(0, 1), (1, 0), (1, 2), (2, 1)]), (4, [(0, 1), (1, 0), (2, 2)])])


def test_a_pass_of_a_batch_counts_its_graphs():
    model, counting = own_model(), CountingCall(call_model)
    output = counting(model, DATA.batch([0, 1, 1]))
    assert (counting.forward, counting.backward) == (3, 0)
    output.sum().backward()
    assert (counting.forward, counting.backward) == (3, 3)


def test_a_model_called_several_times_counts_each():
    def twice(model, batch):
        return call_model(model, batch) + call_model(model, batch)

    counting = CountingCall(twice)
    with torch.no_grad():
        counting(own_model(), DATA.batch([0]))
    assert counting.forward == 2


def test_no_hook_is_left_when_the_model_raises():
    model, batch = own_model(), DATA.batch([0])
    batch.x = batch.x + 100
    with pytest.raises(ValueError, match="unknown node type"):
        CountingCall(call_model)(model, batch)
    assert not model._forward_hooks


EXPECTED = {
    "massive": (1, 0),
    "massive_reversed": (1, 0),
    "attention": (1, 0),
    "rollout": (1, 0),
    "gradient_x_input": (1, 1),
    "integrated_gradients": (6, 5),  # 5 steps
    "occlusion": (1 + 2, 0),  # two undirected edges in each graph
    "occlusion_features": (2 + 2, 0),  # and one pass for the mean state
    "gnnexplainer": (1 + 3, 3),  # 3 epochs
    "random": (0, 0),
    "degree": (0, 0),
    "edge_type_frequency": (0, 0),
}


@pytest.mark.parametrize("name", METHODS)
def test_the_passes_per_graph_are_those_stated(name):
    method = make(name, Settings(steps=5, epochs=3))
    found = importances(own_model(), DATA, method, batch_size=1, progress=False)[name]
    assert (found.forward_passes, found.backward_passes) == EXPECTED[name]
    assert found.seconds > 0


def test_the_table_of_costs_has_a_row_per_method():
    found = importances(own_model(), DATA, ["massive", "degree"], progress=False)
    assert costs(found).select("method", "forward_passes").rows() == [("massive", 1), ("degree", 0)]
