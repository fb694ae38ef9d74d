"""EdgeAttention in every configuration: stages, and edits of each, follow its definition."""

import inspect

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import edgescope as es
from edgescope.models import EdgeAttention

WIDTH = 6
OPTIONS = {
    "hidden_dim": (WIDTH,),
    "num_heads": (2, 1, 3),
    "use_bias": (False, True),
    "explicit_bias": (None, None, "described", "released"),
    "full_graph": (False, True),
    "logit_limit": (5.0, 0.3, None),
    "logit_cap": (None, 0.5),
    "qk_norm": (False, True),
    "sink": (False, True, "fixed"),
    "mean_attention": (False, False, True),
    "gated_output": (False, True),
}
ARGUMENTS = ("node", "edge", "edge_index", "edge_real", "factor")


class Called(nn.Module):
    """A model that is one layer."""

    def __init__(self, layer):
        super().__init__()
        self.conv = layer

    def forward(self, x, edge_index, edge, edge_real, factor):
        return self.conv(x, edge, edge_index, edge_real, factor)[0]


@st.composite
def configured(draw):
    """Return a layer in a model of its own, and arguments of a call of it."""
    chosen = {name: draw(st.sampled_from(values)) for name, values in OPTIONS.items()}
    if chosen["logit_limit"] is not None:
        chosen["logit_cap"] = None
    if chosen["full_graph"]:
        chosen["explicit_bias"] = None
    if chosen["mean_attention"]:
        chosen["explicit_bias"], chosen["sink"] = None, False
    random = torch.Generator().manual_seed(draw(st.integers(0, 20)))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = EdgeAttention(**chosen).double()
        for parameter in layer.parameters():
            nn.init.normal_(parameter)
    nodes, edges = draw(st.sampled_from((4, 1))), draw(st.sampled_from((7, 0, 1, 3)))
    x, edge = (torch.randn(n, WIDTH, generator=random).double() for n in (nodes, edges))
    edge_index = torch.randint(nodes, (2, edges), generator=random)
    real = torch.rand(edges, generator=random) < 0.6 if chosen["full_graph"] else None
    factor = None
    if chosen["full_graph"] or draw(st.booleans()):
        factor = torch.rand(edges, 1, generator=random).double()
        factor = factor.masked_fill(torch.rand(edges, 1, generator=random) < 0.2, 0.0)
    return Called(layer.eval()), (x, edge_index, edge, real, factor)


def weights(layer, logit, target, nodes, factor):
    """Return the normalised weights of logits ``[E, H, 1]``, as the module's page has them."""
    limit, cap = layer.weight.limit, layer.weight.cap
    if limit is not None:
        logit = logit.clamp(-limit, limit)
    elif cap is not None:
        logit = cap * torch.tanh(logit / cap)
    power = logit.exp() if factor is None else logit.exp() * factor.unsqueeze(-1)
    total = torch.zeros(nodes, *power.shape[1:], dtype=power.dtype)
    for edge, node in enumerate(target.tolist()):
        total[node] += power[edge]
    if layer.sink is not None:
        total = total + layer.sink.logit.exp().unsqueeze(-1)
    floor = 1e-6 if limit is not None else torch.finfo(power.dtype).tiny
    return power / (total + floor)[target]


def summed(message, target, nodes):
    """Add up messages ``[E, H, D]`` at their targets."""
    out = torch.zeros(nodes, *message.shape[1:], dtype=message.dtype)
    for edge, node in enumerate(target.tolist()):
        out[node] += message[edge]
    return out.flatten(1)


def test_all_options_and_arguments_are_tried():
    assert set(inspect.signature(EdgeAttention.__init__).parameters) - {"self"} == set(OPTIONS)
    assert tuple(inspect.signature(EdgeAttention.forward).parameters)[1:] == ARGUMENTS


@given(data=st.data())
@torch.no_grad()
def test_stages_and_their_edits_follow_the_definition(data):
    model, arguments = data.draw(configured())
    x, edge_index, _, _, factor = arguments
    layer, nodes, (source, target) = model.conv, len(x), edge_index
    expected = model(*arguments)
    with es.capture(model) as tape:
        output = model(*arguments)
    assert torch.equal(output, expected)
    found = {site.partition(":")[2]: tape[site].values for site in tape.sites}
    value = layer.value(x).view(nodes, layer.num_heads, layer.head_dim)
    if layer.explicit_bias:
        value = value + layer.bias_term.value
    weight = weights(layer, found["logit"], target, nodes, factor)
    near = {"rtol": 1e-9, "atol": 1e-12}
    open_ = 1.0
    if layer.gate is not None:
        open_ = 1 / (1 + (-x @ layer.gate.weight.T - layer.gate.bias).exp())
    torch.testing.assert_close(found["weight"], weight, **near)
    torch.testing.assert_close(found["message"], weight * value[source], **near)
    torch.testing.assert_close(open_ * summed(found["message"], target, nodes), output, **near)
    overwritten = layer.explicit_bias == "released" or layer.mean_attention
    if not overwritten:
        total = found["score"].sum(-1, keepdim=True)
        torch.testing.assert_close(found["logit"], total, **near)

    stage = data.draw(st.sampled_from(list(found)))
    random = torch.Generator().manual_seed(data.draw(st.integers(0, 9)))
    own = found[stage]
    other = own + torch.randn(own.shape, generator=random).double()
    other = other.where(torch.rand(own.shape, generator=random) < 0.5, own)
    logit = {"score": other.sum(-1, keepdim=True), "logit": other}.get(stage, found["logit"])
    logit = found["logit"] if stage == "score" and overwritten else logit
    weight = weights(layer, logit, target, nodes, factor) if stage != "weight" else other
    message = weight * value[source] if stage != "message" else other
    for fn in (lambda _: None, lambda seen: seen.values):
        with es.capture.edit(model, f"conv:{stage}", fn):
            assert torch.equal(model(*arguments), expected)
    with es.capture.edit(model, f"conv:{stage}", lambda _: other):
        torch.testing.assert_close(
            model(*arguments), open_ * summed(message, target, nodes), rtol=1e-7, atol=1e-9
        )
