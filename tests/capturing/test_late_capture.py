"""Capture of a model in which no adapter knows anything discovers sites at its first run."""

import copy

import pytest
import torch
from torch import nn

import edgescope as es
from edgescope.lib.errors import InputError
from support.hand_written import Gated, graphs, model, weights_of

GRAPH = graphs(1)[0]
X, EDGES = GRAPH.x, GRAPH.edge_index


def hooks_of(module):
    return [
        hooks
        for part in module.modules()
        for hooks in (part._forward_hooks, part._forward_pre_hooks)
    ]


def test_outputs_gradients_buffers_and_random_numbers_are_those_without_capture():
    net = Gated().train()
    plain = copy.deepcopy(net)
    before = torch.get_rng_state()
    with es.capture(net) as tape:
        assert tape.sites == []
        out = net(X, EDGES)
    assert torch.equal(torch.get_rng_state(), before)
    expected = plain(X, EDGES)
    assert torch.equal(out, expected)
    out.sum().backward()
    expected.sum().backward()
    for one, other in zip(net.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    for one, other in zip(net.buffers(), plain.buffers(), strict=True):
        assert torch.equal(one, other)
    assert int(net.norm.num_batches_tracked) == 1
    assert net.training
    assert not any(hooks_of(net))


def test_the_first_run_is_captured_and_so_are_later_ones():
    net = Gated().eval()
    with torch.no_grad(), es.capture(net) as tape:
        net(X, EDGES)
        assert tape.sites == [":score", ":logit", ":weight", ":message"]
        first = tape[":weight"].values.flatten()
        assert torch.equal(tape[":weight"].identity.edge_index, EDGES)
        net(2 * X, EDGES)
        second = tape[":weight"].values.flatten()
    for seen, x in ((first, X), (second, 2 * X)):
        expected = torch.from_numpy(weights_of(net, x, EDGES))
        torch.testing.assert_close(seen.double(), expected, rtol=1e-5, atol=1e-6)
    assert not any(hooks_of(net))


def test_only_the_sites_that_are_asked_for_are_captured():
    seen = []
    net = model().eval()
    with es.capture(net, "*:weight", reduce=lambda a: seen.append(a.site)) as tape:
        net(X, EDGES, torch.zeros(len(X), dtype=torch.long))
    assert tape.sites == seen == ["first:weight", "second:weight"]


def test_a_hook_of_the_user_has_noted_the_run_of_the_user_alone():
    net, seen = Gated().eval(), []
    net.project.register_forward_hook(lambda *call: seen.append(call))
    with torch.no_grad(), es.capture(net) as tape:
        net(X, EDGES)
    assert ":weight" in tape
    assert len(seen) == 1


def test_a_hook_that_the_model_needs_is_called_when_it_is_looked_into():
    net = Gated().eval()
    net.register_forward_pre_hook(lambda _, given: (given[0].float() * 2, given[1]))
    with torch.no_grad(), es.capture(net, ":weight") as tape:
        net(X.double(), EDGES)
    expected = torch.from_numpy(weights_of(net, 2 * X, EDGES))
    found = tape[":weight"].values.flatten().double()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_a_pattern_that_matches_nothing_is_refused_in_the_first_run():
    net = Gated().eval()
    with pytest.raises(InputError, match="no site matches ':nothing'"), es.capture(net, ":nothing"):
        net(X, EDGES)
    assert not any(hooks_of(net))


def test_without_discovery_the_error_says_how_to_discover():
    with pytest.raises(InputError, match=r"es\.capture\.discover\(model, batch\)"):
        es.capture(Gated(), discover=False).__enter__()


def test_a_model_without_attention_is_refused_in_its_first_run():
    class Sums(nn.Module):
        def forward(self, x, edge_index):
            return torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])

    net = Sums()
    said = "has no layer whose edges can be captured"
    with pytest.raises(InputError, match=said), es.capture(net):
        net(X, EDGES)
    assert not any(hooks_of(net))


def test_what_the_model_raises_is_raised_and_leaves_no_hook():
    class Raises(Gated):
        def forward(self, x, edge_index):
            super().forward(x, edge_index)
            raise KeyError("mine")

    net = Raises()
    with pytest.raises((KeyError, InputError), match="mine"), es.capture(net):
        net(X, EDGES)
    assert not any(hooks_of(net))


def test_a_graph_without_edges_says_nothing_for_good():
    net = Gated().eval()
    nothing = torch.zeros(2, 0, dtype=torch.long)
    with pytest.raises(InputError), es.capture(net):
        net(X, nothing)
    with es.capture(net) as tape:
        net(X, EDGES)
    assert tape[":weight"].values.shape == (EDGES.size(1), 1, 1)


def test_a_module_called_twice_has_a_site_for_each_call():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Gated()

        def forward(self, x, edge_index):
            return self.inner(self.inner(x, edge_index), edge_index)

    net = Twice().eval()
    with es.capture(net, "*:weight") as tape:
        net(X, EDGES)
    assert tape.sites == ["inner:weight", "inner@2:weight"]
    expected = torch.from_numpy(weights_of(net.inner, net.inner(X, EDGES).detach(), EDGES))
    torch.testing.assert_close(
        tape["inner@2:weight"].values.flatten().double(), expected, rtol=1e-5, atol=1e-6
    )


def test_a_run_that_takes_another_way_is_refused():
    class Either(Gated):
        def forward(self, x, edge_index, gate=False):
            source, target = edge_index
            if gate:
                weight = (x[source] * x[target]).sum(-1, keepdim=True).sigmoid()
                return torch.zeros_like(x).index_add(0, target, weight * x[source])
            return super().forward(x, edge_index)

    net = Either().eval()
    with es.capture(net):
        net(X, EDGES)
    with pytest.raises(InputError, match="took another way through its code"), es.capture(net):
        net(X, EDGES, gate=True)
