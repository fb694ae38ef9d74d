"""GNNExplainer's mask acts in every layer, and on the right edges."""

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn import GATConv, TransformerConv

from edgescope.attribute import GNNExplainerMask, without_edges
from edgescope.attribute.edge_mask import loops_to_strip, masked_attention
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import call_model
from support.attribution_cases import (
    Planted,
    data_set,
    own_model,
    planted_batch,
    planted_layers,
    random_batch,
)

LEARN = GNNExplainerMask(task="labels", epochs=60, lr=0.1, edge_ent=0.0, edge_size=0.01)
"""Learns for long enough, and is held back by the number of edges only."""


@pytest.mark.parametrize("layer", planted_layers())
def test_edges_that_matter_by_construction_get_the_highest_masks(layer):
    batch, matters = planted_batch()
    model = Planted(planted_layers()[layer]).eval()
    mask = LEARN.attribute(model, batch)
    assert float(mask[matters].min()) > float(mask[~matters].max()) + 0.2


@pytest.mark.parametrize("layer", planted_layers())
def test_self_loops_in_the_input_do_not_move_the_mask(layer):
    batch, matters = planted_batch()
    model = Planted(planted_layers()[layer]).eval()
    loops = torch.arange(5).expand(2, -1)
    # One loop per node, first: as many rows as a layer that replaces them has.
    looped = Batch.from_data_list(
        [Data(x=batch.x, edge_index=torch.cat([loops, batch.edge_index], 1))]
    )
    mask = LEARN.attribute(model, looped)[5:]
    assert float(mask[matters].min()) > float(mask[~matters].max()) + 0.2


def test_pygs_own_mask_lands_on_another_edge_where_every_node_has_a_loop():
    torch.manual_seed(0)
    conv = GATConv(4, 4, heads=1)
    edges = torch.tensor([[0, 0, 1, 2, 1], [0, 1, 1, 2, 2]])
    x, mask = torch.randn(3, 4), torch.ones(5)
    mask[1] = 0.0  # the edge from 0 to 1
    whole = conv(x, edges)
    set_masks(conv, mask, edges, apply_sigmoid=False)
    masked = conv(x, edges)
    clear_masks(conv)
    changed = (whole - masked).abs().sum(1) > 1e-6
    assert changed.tolist() == [False, False, True], "node 1 should be the one that changes"
    # Without the loops, which the layer replaces anyway, it lands where it belongs.
    strip = loops_to_strip(conv, edges)
    assert strip.tolist() == [True, False, True, True, False]
    assert torch.allclose(conv(x, edges[:, ~strip]), whole)
    set_masks(conv, mask[~strip], edges[:, ~strip], apply_sigmoid=False)
    masked = conv(x, edges[:, ~strip])
    clear_masks(conv)
    changed = (whole - masked).abs().sum(1) > 1e-6
    assert changed.tolist() == [False, True, False]


def test_loops_get_0_where_layers_replace_them():
    batch = data_set([(3, [(0, 1), (1, 1), (1, 0), (2, 2)])]).batch([0])
    mask = GNNExplainerMask(epochs=2).attribute(own_model("GAT"), batch)
    assert mask[[1, 3]].tolist() == [0, 0]
    assert bool((mask[[0, 2]] > 0).all())


def test_loops_are_learnt_where_layers_use_them():
    batch = data_set([(3, [(0, 1), (1, 1), (1, 0), (2, 1)])]).batch([0])
    for architecture in ("TransformerConv", "GraphTransformer"):
        mask = GNNExplainerMask(epochs=2).attribute(own_model(architecture), batch)
        assert bool((mask[:3] > 0).all())


@pytest.mark.parametrize("architecture", ["GraphTransformer", "SAN"])
def test_attention_masked_by_0_is_that_without_the_edge(architecture):
    model, batch = own_model(architecture), random_batch(1, loops=False)
    keep = torch.arange(batch.edge_index.size(1)) % 3 > 0
    with torch.no_grad():
        with masked_attention(model, batch.edge_index, keep.float):
            masked = first_attended(model, batch)
        removed = first_attended(model, without_edges(batch, keep))
    torch.testing.assert_close(masked, removed, rtol=1e-5, atol=1e-6)


def test_added_pairs_of_a_full_graph_are_not_masked():
    model, batch = own_model("SAN", full_graph=True), random_batch(1, loops=False)
    weights = []
    model.layers[0].attention.weight.register_forward_hook(lambda _, __, w: weights.append(w))
    size = batch.edge_index.size(1)
    with torch.no_grad():
        first_attended(model, batch)
        with masked_attention(model, batch.edge_index, lambda: torch.zeros(size)):
            model.layers[0].attention.weight.register_forward_hook(
                lambda _, __, w: weights.append(w)
            )
            first_attended(model, batch)
    before, masked = weights[0], weights[-1]
    assert not masked[:size].any()
    assert masked[size:].equal(before[size:])
    assert len(before) > size


def first_attended(model, batch):
    """What the first layer's attention returns for the nodes."""
    seen = []
    handle = model.layers[0].attention.register_forward_hook(lambda _, __, o: seen.append(o[0]))
    call_model(model, batch)
    handle.remove()
    return seen[0]


def test_the_mask_gets_gradients_in_edge_attention():
    model, batch = own_model(), random_batch(1, loops=False)
    mask = torch.full((batch.edge_index.size(1),), 0.5, requires_grad=True)
    with masked_attention(model, batch.edge_index, lambda: mask):
        call_model(model, batch).sum().backward()
    assert bool((mask.grad != 0).any())


def test_another_seed_gives_another_mask_and_the_same_one_the_same():
    model, batch = own_model(), random_batch(1, loops=False)
    first, again, other = (
        GNNExplainerMask(epochs=2, seed=seed).attribute(model, batch) for seed in (0, 0, 1)
    )
    assert first.equal(again)
    assert not first.equal(other)


@pytest.mark.parametrize(("task", "outputs"), [("regression", 1), ("labels", 2), ("classes", 3)])
def test_every_task_has_its_loss(task, outputs):
    model, batch = own_model(out_dim=outputs), random_batch(1, loops=False)
    target = "predicted" if task == "classes" else outputs - 1
    mask = GNNExplainerMask(target, task=task, epochs=3).attribute(model, batch)
    assert bool(((mask >= 0) & (mask <= 1)).all())
    assert bool((mask > 0).any())


class Mixed(nn.Module):
    """One layer replaces self-loops, the other uses them."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([GATConv(4, 4), TransformerConv(4, 1)])

    def forward(self, x, edge_index):
        for conv in self.convs:
            x = conv(x, edge_index)
        return x


def test_loops_that_only_some_layers_replace_are_refused():
    graph = Data(x=torch.randn(2, 4), edge_index=torch.tensor([[0, 1], [1, 1]]))
    with pytest.raises(InputError, match="some layers of Mixed drop self-loops"):
        GNNExplainerMask(epochs=1).attribute(Mixed(), graph)
    graph.edge_index = torch.tensor([[0, 1], [1, 0]])
    assert GNNExplainerMask(epochs=1).attribute(Mixed(), graph).shape == (2,)


class Peeking(nn.Module):
    """Its layer replaces self-loops, but it counts them itself."""

    def __init__(self):
        super().__init__()
        self.conv = GATConv(4, 1)

    def forward(self, x, edge_index):
        return self.conv(x, edge_index) + edge_index.size(1)


def test_loops_that_the_model_uses_after_all_are_refused():
    graph = Data(x=torch.randn(2, 4), edge_index=torch.tensor([[0, 1], [1, 1]]))
    with pytest.raises(InputError, match=r"predicts .* with its self-loops and .* without"):
        GNNExplainerMask(epochs=1).attribute(Peeking(), graph)


def test_a_model_in_which_a_mask_does_nothing_is_refused():
    with pytest.raises(InputError, match="Linear has no message-passing layer"):
        GNNExplainerMask().attribute(nn.Linear(1, 1), random_batch(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0, expected at least 1"),
        ({"task": "ranking"}, "unknown task 'ranking'"),
        ({"edge_sice": 1.0}, "unknown coefficient 'edge_sice'"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        GNNExplainerMask(**options)
