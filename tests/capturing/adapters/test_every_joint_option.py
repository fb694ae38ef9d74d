"""HGTConv and HANConv in every configuration and both directions of flow."""

import inspect

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.nn import HANConv, HGTConv
from torch_geometric.utils import scatter

import edgescope as es
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING
from edgescope.capturing.adapters.registry import find_adapter
from edgescope.lib.errors import InputError
from support.hetero_cases import METADATA, NODE_DIMS, HeteroLayer, hetero_graphs
from support.layer_reference import TOLERANCE
from support.softmax_calls import softmax_calls

BACKWARDS = "target_to_source"
ALONE = (["paper"], [("paper", "cites", "paper")])
TWO = (["paper"], [("paper", "cites", "paper"), ("paper", "likes", "paper")])
OPTIONS = {
    "in_channels": (NODE_DIMS, -1),
    "out_channels": (6, 12),
    "metadata": (METADATA, ALONE, TWO),
    "heads": (2, 1, 3),
    "negative_slope": (0.2, 0.7),
    "dropout": (0.0, 0.4),
}
FLOWS = ("source_to_target", BACKWARDS)
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
TOLERANCES = TOLERANCE | {torch.float64: 1e-12}
layers = pytest.mark.parametrize("kind", [HGTConv, HANConv])


def option_names(kind):
    parameters = inspect.signature(kind.__init__).parameters.values()
    return [p.name for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD]


def build(kind, chosen, dtype, training):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = kind(**chosen)
        for prior in getattr(layer, "p_rel", {}).values():  # ones at the start
            torch.nn.init.normal_(prior)
    return HeteroLayer(layer.to(dtype).train(training))


def run(model, states, edges):
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(1)
        return model(states, edges)


@st.composite
def configured(draw, kind):
    """Return options of a layer, and node states and edges for a call of it."""
    chosen = {name: draw(st.sampled_from(OPTIONS[name])) for name in option_names(kind)}
    chosen["flow"] = draw(st.sampled_from(FLOWS))
    nodes, relations = chosen["metadata"]
    if isinstance(chosen["in_channels"], dict):
        chosen["in_channels"] = {node: NODE_DIMS[node] for node in nodes}
    dtype, training = draw(st.sampled_from(DTYPES)), draw(st.booleans())
    data = draw(hetero_graphs())
    states = {node: data[node].x.to(dtype) for node in nodes}
    edges = {
        relation: data[relation].edge_index for relation in relations if relation in METADATA[1]
    }
    if len(relations) > len(edges):
        edges[relations[-1]] = edges[relations[0]].flip(1).clone()
    return chosen, states, edges, dtype, training


@layers
def test_all_options_and_arguments_of_the_installed_version_are_known(kind):
    adapter, _ = find_adapter(kind(4, 6, ALONE))
    assert adapter.options == set(option_names(kind)) | MESSAGE_PASSING
    assert adapter.arguments == set(inspect.signature(kind.forward).parameters) - {"self"}


@layers
@given(data=st.data())
def test_captured_numbers_are_those_that_the_layer_computes(kind, data):
    chosen, states, edges, dtype, training = data.draw(configured(kind))
    backwards = chosen["flow"] == BACKWARDS
    single = len(chosen["metadata"][1]) == 1
    mixed = not single if kind is HGTConv else len(chosen["metadata"][0]) > 1
    model = build(kind, chosen, dtype, training)
    if backwards and mixed:
        with pytest.raises(InputError, match="target_to_source"), es.capture(model, discover=False):
            pass
        return
    expected = run(build(kind, chosen, dtype, training), states, edges)
    aggregated = []

    def keep(_, __, out):
        aggregated.append(out)

    model.conv.register_aggregate_forward_hook(keep)
    with softmax_calls(kind) as taken, es.capture(model) as tape:
        output = run(model, states, edges)
    for node, own in expected.items():
        assert (own is None and output[node] is None) or torch.equal(output[node], own)
    stages = {site.partition(":")[2]: tape[site] for site in tape.sites}
    side = 0 if backwards else 1
    for stage in stages.values():
        assert torch.equal(stage.edge_index, torch.cat(list(edges.values()), dim=1))
        assert torch.equal(stage.target, stage.edge_index[side])
        assert torch.equal(stage.source, stage.edge_index[1 - side])
    near = {"rtol": TOLERANCES[dtype], "atol": TOLERANCES[dtype], "equal_nan": True}
    for number, name in enumerate(("logit", "weight")):
        wanted = torch.cat([each[number].flatten() for each in taken])
        torch.testing.assert_close(stages[name].values.flatten(), wanted, **near)
    if "score" in stages:
        logit = stages["score"].values.sum(-1, keepdim=True)
        torch.testing.assert_close(logit, stages["logit"].values, **near)
    message = stages["message"]
    if kind is HANConv:  # one sum for each relation
        parts = [message.edge_type == number for number in range(len(edges))]
        sums = [
            scatter(message.values[part].flatten(1), message.target[part], dim_size=len(out))
            for part, out in zip(parts, aggregated, strict=True)
        ]
        torch.testing.assert_close(torch.cat(sums), torch.cat(aggregated), **near)
    elif single:
        (out,) = aggregated
        total = scatter(message.values.flatten(1), message.target, dim_size=len(out))
        torch.testing.assert_close(total, out, **near)
