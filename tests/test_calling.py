"""Calling a model by the names of its arguments."""

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from edgescope.calling import call_model
from edgescope.errors import InputError

BATCH = Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0], [1]]), pos=torch.zeros(2, 3))


def model_with(forward):
    model = nn.Module()
    model.forward = forward
    return model


def test_arguments_are_matched_by_name_whatever_their_order():
    model = model_with(lambda pos, x, edge_index: (pos, x, edge_index))
    pos, x, edge_index = call_model(model, BATCH)
    assert (pos is BATCH.pos, x is BATCH.x, edge_index is BATCH.edge_index) == (True,) * 3


def test_arguments_with_a_default_are_left_out_if_the_batch_has_none():
    model = model_with(lambda edge_index, edge_attr="default": (edge_index, edge_attr))
    assert call_model(model, BATCH) == (BATCH.edge_index, "default")


def test_a_single_argument_that_is_no_attribute_gets_the_batch():
    assert call_model(model_with(lambda data: data), BATCH) is BATCH


def test_an_argument_that_the_batch_has_not_got_is_named():
    model = model_with(lambda x, charges: (x, charges))
    with pytest.raises(InputError, match="needs charges, which the batch has not got"):
        call_model(model, BATCH)
