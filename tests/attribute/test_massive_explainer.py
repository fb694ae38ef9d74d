"""Importance from massive activations, as a method and as an algorithm of PyG."""

import copy
import logging

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from torch import nn
from torch_geometric.explain import Explainer, ModelConfig
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.attribute import MassiveActivationExplainer
from edgescope.lib.errors import InputError
from support.attribution_cases import data_set, foreign, own_model, random_batch, with_features

GRAPH = ModelConfig("regression", task_level="graph", return_type="raw")


def ratios_by_hand(model, batch, stage="score"):
    """log10 of max over lower median of every edge at every layer [L, E], from the tape."""
    with es.capture(model, f"*:{stage}") as tape, torch.no_grad():
        model(x=batch.x, edge_index=batch.edge_index, edge_attr=batch.edge_attr, batch=batch.batch)
    layers = []
    for site in tape.sites:
        magnitude = np.abs(tape[site].values.flatten(1).numpy())
        middle = np.sort(magnitude, axis=1)[:, (magnitude.shape[1] - 1) // 2]
        rows = np.log10(magnitude.max(1) / middle)
        edges = np.zeros(batch.edge_index.size(1))
        first = np.searchsorted(batch.batch[batch.edge_index[0]].numpy(), np.arange(3))
        for row, graph, place in zip(
            rows, tape[site].graph.tolist(), tape[site].input_edge.tolist(), strict=True
        ):
            if place >= 0:
                edges[first[graph] + place] = row
        layers.append(edges)
    return np.stack(layers)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("architecture", ["GraphTransformer", "GATv2"])
def test_the_score_is_the_logarithm_of_the_largest_ratio_of_all_layers(architecture, seed):
    model, batch = own_model(architecture, seed), random_batch(seed)
    expected = ratios_by_hand(model, batch).max(0)
    found = MassiveActivationExplainer().attribute(model, batch)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "aggregate"),
    [
        ("mean", lambda each: each.mean(0)),
        ("last", lambda each: each[-1]),
        ([0], lambda each: each[0]),
        ([0, -1], lambda each: each[[0, -1]].max(0)),
    ],
)
def test_layers_are_aggregated_as_stated(layers, aggregate):
    model, batch = own_model(num_layers=3), random_batch(1)
    found = MassiveActivationExplainer(layers=layers).attribute(model, batch)
    np.testing.assert_allclose(found.numpy(), aggregate(ratios_by_hand(model, batch)), rtol=1e-4)


def test_the_reverse_has_the_opposite_sign():
    model, batch = own_model(), random_batch(2)
    massive = MassiveActivationExplainer().attribute(model, batch)
    assert MassiveActivationExplainer(reverse=True).attribute(model, batch).equal(-massive)


def test_an_edge_made_massive_is_the_most_important_one():
    model, batch = own_model(), random_batch(1, loops=False)

    def grow(_, __, score):
        score = score.clone()
        score[3, 0, 0] *= 1e5
        return score

    model.layers[1].attention.score.register_forward_hook(grow)
    assert int(MassiveActivationExplainer().attribute(model, batch).argmax()) == 3
    ranked = MassiveActivationExplainer(measure="magnitude", scale="rank").attribute(model, batch)
    assert ranked[3] == 1


def test_growth_is_the_difference_of_logarithms_to_the_baseline():
    model, before, batch = own_model(seed=1), own_model(seed=2), random_batch(0)
    growth = MassiveActivationExplainer("growth", [1], baseline=before).attribute(model, batch)
    expected = ratios_by_hand(model, batch)[1] - ratios_by_hand(before, batch)[1]
    np.testing.assert_allclose(growth.numpy(), expected, rtol=1e-3, atol=1e-5)


def test_a_baseline_is_left_in_its_mode():
    before = own_model().train()
    explainer = MassiveActivationExplainer("growth", baseline=before)
    explainer.attribute(own_model(), random_batch(0))
    assert before.training


def test_a_self_loop_that_the_layers_replace_has_the_lowest_score():
    batch = data_set([(3, [(0, 1), (1, 1), (1, 0)])]).batch([0])
    score = MassiveActivationExplainer().attribute(own_model("GAT"), batch)
    assert score[1] == 0
    assert bool((score[[0, 2]] > 0).all())


def test_an_edge_whose_median_is_0_counts_as_one_where_nothing_stands_out():
    model, batch = own_model(num_layers=1), random_batch(1)

    def rare(_, __, score):
        return torch.zeros_like(score).index_fill_(2, torch.tensor([0]), 7.0)

    model.layers[0].attention.score.register_forward_hook(rare)
    assert not MassiveActivationExplainer().attribute(model, batch).any()


def test_activations_that_are_not_finite_are_refused():
    model = own_model()
    with torch.no_grad():
        model.layers[0].attention.key.weight[0, 0] = float("nan")
    with pytest.raises(InputError, match="activations that are not finite"):
        MassiveActivationExplainer().attribute(model, random_batch(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "size"}, "unknown measure 'size'"),
        ({"scale": "linear"}, "unknown scale 'linear'"),
        ({"layers": "first"}, "unknown layers 'first'"),
        ({"layers": []}, "no positions in layers="),
        ({"measure": "growth"}, "without a baseline"),
        ({"baseline": nn.Linear(1, 1)}, "and a baseline"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        MassiveActivationExplainer(**options)


def test_a_layer_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="received layer 2, but GraphTransformer has 2 layers"):
        MassiveActivationExplainer(layers=[0, 2]).attribute(own_model(), random_batch(1))


def test_pygs_explainer_runs_it_on_a_foreign_model():
    model, batch = foreign(), with_features(random_batch(1, loops=False))
    algorithm = MassiveActivationExplainer()
    explainer = Explainer(
        model, algorithm, explanation_type="model", model_config=GRAPH, edge_mask_type="object"
    )
    found = explainer(batch.x, batch.edge_index, edge_attr=batch.edge_attr, batch=batch.batch)
    score = algorithm.attribute(model, batch)
    assert found.edge_score.equal(score)
    of = batch.batch[batch.edge_index[0]]
    for graph in of.unique():
        mine = of == graph
        expected = rankdata(score[mine].numpy()) / int(mine.sum())
        np.testing.assert_allclose(found.edge_mask[mine].numpy(), expected, rtol=1e-6)
    assert found.validate()


@pytest.mark.parametrize(
    ("options", "level", "reason"),
    [
        ({"explanation_type": "phenomenon", "edge_mask_type": "object"}, "graph", "what the model"),
        ({"edge_mask_type": "object", "node_mask_type": "object"}, "graph", "node_mask_type"),
        ({"node_mask_type": "attributes"}, "graph", "node_mask_type"),
        ({"edge_mask_type": "object"}, "edge", "predictions of edges"),
    ],
)
def test_pygs_explainer_hears_early_what_it_cannot_do(options, level, reason, caplog):
    config = ModelConfig("regression", task_level=level, return_type="raw")
    options = {"explanation_type": "model"} | options
    with caplog.at_level(logging.ERROR), pytest.raises(ValueError, match="does not support"):
        Explainer(foreign(), MassiveActivationExplainer(), model_config=config, **options)
    assert reason in caplog.text


class Nodes(nn.Module):
    """A classifier of nodes with one layer."""

    def __init__(self):
        super().__init__()
        self.conv = GATConv(3, 4, heads=2)

    def forward(self, x, edge_index):
        return self.conv(x, edge_index)


def test_edges_out_of_reach_of_the_node_explained_get_a_mask_of_0():
    torch.manual_seed(0)
    edges = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    config = ModelConfig("multiclass_classification", task_level="node", return_type="raw")
    explainer = Explainer(
        Nodes(),
        MassiveActivationExplainer(),
        explanation_type="model",
        model_config=config,
        edge_mask_type="object",
    )
    mask = explainer(torch.randn(4, 3), edges, index=0).edge_mask
    assert (mask > 0).tolist() == [True, True, False, False, False, False]


def test_a_heterogeneous_graph_is_refused():
    with pytest.raises(InputError, match="heterogeneous graph"):
        MassiveActivationExplainer()(foreign(), {}, {}, target=None)


def test_a_copy_explains_as_the_original_does():
    model, batch = own_model(), random_batch(1)
    explainer = MassiveActivationExplainer(layers="mean")
    assert copy.deepcopy(explainer).attribute(model, batch).equal(explainer.attribute(model, batch))
