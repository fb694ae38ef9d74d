"""What is discovered in a layer that an adapter knows is what the adapter says, or nothing."""

import pytest
import torch

import edgescope as es
from support import traces
from support.graph_cases import some_graphs
from support.layer_cases import CASES, build
from support.message_passing_cases import over

EDGES = [case for case in CASES if not case.pairs]

MISSING = {
    (
        "RGATConv, multiplicative",
        "logit",
    ): "a softmax for each relation, over rows that a mask picks",
    ("RGATConv, multiplicative", "weight"): "as above",
    ("RGATConv, multiplicative", "message"): "as above",
    ("HGTConv", "score"): "its sum is multiplied by a number of the relation of each edge",
    **{
        (name, stage): "a tangent, which is taken for a gate of a product of both ends only"
        for name in ("FAConv", "FAConv, no loops")
        for stage in ("logit", "weight", "message")
    },
    **{
        ("FeaStConv", stage): "a softmax over heads, which is none over the edges of a node"
        for stage in ("logit", "weight", "message")
    },
}
"""Stages of adapters that discovery does not find, and why."""


def captured(model, inputs):
    """Return the values of all sites of an adapter, by the path of the layer and the stage."""
    with torch.no_grad(), es.capture(model) as tape:
        model(**inputs)
    found = {}
    for site in tape.sites:
        path, _, stage = site.rpartition(":")
        found.setdefault(path, {})[stage] = tape[site]
    return found


def discovered(model, inputs, paths):
    """Return the same as discovery reads it, relations after each other."""
    read = traces.of_layers(model, paths, lambda: model(**inputs))
    found = {}
    for path, every in read.items():
        several = [each for each in every if each.source is not None]
        stages = {stage for each in several for stage in each.stages}
        found[path] = {
            stage: torch.cat([each.stages[stage] for each in several if stage in each.stages])
            for stage in stages
        }
    return found


def compare(case, known, found, tolerance):
    paths = [path for path in known if not path.endswith("attn")]
    assert paths
    for path in paths:
        for stage, of_adapter in known[path].items():
            missing = (case.name, stage) in MISSING
            assert (stage not in found[path]) == missing, (path, stage)
            if not missing:
                own = found[path][stage]
                assert own.shape == of_adapter.values.shape, (path, stage)
                torch.testing.assert_close(
                    own,
                    of_adapter.values,
                    rtol=tolerance,
                    atol=tolerance,
                    equal_nan=True,
                    msg=f"{path}:{stage}",
                )


@pytest.mark.parametrize("case", EDGES, ids=lambda case: case.name)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_discovery_gives_what_adapters_give(case, training):
    model, inputs = build(case).train(training), case.inputs(some_graphs())
    torch.manual_seed(1)
    known = captured(model, inputs)
    torch.manual_seed(1)
    found = discovered(model, inputs, list(known))
    compare(case, known, found, 1e-6)


@pytest.mark.parametrize("case", EDGES, ids=lambda case: case.name)
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.bfloat16, 2e-2), (torch.float16, 2e-2)],
    ids=str,
)
def test_discovery_gives_what_adapters_give_in_any_precision(case, dtype, tolerance):
    data = some_graphs()
    data.x, data.edge_attr = data.x.to(dtype), data.edge_attr.to(dtype)
    model, inputs = build(case).to(dtype).eval(), case.inputs(data)
    known = captured(model, inputs)
    found = discovered(model, inputs, list(known))
    compare(case, known, found, tolerance)


NOT_FOUND = {
    "within-relation": "a softmax for each relation, over rows that a mask picks",
    "FAConv": "as above",
    "FeaStConv": "as above",
    "ResGatedGraphConv": "its gate may be another function than the sigmoid, or be done in place",
}


@over()
def test_discovery_gives_what_adapters_give_with_every_option(example):
    layer, kept = example.build(), []
    read = traces.of_layers(layer, [""], lambda: kept.append(example.observe(layer)))[""]
    known = kept[0].stages
    rows = len(known["weight"].values)
    if example.options.get("attention_mechanism") in NOT_FOUND:
        assert all(each.source is None for each in read)
        return
    if type(layer).__name__ in NOT_FOUND and not read:
        return
    for each in read:
        if each.source is None:
            continue
        for stage, values in each.stages.items():
            if stage in known:
                wanted = known[stage].values
                close = 1e-6 if example.dtype is torch.float32 else 3e-2
                torch.testing.assert_close(
                    values.reshape(wanted.shape), wanted, rtol=close, atol=close, msg=stage
                )
    ends = known["weight"].edge_index
    told = rows > 1 and not torch.equal(ends[0], ends[1])
    assert len(read) == told or (not told and not any(each.source is not None for each in read))
