"""Discovered attention is edited where it is computed, exactly, or it is refused."""

import numpy as np
import pytest
import torch
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import InputError
from support.hand_written import Gated, graphs, model, weights_of

GRAPH = graphs(1)[0]
X, EDGES = GRAPH.x, GRAPH.edge_index


@pytest.fixture
def net():
    net = Gated().eval()
    es.capture.discover(net, X, EDGES)
    return net


def edited(net, site, change, x=X, edges=EDGES):
    with torch.no_grad(), es.capture.edit(net, site, change):
        return net(x, edges)


def by_hand(net, weight):
    """Return what the layer gives with these weights ``[E]``, edge by edge."""
    with torch.no_grad():
        state = net.norm(net.project(X)).double().numpy()
    out = np.zeros_like(state)
    for (source, target), each in zip(EDGES.T.tolist(), weight, strict=True):
        out[target] += each * state[source]
    return out


def test_every_stage_can_be_edited_and_what_follows_is_exact(net):
    assert es.capture.sites(net)["editable"].all()
    weight = weights_of(net, X, EDGES)
    factor = torch.arange(1.0, EDGES.size(1) + 1).view(-1, 1, 1)
    got = edited(net, ":weight", lambda a: a.values * factor)
    np.testing.assert_allclose(
        got.double(), by_hand(net, weight * factor.flatten().numpy()), rtol=1e-4, atol=1e-5
    )
    got = edited(net, ":message", lambda a: torch.zeros_like(a.values))
    assert not got.any()
    shift = torch.linspace(-1, 1, EDGES.size(1)).view(-1, 1, 1)
    power = weight * np.exp(shift.flatten().numpy())
    target = EDGES[1].numpy()
    changed = np.array([p / power[target == t].sum() for p, t in zip(power, target, strict=True)])
    got = edited(net, ":logit", lambda a: a.values + shift)
    np.testing.assert_allclose(got.double(), by_hand(net, changed), rtol=1e-4, atol=1e-5)
    got = edited(net, ":score", lambda a: a.values + shift / a.values.size(2))
    np.testing.assert_allclose(got.double(), by_hand(net, changed), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("change", [lambda _: None, lambda a: a.values])
def test_no_change_leaves_outputs_to_the_bit(net, change):
    with torch.no_grad():
        plain = net(X, EDGES)
    for site in (":score", ":logit", ":weight", ":message", "*"):
        assert torch.equal(edited(net, site, change), plain)


def test_a_tape_beside_an_edit_holds_what_was_computed(net):
    zero = lambda a: torch.zeros_like(a.values)  # noqa: E731
    with torch.no_grad(), es.capture.edit(net, ":logit", zero), es.capture(net) as tape:
        net(X, EDGES)
    target = EDGES[1]
    count = target.bincount()[target]
    torch.testing.assert_close(tape[":weight"].values.flatten(), 1 / count)
    with torch.no_grad(), es.capture(net) as tape, es.capture.edit(net, ":logit", zero):
        net(X, EDGES)
    torch.testing.assert_close(tape[":weight"].values.flatten(), 1 / count)


def test_rows_are_those_of_the_capture(net):
    with torch.no_grad(), es.capture(net) as tape:
        net(X, EDGES)
    seen = []
    edited(net, "*", seen.append)
    for each in seen:
        assert torch.equal(each.values, tape[each.site].values)
        assert torch.equal(each.identity.edge_index, EDGES)
        assert torch.equal(each.identity.input_edge, tape[each.site].identity.input_edge)


def test_gradients_are_refused(net):
    unchanged = es.capture.edit(net, ":weight", lambda a: a.values)
    with pytest.raises(InputError, match=r"torch\.no_grad"), unchanged:
        net(X, EDGES)
    assert not net._forward_hooks
    assert torch.utils._python_dispatch._get_current_dispatch_mode_stack() == []


def test_a_way_that_was_never_captured_is_refused():
    class Either(Gated):
        sharper = False

        def forward(self, x, edge_index):
            return super().forward(2 * x if self.sharper else x, edge_index)

    net = Either().eval()
    es.capture.discover(net, X, EDGES)
    net.sharper = True
    with pytest.raises(InputError, match="capture the model on this batch before it is edited"):
        edited(net, ":weight", lambda a: 2 * a.values)
    with torch.no_grad(), es.capture(net):
        net(X, EDGES)
    plain = edited(net, ":weight", lambda _: None)
    assert not torch.equal(edited(net, ":weight", lambda a: 2 * a.values), plain)


def test_a_wrong_shape_is_refused(net):
    with pytest.raises(InputError, match="expected a tensor of the shape"):
        edited(net, ":weight", lambda a: a.values[:1])
    assert torch.utils._python_dispatch._get_current_dispatch_mode_stack() == []


class DividesLater(Gated):
    """The weight is never formed: the sum is divided, so no operation gives it."""

    def forward(self, x, edge_index):
        source, target = edge_index
        power = (x[source] * x[target]).sum(-1, keepdim=True).exp()
        total = torch.zeros(len(x), 1).index_add(0, target, power)
        summed = torch.zeros_like(x).index_add(0, target, power * x[source])
        return summed / (total + 1e-12)


def test_what_no_operation_gives_cannot_be_edited():
    net = DividesLater().eval()
    found = es.capture.discover(net, X, EDGES)
    assert ":weight" in found.sites
    table = es.capture.sites(net)
    able = dict(zip(table["site"], table["editable"], strict=True))
    assert not able[":weight"]
    assert able[":logit"]
    with pytest.raises(InputError, match="it is not the result of one operation"):
        edited(net, ":weight", lambda a: a.values)


def test_ablation_of_discovered_sites_is_that_by_hand():
    graphs_ = graphs(8)
    net = model().eval()
    loader = DataLoader(graphs_, batch_size=4)
    found = es.ablate(
        net,
        loader,
        where=lambda a: torch.ones_like(a.values, dtype=torch.bool),
        sites="first:message",
        value="zero",
        controls=[],
        metric="mae",
        progress=False,
    )
    errors, before = [], []
    with torch.no_grad():
        for graph in graphs_:
            batch = torch.zeros(len(graph.x), dtype=torch.long)
            before.append((net(graph.x, graph.edge_index, batch) - graph.y).abs().item())
            x = net.second(torch.zeros_like(graph.x), graph.edge_index)  # of no message, zero
            out = net.out(torch.zeros(1, x.size(1)).index_add(0, batch, x))
            errors.append((out - graph.y).abs().item())
    assert found.info.before == pytest.approx(np.mean(before), rel=1e-5)
    row = found.table().row(0, named=True)
    assert row["metric"] == pytest.approx(np.mean(errors), rel=1e-5)
