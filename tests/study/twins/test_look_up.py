"""The dictionary look-up: GAT is static and fails, GATv2 is not and solves it."""

import pytest
import torch
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv, GATv2Conv

import edgescope as es
from edgescope.diagnosis import diagnose
from edgescope.diagnosis.remedies import try_remedy
from edgescope.diagnosis.rules.static_attention import StaticAttention
from edgescope.lib.errors import InputError
from edgescope.study.twins.look_up import LookUp, look_up_data, train_look_up

STEPS = 200


@pytest.mark.parametrize("keys", [2, 3])
def test_a_query_asks_for_the_value_of_the_key_with_its_attribute(keys):
    for graph in look_up_data(keys):
        for query in range(keys, 2 * keys):
            sources = graph.edge_index[0, graph.edge_index[1] == query]
            assert sources.tolist() == list(range(keys))
            attribute = graph.x[query, :keys]
            key = next(node for node in sources if torch.equal(graph.x[node, :keys], attribute))
            assert graph.x[key, keys:].argmax() == graph.y[query]


def test_all_assignments_are_there_once_in_an_order_of_the_seed():
    one, other = ([tuple(g.y.tolist()) for g in look_up_data(3, seed=seed)] for seed in (0, 1))
    assert len(set(one)) == 6
    assert one != other
    assert sorted(one) == sorted(other)


@pytest.mark.parametrize("keys", [1, 7])
def test_too_few_or_too_many_keys_are_refused(keys):
    with pytest.raises(InputError, match=f"keys={keys}"):
        look_up_data(keys)


def static(model, graphs):
    return diagnose(
        model, DataLoader(graphs, batch_size=8), rules=[StaticAttention()], progress=False, every=1
    )


@pytest.mark.parametrize("seed", range(2))
def test_gat_is_flagged_and_fails_and_the_cured_model_solves_the_task(seed):
    graphs = look_up_data(4)
    torch.manual_seed(seed)
    model = LookUp(GATConv(8, 16, add_self_loops=False), 16)
    assert train_look_up(model, graphs, steps=STEPS) < 0.6
    (finding,) = static(model, graphs)
    assert (finding.severity, finding.mechanical) == ("warning", "gatv2")
    cured = try_remedy(model, finding, seed=seed)
    assert train_look_up(cured, graphs, steps=STEPS) == 1
    assert not static(cured, graphs)


def test_gatv2_is_not_flagged_before_training_either():
    graphs = look_up_data(4)
    torch.manual_seed(0)
    assert not static(LookUp(GATv2Conv(8, 16, add_self_loops=False), 16), graphs)
    assert es.diagnose is diagnose


def test_as_many_heads_as_keys_and_more_make_up_for_static_rankings():
    graphs = look_up_data(4)
    torch.manual_seed(0)
    model = LookUp(GATConv(8, 4, heads=8, add_self_loops=False), 32)
    assert train_look_up(model, graphs, steps=STEPS) == 1
    (finding,) = static(model, graphs)
    assert finding.evidence["reordered_by_head"] == [0] * 8
