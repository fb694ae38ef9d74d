"""Ablation: what matters is found to matter, and nothing else; everything else stays as it was."""

import copy

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.capturing import edit
from edgescope.lib.errors import EdgescopeWarning
from edgescope.lib.model_call import call_model
from edgescope.models import EdgeAttention
from support.ablation_cases import (
    ablated,
    everything,
    graphs_with_targets,
    loader,
    mae,
    nothing,
    predictions,
)
from support.scan_equality import numbered_graphs, small_model

MASSIVE = 60.0


class Planted(nn.Module):
    """One attention layer over nodes of which those of type 0 send one massive channel.

    Args:
        alive: whether the prediction is read from that channel, or from all others.
    """

    def __init__(self, alive):
        super().__init__()
        torch.manual_seed(0)
        self.node_embedding = nn.Embedding(5, 8)
        self.attention = EdgeAttention(8, 2)
        self.register_buffer("read", torch.ones(8))
        self.read[3] = 0
        if alive:
            self.read = 1 - self.read
        with torch.no_grad():
            self.attention.value.weight.copy_(torch.eye(8))
            self.attention.query.weight.zero_()  # all neighbours weigh the same
            self.node_embedding.weight[0, 3] = MASSIVE

    def forward(self, x, edge_index, edge_attr, batch):
        edge = torch.ones(len(edge_attr), 8)
        attended, _ = self.attention(self.node_embedding(x), edge, edge_index)
        graphs = int(batch.max()) + 1
        return attended.new_zeros(graphs, 8).index_add(0, batch, attended) @ self.read[:, None]


def planted(alive, **options):
    """Ablate a planted model that is right about every graph."""
    model = Planted(alive)
    batches = list(DataLoader(numbered_graphs(40), batch_size=16))
    for batch in batches:
        batch.y = call_model(model, batch).detach()
    found = ablated(model, batches, sites="*:message", where=20, **options)
    return {row["selection"]: row for row in found.table().iter_rows(named=True)}, found


def test_a_planted_massive_activation_that_carries_the_prediction_matters():
    rows, found = planted(alive=True, value="zero")
    assert rows["chosen"]["change_low"] > 1
    for control in ("number", "magnitude", "edge_type"):
        assert rows[control]["change"] < 0.05 * rows["chosen"]["change"]
        assert rows[control]["excess_low"] > 1
    assert found.conclusion().endswith("more harm than every control")


def test_a_planted_massive_activation_in_a_dead_channel_does_not_matter():
    rows, found = planted(alive=False, value="zero")
    assert rows["chosen"]["activations"] > 5
    assert (rows["chosen"]["change"], rows["chosen"]["moved"]) == (0, 0)
    assert all(rows[control]["excess"] < 0 for control in ("number", "magnitude", "edge_type"))
    assert "more harm" not in found.conclusion()


def test_the_match_of_magnitudes_is_told():
    rows, _ = planted(alive=True)
    assert rows["magnitude"]["magnitude_ratio"] == pytest.approx(
        rows["magnitude"]["magnitude"] / rows["chosen"]["magnitude"]
    )
    assert rows["number"]["magnitude_ratio"] < rows["magnitude"]["magnitude_ratio"] < 1


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_choosing_nothing_changes_no_bit(seed):
    table = ablated(small_model(seed), where=nothing, value="zero").table()
    chosen = table.filter(selection="chosen")
    assert chosen["moved"].to_list() == [0] * 3
    assert chosen["change"].to_list() == [0] * 3
    assert table.filter(pl.col("selection") != "chosen")["draws"].sum() == 0


def test_zeroing_all_messages_of_the_last_layer_is_attention_that_gives_zero():
    model = small_model()
    silent = copy.deepcopy(model)
    silent.layers[1].attention.register_forward_hook(
        lambda _, __, output: (torch.zeros_like(output[0]), output[1])
    )
    found = ablated(
        model, where=everything, value="zero", sites="*:message", layers=[-1], controls=()
    )
    row = found.table().row(0, named=True)
    assert row["metric"] == pytest.approx(mae(predictions(silent, loader()), loader()), rel=1e-6)
    assert row["share"] == row["edge_share"] == 1


def test_everything_untrained_is_the_model_with_that_site_of_the_untrained():
    model, other, site = small_model(0), small_model(1), "layers.1.attention:score"
    found = ablated(
        model, where=everything, value="untrained", baseline=other, layers=["layers.1"], controls=()
    )
    expected = []
    with torch.no_grad():
        for batch in loader():
            with es.capture(other, site) as tape:
                call_model(other, batch)
            values = tape[site].values
            with edit(model, site, lambda _, values=values: values):
                expected.append(call_model(model, batch))
    moved = (torch.cat(expected).double() - predictions(model, loader())).abs().mean().item()
    assert moved > 0
    assert found.table()["moved"][0] == pytest.approx(moved, rel=1e-6)


def test_an_untrained_ensemble_stands_for_its_first_member():
    model, batches = small_model(), loader()
    member = next(iter(es.Untrained(members=1, seed=3).models(model, batches)))
    options = {"where": 5, "value": "untrained", "controls": ()}
    one = ablated(model, batches, baseline=es.Untrained(members=4, seed=3), **options)
    other = ablated(model, batches, baseline=member, **options)
    assert_frame_equal(one.table(), other.table())


def test_a_scan_chooses_what_its_criterion_chooses():
    model, rule = small_model(factor=50), es.Criterion("mine", ratio=30)
    scan = es.scan(model, loader(), criterion=rule)
    one, other = ablated(model, where=scan), ablated(model, where=rule)
    assert one.table()["activations"].max() > 10
    assert (
        one.table()["activations"][0] == scan.massive().filter(site=next(iter(scan.sites))).height
    )
    assert_frame_equal(one.table(), other.table())


def test_added_edges_of_a_scan_are_found_again():
    torch.manual_seed(0)
    model = es.models.GAT(
        num_atom_types=5, num_bond_types=4, hidden_dim=8, num_heads=2, num_layers=1
    ).eval()
    rule = es.Criterion("mine", ratio=4)
    scan = es.scan(model, loader(), criterion=rule)
    assert (scan.massive()["edge"] == -1).any()
    assert_frame_equal(ablated(model, where=scan).table(), ablated(model, where=rule).table())


def test_the_change_is_that_of_a_mask_applied_by_hand():
    model, site = small_model(), "layers.0.attention:score"
    found = ablated(
        model, where=lambda found: found.values.abs() > 0.5, value="zero", controls=(), sites=site
    )
    with (
        torch.no_grad(),
        edit(model, site, lambda found: found.values.where(found.values.abs() <= 0.5, 0)),
    ):
        prediction = predictions(model, loader())
    before = predictions(model, loader())
    row = found.table().row(0, named=True)
    assert row["metric"] == pytest.approx(mae(prediction, loader()), rel=1e-6)
    assert found.info.before == pytest.approx(mae(before, loader()), rel=1e-6)
    assert row["moved"] == pytest.approx((prediction - before).abs().mean().item(), rel=1e-4)


@pytest.mark.parametrize("value", ["mean", "clip", "resample"])
def test_the_size_of_the_batches_makes_no_difference(value):
    tables = [
        ablated(
            small_model(factor=50),
            loader(batch_size=size),
            where=30,
            value=value,
            controls=["edge_type"],
            repeats=1,
        ).table()
        for size in (3, 12)
    ]
    assert_frame_equal(*tables, rel_tol=1e-4, abs_tol=1e-7)


def test_the_seed_decides_all_draws():
    model = small_model(factor=50)
    options = {"where": 30, "value": "resample", "controls": ["number"]}
    same = [ablated(model, seed=1, **options).table() for _ in range(2)]
    assert_frame_equal(*same)
    other = ablated(model, seed=2, **options).table()
    assert not same[0]["moved"].equals(other["moved"])


def test_passes_are_as_many_as_documented():
    calls = []

    def call(model, batch):
        calls.append(1)
        return call_model(model, batch)

    controls = ("number", "magnitude")
    options = {"where": 10, "value": "zero", "controls": controls, "repeats": 3}
    found = ablated(small_model(factor=50), call=call, **options)
    assert found.info.passes == (2 + 1) * (1 + 2 * 3) + 1
    assert len(calls) == found.info.passes * 3  # batches


def test_the_model_is_left_as_it_was():
    model = small_model(factor=50).train()
    state = copy.deepcopy(model.state_dict())
    ablated(model, where=30)
    assert model.training
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    held = [vars(part).items() for part in model.modules()]
    assert not any(hooks for of in held for name, hooks in of if name.endswith("_hooks"))


def test_a_missing_target_counts_for_nothing():
    batches = list(loader())
    for batch in batches:
        batch.y[0] = torch.nan
    with_holes = ablated(small_model(factor=50), batches, where=30, controls=()).info.before
    rows = torch.cat([batch.y for batch in batches]).squeeze(1)
    prediction = predictions(small_model(factor=50), batches).squeeze(1)
    known = ~rows.isnan()
    assert with_holes == pytest.approx((prediction - rows)[known].abs().mean().item(), rel=1e-6)


def test_predictions_of_nodes_are_scored_by_node_and_drawn_by_graph():
    torch.manual_seed(0)
    model = es.models.GATv2(
        num_atom_types=5, num_bond_types=4, hidden_dim=8, num_heads=2, num_layers=1, readout="node"
    )
    found = ablated(model, where=5, metric="none", controls=["number"])
    assert found.info.graphs == 12
    assert found.table()["moved_low"][0] > 0
    assert found.info.before is None
    assert "moves predictions" in found.conclusion()


def test_the_data_set_says_its_metric():
    molecules = es.data.load("solubility").test[:20]
    model = es.models.GATv2(**molecules.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
    found = es.ablate(model, es.data.loader(molecules), where=20, repeats=1)
    assert found.info.metric == "mae"
    assert found.info.data == molecules.name


def test_graphs_without_edges_have_nothing_to_choose():
    bare = [
        Data(
            x=torch.tensor([0]),
            edge_index=torch.zeros(2, 0, dtype=torch.int64),
            edge_attr=torch.zeros(0, dtype=torch.int64),
            y=torch.ones(1, 1),
        )
        for _ in range(9)
    ]
    found = ablated(batches=DataLoader(bare, batch_size=4), where=everything)
    assert found.table().filter(selection="chosen")["moved"].to_list() == [0] * 3
    assert found.conclusion().startswith("nothing was chosen")


def test_a_site_that_runs_twice_is_replaced_in_each_call():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.embed, self.conv = nn.Embedding(5, 4), GATConv(4, 4, bias=False)

        def forward(self, x, edge_index, batch):
            node = self.conv(self.conv(self.embed(x), edge_index), edge_index)
            return node.new_zeros(int(batch.max()) + 1, 4).index_add(0, batch, node)

    options = {"where": everything, "value": "zero", "metric": "none", "controls": ()}
    table = ablated(Twice().eval(), sites="*:message", **options).table()
    assert table["site"].to_list() == ["conv:message", "conv@2:message", "all"]
    assert table["moved"].n_unique() == 1  # whichever is silent, nothing arrives
    assert table["moved"][0] > 0


def test_broken_activations_are_not_chosen_and_change_nothing():
    model = small_model(factor=50)
    graphs = graphs_with_targets()
    with torch.no_grad():
        model.edge_embedding.weight[1] = torch.inf
    with pytest.warns(EdgescopeWarning, match="predictions are not finite and are left out"):
        found = ablated(model, DataLoader(graphs, batch_size=12), where=30, metric="none")
    assert np.isfinite(found.table()["moved"].drop_nulls().to_numpy()).all()
