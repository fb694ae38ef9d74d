"""Calling a model by the names of its arguments."""

import weakref

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.nn import TransformerConv, to_hetero

from edgescope.lib.errors import InputError
from edgescope.lib.model_call import call_model, forward_signature

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
    given = call_model(model_with(lambda data: data), BATCH)
    assert given.x is BATCH.x
    assert given is not BATCH  # as the model may write to it


def test_an_argument_that_the_batch_has_not_got_is_named():
    model = model_with(lambda x, charges: (x, charges))
    with pytest.raises(InputError, match="needs charges, which the batch lacks"):
        call_model(model, BATCH)


def hetero_batch():
    graph = HeteroData()
    graph["author"].x, graph["paper"].x = torch.ones(2, 3), torch.zeros(1, 4)
    graph["author", "writes", "paper"].edge_index = torch.tensor([[0, 1], [0, 0]])
    return Batch.from_data_list([graph, graph])


@pytest.mark.parametrize(
    "forward",
    [
        lambda x, edge_index, batch: (x, edge_index, batch),
        lambda x_dict, edge_index_dict, batch_dict: (x_dict, edge_index_dict, batch_dict),
    ],
    ids=["x", "x_dict"],
)
def test_a_heterogeneous_batch_gives_what_it_holds_by_type(forward):
    batch = hetero_batch()
    x, edge_index, graph = call_model(model_with(forward), batch)
    assert all(x[kind] is batch[kind].x for kind in ("author", "paper"))
    relation = ("author", "writes", "paper")
    assert edge_index[relation] is batch[relation].edge_index
    assert {kind: each.tolist() for kind, each in graph.items()} == {
        "author": [0, 0, 1, 1],
        "paper": [0, 1],
    }


def test_what_no_type_of_a_heterogeneous_batch_has_is_left_out_or_named():
    model = model_with(lambda x_dict, edge_attr_dict="default": (len(x_dict), edge_attr_dict))
    assert call_model(model, hetero_batch()) == (2, "default")
    with pytest.raises(InputError, match="needs edge_attr, which the batch lacks"):
        call_model(model_with(lambda x, edge_attr: (x, edge_attr)), hetero_batch())


def test_a_single_argument_gets_a_heterogeneous_batch_whole():
    batch = hetero_batch()
    given = call_model(model_with(lambda data: data), batch)
    assert given.x_dict.keys() == batch.x_dict.keys()
    assert given["paper"].x is batch["paper"].x


def test_methods_of_the_batch_are_no_attributes():
    model = model_with(lambda size="default", coalesce="default": (size, coalesce))
    assert call_model(model, BATCH) == ("default", "default")


def test_a_model_of_to_hetero_is_called_with_what_the_batch_holds_by_type():
    class Homogeneous(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = TransformerConv((-1, -1), 2)

        def forward(self, x, edge_index):
            return self.conv(x, edge_index)

    relations = [("author", "writes", "paper"), ("paper", "by", "author")]
    batch = hetero_batch()
    batch[relations[1]].edge_index = batch[relations[0]].edge_index.flip(0)
    model = to_hetero(Homogeneous(), (["author", "paper"], relations))
    found = call_model(model, batch)
    expected = model(batch.x_dict, batch.edge_index_dict)
    assert all(torch.equal(found[kind], expected[kind]) for kind in expected)


class Doubled(nn.Module):
    def forward(self, x, factor=2):
        return factor * x


def test_the_signature_of_a_method_is_without_self():
    assert list(forward_signature(Doubled()).parameters) == ["x", "factor"]


def test_a_forward_of_one_module_alone_has_its_own_signature():
    patched = Doubled()
    patched.forward = lambda pos: pos
    assert list(forward_signature(patched).parameters) == ["pos"]
    assert list(forward_signature(Doubled()).parameters) == ["x", "factor"]


def test_a_looked_up_signature_keeps_no_model_in_memory():
    model = Doubled()
    forward_signature(model)
    gone = weakref.ref(model)
    del model
    assert gone() is None


def test_keys_of_a_dictionary_are_what_it_holds():
    batch = {"x": torch.ones(2, 1), "items": torch.zeros(1), "y": torch.ones(1)}
    x, items = call_model(model_with(lambda x, items: (x, items)), batch)
    assert (x is batch["x"], items is batch["items"]) == (True, True)
    with pytest.raises(InputError, match=r"needs values, which the batch lacks \(dict\)"):
        call_model(model_with(lambda x, values: (x, values)), batch)


@pytest.mark.parametrize("kind", [tuple, list])
def test_as_many_things_as_arguments_are_handed_over_in_their_order(kind):
    batch = kind([torch.ones(2, 1), torch.eye(2)])
    x, adjacency = call_model(model_with(lambda x, adjacency: (x, adjacency)), batch)
    assert (x is batch[0], adjacency is batch[1]) == (True, True)


def test_a_tuple_of_more_things_than_arguments_is_refused():
    with pytest.raises(InputError, match="needs x, adjacency, which the batch lacks"):
        call_model(model_with(lambda x, adjacency: (x, adjacency)), (torch.ones(1),) * 3)


def test_a_model_of_the_first_of_a_tuple_is_refused_with_what_to_pass():
    model = model_with(lambda data: data.x)
    with pytest.raises(InputError, match=r"tuple \(Data, Tensor\).*call=lambda model, batch: mod"):
        call_model(model, (BATCH, torch.ones(2)))
    with pytest.raises(AttributeError, match="'GlobalStorage' object"):  # the model's own
        call_model(model_with(lambda pair: pair[0].nothing), (BATCH, torch.ones(2)))
