"""What holds for the layers that work on all relations at once: rows, and the softmax's bits."""

import inspect

import pytest
import torch
from hypothesis import given
from torch_geometric.nn import HANConv, HGTConv

from support.hetero_cases import hetero_graphs, joint_layer, observe, some_relations

layers = pytest.mark.parametrize("layer", [HANConv, HGTConv])


@layers
@given(hetero_graphs(), some_relations)
def test_rows_are_the_edges_of_each_relation_in_the_order_of_the_call(layer, data, relations):
    edges = {relation: data[relation].edge_index for relation in relations}
    for stage in observe(joint_layer(layer), data.x_dict, edges).stages.values():
        assert stage.relations == tuple(" ".join(relation) for relation in relations)
        assert torch.equal(stage.edge_index, torch.cat(list(edges.values()), dim=1))
        numbers_within = [torch.arange(each.size(1)) for each in edges.values()]
        assert torch.equal(stage.input_edge, torch.cat(numbers_within))
        types = [torch.full_like(each[0], number) for number, each in enumerate(edges.values())]
        assert torch.equal(stage.edge_type, torch.cat(types))
        assert len(stage.values) == len(stage.edge_type)


@layers
@given(hetero_graphs())
def test_logits_and_weights_are_bit_for_bit_those_of_the_layers_softmax(layer, data):
    calls = []
    module = inspect.getmodule(layer)
    softmax = module.softmax

    def watched(logit, *args, **options):
        calls.append((logit.clone(), softmax(logit, *args, **options)))
        return calls[-1][1].clone()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "softmax", watched)
        found = observe(joint_layer(layer), data.x_dict, data.edge_index_dict)
    for number, stage in enumerate(("logit", "weight")):
        taken = torch.cat([call[number] for call in calls])
        assert torch.equal(found.stages[stage].values.squeeze(-1), taken)
