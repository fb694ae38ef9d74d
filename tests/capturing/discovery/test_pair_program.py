"""Dense attention in several ways of writing it, against loops over pairs in float64."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.utils import to_dense_batch

import edgescope as es

WAYS = (
    "matmul",
    "einsum",
    "one batch of heads",
    "heads along the batch",
    "token first",
    "token last",
    "sigmoid",
    "fused",
    "log-softmax",
    "left padding",
)
BIASED = {"matmul", "einsum", "one batch of heads", "token first", "token last", "left padding"}


def by_hand(q, k, there):
    logit = (q @ k.mT / math.sqrt(q.size(-1))).masked_fill(~there, -1e9)
    power = (logit - logit.amax(-1, keepdim=True)).exp()
    return power / power.sum(-1, keepdim=True)


def masked_later(q, k, there):
    logit = q @ k.mT / math.sqrt(q.size(-1))
    power = (logit - logit.amax(-1, keepdim=True)).exp() * there
    return power / power.sum(-1, keepdim=True)


def keys_first(q, k, there):
    logit = torch.baddbmm(torch.zeros(()), k.flatten(0, 1), q.flatten(0, 1).mT).mT
    logit = logit.view(*q.shape[:3], -1) / math.sqrt(q.size(-1))
    return torch.where(there, logit, -1e9).softmax(-1)


def channels_of_pairs(q, k, there):
    score = q.unsqueeze(3) * k.unsqueeze(2) / math.sqrt(q.size(-1))
    return (score.sum(-1) - 1e9 * ~there).softmax(-1)


def mean_over_channels(q, k, there):
    logit = math.sqrt(q.size(-1)) * (q.unsqueeze(3) * k.unsqueeze(2)).mean(-1)
    return (logit - 1e9 * ~there).softmax(-1)


def summed(way, weight, v):
    if way == "values one by one":
        return (weight.unsqueeze(-1) * v.unsqueeze(2)).sum(3)
    return weight @ v


WEIGHTS = {
    "values one by one": by_hand,
    "by hand": by_hand,
    "masked later": masked_later,
    "keys first": keys_first,
    "channels of pairs": channels_of_pairs,
    "mean over channels": mean_over_channels,
}


class Attention(nn.Module):
    """Attention of ``heads`` heads of ``channels`` channels on states ``[B, N, F]``."""

    def __init__(self, way, heads, channels):
        super().__init__()
        self.way, self.heads, self.channels = way, heads, channels
        self.qkv = nn.Linear(6, 3 * heads * channels)
        self.bias = nn.Embedding(9, heads)
        self.token = nn.Parameter(torch.randn(1, 1, 6))

    def forward(self, x, mask, far):
        way, H, d = self.way, self.heads, self.channels
        if way == "token first":
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
            mask, far = F.pad(mask, (1, 0), value=True), F.pad(far, (1, 0, 1, 0))
        if way == "token last":
            x = torch.cat([x, self.token.expand(len(x), -1, -1)], 1)
            mask, far = F.pad(mask, (0, 1), value=True), F.pad(far, (0, 1, 0, 1))
        B, N, _ = x.shape
        there = mask[:, None, None, :]
        if way == "heads along the batch":
            q, k, v = (torch.cat(each.split(d, -1)) for each in self.qkv(x).chunk(3, -1))
            logit = q @ k.mT / math.sqrt(d)
            logit = logit.masked_fill(~mask.repeat(H, 1)[:, None, :], -1e9)
            return torch.cat((logit.softmax(-1) @ v).split(B), -1)
        q, k, v = self.qkv(x).view(B, N, 3, H, d).permute(2, 0, 3, 1, 4)
        bias = self.bias(far).permute(0, 3, 1, 2)
        if way == "fused":
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=there)
        elif way in WEIGHTS:
            out = summed(way, WEIGHTS[way](q, k, there), v)
        elif way == "sigmoid":
            share = (
                torch.einsum("bhid,bhjd->bijh", q / math.sqrt(d), k).sigmoid()
                * mask[:, None, :, None]
            )
            out = torch.einsum("bijh,bhjd->bhid", share / share.sum(2, keepdim=True), v)
        elif way == "log-softmax":
            logit = (q @ k.mT / math.sqrt(d)).masked_fill(~there, -math.inf)
            out = logit.log_softmax(-1).exp() @ v
        elif way == "einsum":
            logit = torch.einsum("bhid,bhjd->bhij", q, k) * d**-0.5 + bias
            weight = logit.masked_fill(~there, -math.inf).softmax(-1)
            out = torch.einsum("bhij,bhjd->bhid", weight, v)
        elif way == "one batch of heads":
            q, k, v = (each.reshape(B * H, N, d) for each in (q, k, v))
            logit = torch.bmm(q * d**-0.5, k.transpose(1, 2)).view(B, H, N, N)
            logit += bias
            logit = logit.masked_fill(~there, -math.inf).view(B * H, N, N)
            out = (logit.softmax(-1) @ v).view(B, H, N, d)
        else:
            logit = (q @ k.mT / math.sqrt(d) + bias).masked_fill(~there, -math.inf)
            out = F.dropout(logit.softmax(-1), 0.1, self.training) @ v
        return out.transpose(1, 2).reshape(B, N, H * d)


class Net(nn.Module):
    def __init__(self, way, heads=2, channels=3):
        super().__init__()
        self.layer = Attention(way, heads, channels)

    def forward(self, x, edge_index, batch):  # noqa: ARG002  (by which pairs are identified)
        dense, mask = to_dense_batch(x, batch)
        if self.layer.way == "left padding":
            last = (~mask).sum(1).tolist()
            dense, mask = (
                torch.stack([one.roll(by, 0) for one, by in zip(each, last, strict=True)])
                for each in (dense, mask)
            )
        place = torch.arange(dense.size(1))
        far = (place[:, None] - place).abs().expand(len(dense), -1, -1)
        return self.layer(dense, mask, far)


def graphs(sizes=(3, 5, 1, 4)):
    generator = torch.Generator().manual_seed(2)

    def one(size):
        edges = torch.randint(0, size, (2, 2 * size), generator=generator)
        return Data(torch.randn(size, 6, generator=generator), edges)

    return Batch.from_data_list([one(size) for size in sizes])


def worked(net, batch):
    """Return the stages of every pair of nodes, by loops: (graph, target, source) to values."""
    layer = net.layer.double()
    H, d = layer.heads, layer.channels
    stages = {name: {} for name in ("score", "unbiased", "logit", "weight", "message")}
    for graph, data in enumerate(batch.to_data_list()):
        x = data.x.double()
        token = layer.token[0].double()
        tokens = layer.way.startswith("token")
        x = torch.cat([x, token]) if tokens else x
        q, k, v = layer.qkv(x).view(len(x), 3, H, d).unbind(1)
        nodes = len(data.x)
        for i in range(len(x)):
            score = q[i] * k / math.sqrt(d)
            far = torch.tensor(
                [abs(i - j) if i < nodes and j < nodes else 0 for j in range(len(x))]
            )
            bias = layer.bias(far) if layer.way in BIASED else 0
            logit = score.sum(-1) + bias
            power = logit.sigmoid() if layer.way == "sigmoid" else (logit - logit.amax(0)).exp()
            weight = power / power.sum(0)
            for j in range(len(x)):
                at = (graph, i, j)
                stages["score"][at] = score[j]
                stages["unbiased"][at] = score[j].sum(-1, keepdim=True)
                stages["logit"][at] = logit[j, :, None]
                stages["weight"][at] = weight[j, :, None]
                stages["message"][at] = weight[j, :, None] * v[j]
    return stages


@pytest.mark.parametrize("way", [*WAYS, *WEIGHTS])
@pytest.mark.parametrize(("heads", "channels"), [(2, 3), (3, 2), (2, 2)])
def test_every_way_of_writing_it_gives_the_same_stages(way, heads, channels):
    torch.manual_seed(0)
    net, batch = Net(way, heads, channels).eval(), graphs()
    with torch.no_grad():
        plain = net(batch.x, batch.edge_index, batch.batch)
    es.capture.discover(net, batch)
    with torch.no_grad(), es.capture(net) as tape:
        output = net(batch.x, batch.edge_index, batch.batch)
    assert torch.equal(output, plain)
    with torch.no_grad():
        expected = worked(net, batch)
    assert {"layer:weight", "layer:logit", "layer:score", "layer:message"} <= set(tape.sites)
    assert ("layer:unbiased" in tape.sites) == (way in BIASED)
    for site in tape.sites:
        values, identity = tape[site].values, tape[site].identity
        wanted = expected[site.partition(":")[2]]
        ends = (identity.own_target.tolist(), identity.own_source.tolist())
        at = zip(identity.graph.tolist(), *ends, strict=True)
        rows = torch.stack([wanted[each] for each in at])
        assert len(rows) == len(wanted)
        torch.testing.assert_close(values.double(), rows, atol=1e-5, rtol=1e-4)


def test_pairs_are_known_as_edges_where_there_is_one():
    net, batch = Net("matmul").eval(), graphs()
    es.capture.discover(net, batch)
    with torch.no_grad(), es.capture(net, "*:weight") as tape:
        net(batch.x, batch.edge_index, batch.batch)
    identity = tape["layer:weight"].identity
    known = identity.in_input >= 0
    ends = torch.stack([identity.source, identity.target])
    assert torch.equal(ends[:, known], batch.edge_index[:, identity.in_input[known]])
    given = set(map(tuple, batch.edge_index.t().tolist()))
    assert given.isdisjoint(map(tuple, ends[:, ~known].t().tolist()))
    assert given == set(map(tuple, ends[:, known].t().tolist()))


def test_a_batch_of_other_sizes_takes_the_same_sites():
    net = Net("one batch of heads").eval()
    es.capture.discover(net, graphs())
    for sizes in ((2, 2), (4,), (1, 6, 2, 2, 3)):
        batch = graphs(sizes)
        with torch.no_grad(), es.capture(net, "*:weight") as tape:
            net(batch.x, batch.edge_index, batch.batch)
        found = tape["layer:weight"]
        assert len(found.values) == sum(size**2 for size in sizes)
        total = torch.zeros(len(batch.x), 2).index_add(
            0, found.identity.target, found.values.squeeze(-1)
        )
        torch.testing.assert_close(total, torch.ones_like(total))


class PerChannel(nn.Module):
    """A softmax for every channel of scores with features of pairs, as in DiGress."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(6, 3 * 6)
        self.pair = nn.Embedding(9, 6)

    def score(self, x):
        """Return scores ``[B, N, N, 6]`` and values ``[B, N, 6]``."""
        q, k, v = self.qkv(x).chunk(3, -1)
        place = torch.arange(x.size(1))
        far = self.pair((place[:, None] - place).abs())
        return q.unsqueeze(2) * k.unsqueeze(1) * (1 + far) + far, v

    def forward(self, x, edge_index, batch):  # noqa: ARG002  (by which pairs are identified)
        dense, mask = to_dense_batch(x, batch)
        score, value = self.score(dense)
        heads = score.view(*score.shape[:3], 2, 3)
        weight = heads.masked_fill(~mask[:, None, :, None, None], -math.inf).softmax(2)
        return (weight * value.view(*value.shape[:2], 2, 3).unsqueeze(1)).sum(2)


def test_a_softmax_for_every_channel_has_them_as_channels():
    torch.manual_seed(0)
    net, batch = PerChannel().eval(), graphs()
    es.capture.discover(net, batch)
    with torch.no_grad(), es.capture(net) as tape:
        net(batch.x, batch.edge_index, batch.batch)
    assert set(tape.sites) == {":logit", ":weight", ":message"}
    with torch.no_grad():
        for graph, data in enumerate(batch.to_data_list()):
            score, value = net.score(data.x[None])
            weight = score.softmax(2)
            wanted = {":logit": score, ":weight": weight, ":message": weight * value.unsqueeze(1)}
            for site, dense in wanted.items():
                found, identity = tape[site], tape[site].identity
                own = identity.graph == graph
                at = identity.own_target[own], identity.own_source[own]
                assert len(at[0]) == data.num_nodes**2
                torch.testing.assert_close(found.values[own], dense[0][at].unsqueeze(1))
