"""Ways of writing the softmax of a node's edges that are not a softmax by name."""

import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.utils import scatter, segment

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    all_edges,
    attend,
    normalised,
    per_head,
    site,
    summed,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import EDGES, multigraphs, nasty

D = DIM // HEADS


class Block(nn.Module):
    """Dot products of nodes, and a number of each edge; the softmax is left to be written."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))
        self.e = nn.Linear(EDGES, HEADS, bias=False)

    def logits(self, x, edge_index, edge_attr):
        source, target = edge_index
        q, k = self.q(x).view(-1, HEADS, D), self.k(x).view(-1, HEADS, D)
        return (q[target] * k[source]).sum(dim=-1) * D**-0.5 + self.e(edge_attr)

    def aggregated(self, weight, x, edge_index):
        sent = weight.unsqueeze(-1) * self.v(x).view(-1, HEADS, D)[edge_index[0]]
        return scatter(sent, edge_index[1], dim=0, dim_size=x.size(0), reduce="sum").flatten(1)


class Sorted(Block):
    """Sorts the edges by target, and sums segments of them."""

    def forward(self, x, edge_index, edge_attr):
        order = edge_index[1].argsort(stable=True)
        edge_index, edge_attr = edge_index[:, order], edge_attr[order]
        degree = torch.bincount(edge_index[1], minlength=x.size(0))
        ptr = F.pad(degree.cumsum(0), (1, 0))
        logit = self.logits(x, edge_index, edge_attr)
        top = segment(logit.detach(), ptr, reduce="max").repeat_interleave(degree, dim=0)
        power = (logit - top).exp()
        whole = segment(power, ptr, reduce="sum").repeat_interleave(degree, dim=0)
        sent = (power / whole)[..., None] * self.v(x).view(-1, HEADS, D)[edge_index[0]]
        return segment(sent.flatten(1), ptr, reduce="sum")


class SegmentReduce(Block):
    """Sums segments by ``torch.segment_reduce``, of lengths."""

    def forward(self, x, edge_index, edge_attr):
        order = torch.sort(edge_index[1], stable=True).indices
        edge_index = edge_index.index_select(1, order)
        lengths = torch.bincount(edge_index[1], minlength=x.size(0))
        power = self.logits(x, edge_index, edge_attr.index_select(0, order)).clamp(max=30).exp()
        whole = torch.segment_reduce(power, "sum", lengths=lengths, axis=0)
        return self.aggregated(power / whole[edge_index[1]], x, edge_index)


class LogSoftmax(Block):
    """Takes logarithms of weights, and their exponential."""

    def forward(self, x, edge_index, edge_attr):
        logit = self.logits(x, edge_index, edge_attr)
        top = scatter(logit, edge_index[1], 0, x.size(0), "max")[edge_index[1]]
        whole = scatter((logit - top).exp(), edge_index[1], 0, x.size(0), "sum")
        log_weight = logit - top - whole.log()[edge_index[1]]
        return self.aggregated(log_weight.exp(), x, edge_index)


class LogSumExp(Block):
    """Subtracts the logarithm of the sum of exponentials, node after node."""

    def forward(self, x, edge_index, edge_attr):
        logit = self.logits(x, edge_index, edge_attr)
        at = torch.full((x.size(0), *logit.shape), float("-inf")).to(logit)
        own = torch.arange(len(logit))
        at[edge_index[1], own] = logit
        whole = torch.logsumexp(at, dim=1)
        return self.aggregated(torch.exp(logit - whole[edge_index[1]]), x, edge_index)


class Temperature(Block):
    """A learned temperature of each head, and a power of two in place of e."""

    def __init__(self):
        super().__init__()
        self.log_temperature = nn.Parameter(torch.tensor([0.5, -0.3]))

    def forward(self, x, edge_index, edge_attr):
        logit = self.logits(x, edge_index, edge_attr) / self.log_temperature.exp()
        power = torch.exp2(logit * 1.4426950408889634)
        whole = scatter(power, edge_index[1], 0, x.size(0), "sum")
        return self.aggregated(power.div(whole[edge_index[1]]), x, edge_index)


class OffByOne(Block):
    """Adds one to the denominator, so that a node may attend to nothing."""

    def forward(self, x, edge_index, edge_attr):
        power = self.logits(x, edge_index, edge_attr).exp()
        whole = 1 + scatter(power, edge_index[1], 0, x.size(0), "sum")
        return self.aggregated(power / whole[edge_index[1]], x, edge_index)


class Sink(Block):
    """A learned sink: one logit more for every node, which sends nothing."""

    def __init__(self):
        super().__init__()
        self.sink = nn.Parameter(torch.tensor([0.7, -0.4]))

    def forward(self, x, edge_index, edge_attr):
        nodes = torch.arange(x.size(0))
        logit = torch.cat([self.logits(x, edge_index, edge_attr), self.sink.expand(len(x), -1)])
        index = torch.cat([edge_index[1], nodes])
        power = (logit - scatter(logit, index, 0, x.size(0), "max")[index]).exp()
        weight = power / scatter(power, index, 0, x.size(0), "sum")[index]
        return self.aggregated(weight[: edge_index.size(1)], x, edge_index)


class SegmentNet(Net):
    """Two blocks with residuals."""

    def __init__(self, block):
        super().__init__()
        self.blocks = nn.ModuleList([block(), block()])

    def forward(self, data):
        h = self.enc(data.x)
        for block in self.blocks:
            h = h + block(h, data.edge_index, data.edge_attr)
        return self.read(h, data.batch)


def _logits(block, h, data):
    source, target = data.edge_index
    q, k = per_head(block.q(h))[target], per_head(block.k(h))[source]
    score = q * k
    return score, score.sum(-1) / 2 + block.e(data.edge_attr)


def _sorted(data):
    ends = data.edge_index[1].tolist()
    return torch.tensor(sorted(range(len(ends)), key=ends.__getitem__))


def blocks(kind):
    """Return what works out blocks of a kind."""

    def work(m, data):
        h, n, sites = m.enc(data.x), data.num_nodes, []
        order = _sorted(data) if kind == "sorted" else all_edges(data)
        edges = data.edge_index[:, order]
        for number, block in enumerate(m.blocks):
            path = f"blocks.{number}"
            score, logit = (values[order] for values in _logits(block, h, data))
            value = per_head(block.v(h))[edges[0]]
            sites.append(site(path, "score", score, edges, order))
            if kind == "temperature":
                logit = logit / block.log_temperature.exp()
            if kind in {"one", "sink"}:
                extra = torch.zeros(HEADS) if kind == "one" else block.sink
                weight = torch.stack(
                    [normalised(logit[:, i], edges[1], n, extra=float(extra[i])) for i in (0, 1)], 1
                )
                sent = weight[..., None] * value
                out = summed(sent, edges[1], n)
                sites += [
                    site(path, "logit", logit, edges, order),
                    site(path, "weight", weight, edges, order, sums_to_one=False),
                    site(path, "message", sent, edges, order),
                ]
            else:
                out, more = attend(path, edges, logit, value, n, order)
                sites += more
            h = h + out.flatten(1)
        return m.read(h, data.batch), sites

    return work


def whole(model, data):
    """Call a model with the batch itself."""
    return model(data)


def _case(name, block, batch, kind=""):
    return Case(name, lambda: SegmentNet(block), batch, whole, blocks(kind))


CASES = [
    _case("edges sorted by target, CSR segments", Sorted, nasty, "sorted"),
    _case("segment_reduce of lengths", SegmentReduce, multigraphs, "sorted"),
    _case("log-softmax and exponential", LogSoftmax, nasty),
    _case("logsumexp subtracted", LogSumExp, multigraphs),
    _case("softmax with a temperature, in powers of two", Temperature, nasty, "temperature"),
    _case("softmax off by one", OffByOne, nasty, "one"),
    _case("softmax with a learned sink", Sink, nasty, "sink"),
]
