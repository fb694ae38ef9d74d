"""Every layer in every configuration: what is captured is what it computes, or it is refused."""

import inspect
from contextlib import nullcontext

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, reject
from hypothesis import strategies as st
from torch_geometric.nn import GENConv, GeneralConv, MessagePassing
from torch_geometric.utils import scatter

import edgescope as es
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING
from edgescope.capturing.adapters.registry import find_adapter
from edgescope.lib.errors import InputError
from support.gate_reference import gate
from support.layer_options import ARGUMENTS, calls
from support.option_values import GATES, LAYERS, options
from support.softmax_calls import softmax_calls

TOLERANCE = {
    torch.float64: 1e-11,
    torch.float32: 1e-5,
    torch.float16: 0.01,
    torch.bfloat16: 0.08,
}
edited_layers = pytest.mark.parametrize(
    "kind", [kind for kind in LAYERS if kind is not GENConv], ids=lambda kind: kind.__name__
)
layers = pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)


def tensors(output):
    """Return the tensors of an output."""
    parts = output if isinstance(output, tuple | list) else [output]
    return [t for p in parts for t in ([p] if isinstance(p, torch.Tensor) else tensors(p))]


def assert_same(found, expected):
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def assert_near(found, expected, dtype, what):
    """Compare outputs, up to rounding of the largest number."""
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        assert one.dtype == other.dtype
        wide = other.double()
        largest = max(1.0, *wide.nan_to_num(0, 0, 0).abs().flatten().tolist(), 0.0)
        bound = TOLERANCE[dtype] * largest
        torch.testing.assert_close(
            one.double(), wide, rtol=0, atol=bound, equal_nan=True, msg=lambda m: f"{what}: {m}"
        )


def plain_run(call):
    """Return what the layer returns; leave the example if it does not take the call."""
    try:
        return call.run(call.build())
    except Exception as error:  # noqa: BLE001  (whatever the layer raises, capture lets through)
        model = call.build()
        with pytest.raises((type(error), InputError)), es.capture(model):
            call.run(model)
        reject()


@layers
def test_all_options_and_arguments_of_the_installed_version_are_known(kind):
    adapter, base = find_adapter(next(iter([kind.__new__(kind)])))
    assert base is kind
    assert adapter.options >= set(options(kind)) | MESSAGE_PASSING
    assert set(inspect.signature(MessagePassing.__init__).parameters) - {"self"} <= MESSAGE_PASSING
    assert adapter.arguments == set(inspect.signature(kind.forward).parameters) - {"self"}
    assert adapter.arguments <= ARGUMENTS


def observed(call, model):
    """Return the stages of a call, what the softmax took and gave, and what was aggregated."""
    seen = {}

    def edges(_, inputs):
        seen["edges"] = inputs[0]

    def aggregated(_, __, out):
        seen["aggregated"] = out

    def passed(layer, inputs, out):
        del out
        seen["layer"], seen["arguments"] = layer, inputs[0]

    hooks = [
        model.conv.register_propagate_forward_pre_hook(edges),
        model.conv.register_aggregate_forward_hook(aggregated),
        model.conv.register_message_forward_hook(passed),
    ]
    try:
        watched = nullcontext() if call.kind in GATES else softmax_calls(call.kind)
        with watched as taken, es.capture(model) as tape:
            seen["output"] = call.run(model)
    finally:
        for hook in hooks:
            hook.remove()
    stages = {site.partition(":")[2]: tape[site] for site in tape.sites}
    return stages, taken, seen


def check_gate(call, stages, seen):
    """Compare the stages of a layer with gates with what its parameters make of its arguments."""
    if call.kind not in GATES:
        return
    own = gate(seen["layer"], seen["arguments"])
    wanted = {"logit": own.logit, "weight": own.weight(own.logit)}
    if not (call.training and call.options.get("dropout")):
        wanted["message"] = own.message(wanted["weight"])
    for name, values in wanted.items():
        own_values = stages[name].values.flatten()  # in another type under autocast
        assert_near(own_values, values.flatten().to(own_values.dtype), call.precision, name)


def refused(call, error):
    """Check that a call is refused for a reason that it gives."""
    if "two sets of nodes" in str(error):
        assert call.target_row == 0
        assert call.x[0] is not call.x[1]
        return
    assert "one row per edge" in str(error) or "one vector per edge" in str(error), error
    features = call.arguments["edge_attr"]
    assert features.dim() != 2 or len(features) != call.edge_index.size(1)


@layers
@given(data=st.data())
def test_captured_numbers_are_those_that_the_layer_computes(kind, data):
    call = data.draw(calls(kind))
    expected = plain_run(call)
    try:
        stages, taken, seen = observed(call, call.build())
    except InputError as error:
        refused(call, error)
        return
    assert call.target_row == 1 or not isinstance(call.x, tuple) or call.x[0] is call.x[1]
    assert_same(seen["output"], expected)
    edges, side = seen["edges"], call.target_row
    for stage in stages.values():
        assert stage.values.dim() == 3
        assert torch.equal(stage.edge_index, edges)
        assert torch.equal(stage.target, edges[side])
        assert torch.equal(stage.source, edges[1 - side])
        assert len(stage.values) == edges.size(1)
    rows = slice(None)
    if call.options.get("attention_mechanism") == "within-relation":  # a softmax for each
        rows = call.arguments["edge_type"].argsort(stable=True)
    for number, name in enumerate(("logit", "weight")):
        if taken:  # without edges some layers take none
            wanted = torch.cat([each[number].flatten() for each in taken])
            assert_near(stages[name].values[rows].flatten(), wanted, call.precision, name)
    if "score" in stages:
        logit = stages["score"].values.double().sum(-1, keepdim=True)
        if "attention_type" in call.options:
            logit = F.leaky_relu(logit, call.options.get("negative_slope", 0.2))
        assert_near(logit, stages["logit"].values.double(), call.precision, "score")
    message, aggregated = stages["message"].values.double().flatten(1), seen["aggregated"]
    check_gate(call, stages, seen)
    how = "add" if kind is GENConv else call.options.get("aggr", "add")
    reduce = {"add": "sum"}.get(how, how)
    total = scatter(message, edges[side], dim_size=len(aggregated), reduce=reduce)
    assert_near(total.flatten(), aggregated.double().flatten(), call.precision, "message")


def changes(stage, values, seed):
    """Return a factor and a summand for some rows and heads ``[E, H, 1]`` of a stage."""
    random = torch.Generator().manual_seed(seed)
    size = (*values.shape[:2], 1)
    factor, summand = torch.randn(2, *size, generator=random, dtype=torch.float64)
    kept = torch.rand(size, generator=random) < 0.5
    share = values.size(-1) if stage == "score" else 1  # the logit is its sum
    return factor.where(~kept, 1), summand.where(~kept, 0) / share


@edited_layers
@given(data=st.data())
def test_an_edited_stage_gives_what_the_layer_makes_of_it_itself(kind, data):
    call = data.draw(calls(kind))
    expected = plain_run(call)
    stage = data.draw(st.sampled_from(editable(call.build())))
    undone = call.training and call.options.get("dropout") and stage != "message"
    seen = []
    try:
        edited(call, stage, seen.append)
    except InputError as error:
        if not (undone and "model.eval" in str(error)):
            refused(call, error)
        return
    assert not undone
    values = seen[0].values
    for same in (lambda _: None, lambda found: found.values):
        assert_same(edited(call, stage, same), expected)
    factor, summand = changes(stage, values, data.draw(st.integers(0, 9)))
    given = values * factor.to(values) + summand.to(values)
    found = edited(call, stage, lambda _: given)
    assert_near(found, written_out(call, stage, given, factor, summand), call.precision, stage)


def editable(model):
    table = es.capture.sites(model).filter(pl.col("editable"))
    return [site.partition(":")[2] for site in table["site"]]


def edited(call, stage, fn):
    model = call.build()
    with es.capture.edit(model, f"conv:{stage}", fn):
        return call.run(model)


def written_out(call, stage, values, factor, summand):
    """Return what the layer returns if its own code goes on with other ``values``."""
    model = call.build()
    if stage == "message":
        hook = model.conv.register_message_forward_hook(
            lambda _, __, own: values.reshape(own.shape)
        )
        try:
            return call.run(model)
        finally:
            hook.remove()

    if call.kind in GATES:

        def message(layer, inputs, own):
            found = gate(layer, inputs[0])
            shape = found.logit.shape
            weight = values.reshape(shape).to(found.logit.dtype)
            weight = found.weight(weight) if stage == "logit" else weight
            if hasattr(layer, "_alpha"):
                layer._alpha = weight.to(layer._alpha.dtype)
            return found.message(weight).to(own.dtype)

        hook = model.conv.register_message_forward_hook(message)
        try:
            return call.run(model)
        finally:
            hook.remove()

    def other(own, number):
        del number
        if stage != "score":
            return values.reshape(own.shape).to(own.dtype)
        factors, shift = factor.squeeze(-1), (summand * values.size(-1)).squeeze(-1)
        shape = own.shape
        if call.kind is not GeneralConv:
            return (own * factors.reshape(shape) + shift.reshape(shape)).to(own.dtype)
        total = own.double().where(own > 0, own.double() / 0.2)  # before its LeakyReLU
        return F.leaky_relu(total * factors + shift, 0.2).to(own.dtype)

    change = {"weights" if stage == "weight" else "logits": other}
    with softmax_calls(call.kind, **change):
        return call.run(model)
