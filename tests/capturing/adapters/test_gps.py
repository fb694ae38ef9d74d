"""GPSConv: the edges of its local layer and the pairs of its global attention, both captured."""

from contextlib import nullcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Batch
from torch_geometric.nn import GATv2Conv, GPSConv, TransformerConv

import edgescope as es
from edgescope.lib.errors import InputError
from support.dense_reference import assert_matches, attend_batch
from support.graph_cases import EDGE_DIM, WIDTH, graphs, some_graphs
from support.layer_cases import HEADS

LOCAL = {
    "TransformerConv": lambda: TransformerConv(WIDTH, WIDTH // 2, heads=2, edge_dim=EDGE_DIM),
    "GATv2Conv": lambda: GATv2Conv(WIDTH, WIDTH // 2, heads=2, edge_dim=EDGE_DIM),
    "no local layer": lambda: None,
}


class GPS(nn.Module):
    def __init__(self, local, layers=2, **options):
        super().__init__()
        torch.manual_seed(0)
        self.convs = nn.ModuleList(
            GPSConv(WIDTH, local(), heads=HEADS, **options) for _ in range(layers)
        )

    def forward(self, x, edge_index, edge_attr, batch=None):
        for conv in self.convs:
            options = {} if conv.conv is None else {"edge_attr": edge_attr}
            x = conv(x, edge_index, batch, **options)
        return x


def run(model, data):
    return model(data.x, data.edge_index, data.edge_attr, getattr(data, "batch", None))


with_local = pytest.mark.parametrize("local", LOCAL.values(), ids=LOCAL)


def test_local_edges_and_global_pairs_are_both_captured():
    model = GPS(LOCAL["TransformerConv"])
    batch = some_graphs()
    with es.capture(model) as tape:
        run(model, batch)
    assert {site.rpartition(":")[0] for site in tape.sites} == {
        f"convs.{number}.{part}" for number in range(2) for part in ("conv", "attn")
    }
    pairs = int((batch.batch.bincount() ** 2).sum())
    joined = batch.edge_index.unique(dim=1).size(1)
    for site in tape.sites:
        found = tape[site]
        is_global = ".attn:" in site
        assert len(found.values) == (pairs if is_global else batch.num_edges)
        # Duplicates are one pair, and a pair is real if an edge runs from its key to its query.
        assert int(found.real.sum()) == (joined if is_global else batch.num_edges)


def test_without_a_local_layer_the_pairs_are_captured_alone():
    model = GPS(LOCAL["no local layer"])
    with es.capture(model) as tape:
        run(model, some_graphs())
    assert {site.rpartition(":")[0] for site in tape.sites} == {"convs.0.attn", "convs.1.attn"}
    assert tape["convs.0.attn:score"].values.shape == (75, HEADS, WIDTH // HEADS)


@with_local
@pytest.mark.parametrize("gradients", [True, False])
@settings(deadline=None, max_examples=12)
@given(st.lists(graphs(), min_size=1, max_size=4))
def test_global_attention_follows_its_definition(local, gradients, data):
    model = GPS(local, layers=1).eval()
    with torch.set_grad_enabled(gradients), es.capture(model, "*.attn:*") as tape:
        run(model, Batch.from_data_list(data))
    expected = attend_batch(model.convs[0].attn, [graph.x for graph in data])
    assert_matches(tape, expected, "convs.0.attn")


@with_local
@pytest.mark.parametrize(("training", "gradients"), [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize("autocast", [True, False])
def test_outputs_gradients_and_random_state_are_bit_identical(
    local, training, gradients, autocast, native
):
    results = []
    for captured in (False, True):
        model = GPS(local, dropout=0.2, attn_kwargs={"dropout": 0.3}).train(training)
        torch.manual_seed(1)
        with (
            torch.set_grad_enabled(gradients),
            torch.autocast("cpu", torch.bfloat16, enabled=autocast),
            es.capture(model) if captured else nullcontext(),
        ):
            output = run(model, some_graphs())
        if gradients:
            output.square().sum().backward()
        results.append([output, torch.get_rng_state(), *(p.grad for p in model.parameters())])
    for expected, found in zip(*results, strict=True):
        assert (expected is None and found is None) or torch.equal(expected, found)
    assert len(native) == (0 if training or gradients else 2 * 2)


def test_linear_global_attention_is_refused_and_the_local_layer_captured():
    model = GPS(LOCAL["TransformerConv"], layers=1, attn_type="performer")
    table = es.capture.sites(model)
    reason = dict(zip(table["site"], table["reason"], strict=True))
    assert reason.pop("convs.0.attn").startswith("linear attention computes nothing for a pair")
    assert set(reason.values()) == {None}
    with es.capture(model) as tape:
        run(model, some_graphs())
    assert tape.sites == list(reason)
    with pytest.raises(InputError, match="linear attention computes nothing for a pair"):
        es.capture(model, "convs.0.attn:*").__enter__()
    model = GPS(LOCAL["no local layer"], layers=1, attn_type="performer")
    said = r"captured: convs\.0\.attn \(PerformerAttention\): linear"
    with pytest.raises(InputError, match=said):
        es.capture(model, discover=False).__enter__()
