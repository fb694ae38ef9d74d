"""Attention weights of the right edges, and relevance that flows back along them."""

import numpy as np
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.explain import AttentionExplainer, Explainer, ModelConfig
from torch_geometric.nn import GATConv, GCNConv, TransformerConv

import edgescope as es
from edgescope.attribute import AttentionRollout, AttentionWeight
from edgescope.lib.errors import InputError
from support.attribution_cases import data_set, foreign, own_model, random_batch, with_features


def weights_by_node(model, batch):
    """Weight of every edge at every layer [L, E], as the layers themselves return them."""
    found, state = [], model.atom(batch.x)
    for conv in model.convs:
        state, (edges, weight) = conv(
            state, batch.edge_index, batch.edge_attr, return_attention_weights=True
        )
        state = state.tanh()
        # Rows of GAT's layer: the edges without loops in their order, then a loop per node.
        given = (batch.edge_index[0] != batch.edge_index[1]).nonzero().squeeze(1)
        if edges.size(1) == batch.edge_index.size(1) and edges.equal(batch.edge_index):
            given = torch.arange(edges.size(1))
        layer = torch.zeros(batch.edge_index.size(1))
        layer[given] = weight.detach()[: len(given)].mean(1)
        found.append(layer)
    return torch.stack(found)


@pytest.mark.parametrize("layer", [GATConv, TransformerConv])
@pytest.mark.parametrize("seed", range(3))
def test_the_weight_is_the_mean_over_layers_and_heads(layer, seed):
    model, batch = foreign(layer, seed), with_features(random_batch(seed))
    found = AttentionWeight().attribute(model, batch)
    expected = weights_by_node(model, batch).mean(0)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_a_self_loop_in_the_input_shifts_the_numbers_of_pygs_explainer_but_not_ours():
    edges = torch.tensor([[0, 0, 1, 2, 3, 0], [0, 1, 2, 3, 0, 2]])
    torch.manual_seed(0)
    conv = GATConv(4, 4, heads=2)
    model, x = One(conv), torch.randn(4, 4)
    explainer = Explainer(
        model,
        AttentionExplainer(reduce="mean"),
        explanation_type="model",
        edge_mask_type="object",
        model_config=ModelConfig("regression", task_level="graph", return_type="raw"),
    )
    theirs = explainer(x, edges).edge_mask
    _, (seen, weight) = conv(x, edges, return_attention_weights=True)
    by_ends = dict(zip(map(tuple, seen.t().tolist()), weight.mean(1).tolist(), strict=True))
    expected = [by_ends[tuple(edge)] for edge in edges.t().tolist()]
    expected[0] = 0.0  # the layer drops it; the loop in its place is another edge
    ours = AttentionWeight().attribute(model, Data(x=x, edge_index=edges))
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-5)
    wrong = ~np.isclose(theirs.numpy(), expected, rtol=1e-5)
    assert wrong.all(), "PyG's explainer got an edge right; say so no more"


class One(torch.nn.Module):
    """One layer, the nodes' outputs summed."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x, edge_index):
        return self.conv(x, edge_index).sum().view(1, 1)


def rollout_by_matrices(model, batch, residual):
    """Importance of every edge from dense matrices of every layer and their products."""
    nodes = len(batch.x)
    with es.capture(model, "*:weight") as tape, torch.no_grad():
        model(x=batch.x, edge_index=batch.edge_index, edge_attr=batch.edge_attr, batch=batch.batch)
    steps, shares = [], []
    for site in tape.sites:
        seen = tape[site]
        rows = seen.values.double().mean((1, 2)).numpy()
        attention = np.zeros((nodes, nodes))
        np.add.at(attention, (seen.edge_index[1].numpy(), seen.edge_index[0].numpy()), rows)
        step = (1 - residual) * attention + residual * np.eye(nodes)
        total = step.sum(1)
        steps.append(step / total[:, None])
        position = seen.identity.position
        share = np.zeros(batch.edge_index.size(1))
        for row, place in enumerate(position.tolist()):
            if place >= 0:
                target = int(seen.edge_index[1, row])
                share[place] = (1 - residual) * rows[row] / total[target]
        shares.append(share)
    importance = np.zeros(batch.edge_index.size(1))
    for layer, share in enumerate(shares):
        above = np.eye(nodes)
        for step in reversed(steps[layer + 1 :]):
            above = above @ step
        relevance = np.ones(nodes) @ above
        importance += relevance[batch.edge_index[1].numpy()] * share
    return importance


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("architecture", ["GraphTransformer", "GAT"])
def test_rollout_is_the_product_of_dense_matrices(architecture, seed):
    model, batch = own_model(architecture, seed, num_layers=3), random_batch(seed)
    for residual in (0.5, 0.2):
        found = AttentionRollout(residual).attribute(model, batch)
        expected = rollout_by_matrices(model, batch, residual)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-9)


def test_relevance_flows_through_pairs_of_nodes_that_are_no_edges():
    model, batch = own_model("SAN", full_graph=True, gamma=0.5), random_batch(1, loops=False)
    batch.edge_index = torch.unique(batch.edge_index, dim=1)
    batch.edge_attr = torch.zeros(batch.edge_index.size(1), dtype=torch.long)
    found = AttentionRollout().attribute(model, batch)
    np.testing.assert_allclose(found.numpy(), rollout_by_matrices(model, batch, 0.5), rtol=1e-6)


def test_without_residual_a_node_that_attends_to_nothing_keeps_its_relevance():
    data = data_set([(3, [(0, 1), (1, 2)])])
    found = AttentionRollout(0.0).attribute(own_model(num_layers=3), data.batch([0]))
    # All relevance of node 2 goes to 1 in the last layer, on to 0 below, and stays there.
    assert found.tolist() == pytest.approx([1 + 1 + 0, 1 + 0 + 0], abs=1e-4)


@pytest.mark.parametrize("residual", [-0.1, 1.0])
def test_a_residual_out_of_range_is_refused(residual):
    with pytest.raises(InputError, match="expected a number from 0 to below 1"):
        AttentionRollout(residual)


def test_a_model_without_attention_weights_is_refused():
    graph = Data(x=torch.randn(2, 4), edge_index=torch.tensor([[0], [1]]))
    with pytest.raises(InputError, match="One has no layer whose edges can be captured"):
        AttentionWeight().attribute(One(GCNConv(4, 4)), graph)
