"""Random programs of attention over random multigraphs, in every way to write it, with decoys.

What a program's weights are is worked out by loops over edges, in Python's numbers.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.utils import softmax


@dataclass
class Graph:
    """Node states, projected, and edges between them."""

    q: Tensor
    k: Tensor
    v: Tensor
    edge: Tensor
    source: Tensor
    target: Tensor
    batch: Tensor

    @property
    def nodes(self) -> int:
        return len(self.q)

    @property
    def rows(self) -> int:
        return len(self.source)


@st.composite
def graphs(draw: Any) -> Graph:
    """Parallel edges, isolated nodes, self-loops, one node, no edges, as many edges as nodes."""
    nodes, heads, width = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    end = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(end, end), max_size=8))
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    q, k, v = (torch.randn(nodes, heads, width, generator=random, dtype=dtype) for _ in range(3))
    edge = torch.randn(len(edges), heads, generator=random, dtype=dtype)
    both = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t()
    if draw(st.booleans()):
        both = both.flip(0).contiguous()
    return Graph(q, k, v, edge, both[0], both[1], torch.arange(nodes) // 2)


def by_index(x: Tensor, at: Tensor) -> Tensor:
    return x[at]


def by_select(x: Tensor, at: Tensor) -> Tensor:
    return x.index_select(0, at)


def by_gather(x: Tensor, at: Tensor) -> Tensor:
    return x.gather(0, at.view(-1, *[1] * (x.dim() - 1)).expand(-1, *x.shape[1:]))


GATHERS = {"index": by_index, "index_select": by_select, "gather": by_gather}


def added(x: Tensor, at: Tensor, nodes: int) -> Tensor:
    return x.new_zeros(nodes, *x.shape[1:]).index_add(0, at, x)


def scattered(x: Tensor, at: Tensor, nodes: int) -> Tensor:
    index = at.view(-1, *[1] * (x.dim() - 1)).expand_as(x)
    return x.new_zeros(nodes, *x.shape[1:]).scatter_add_(0, index, x)


def reduced(x: Tensor, at: Tensor, nodes: int) -> Tensor:
    index = at.view(-1, *[1] * (x.dim() - 1)).expand_as(x)
    return x.new_zeros(nodes, *x.shape[1:]).scatter_reduce(0, index, x, "sum")


def put(x: Tensor, at: Tensor, nodes: int) -> Tensor:
    return x.new_zeros(nodes, *x.shape[1:]).index_put_((at,), x, accumulate=True)


SUMS = {"index_add": added, "scatter_add": scattered, "scatter_reduce": reduced, "index_put": put}


def top(x: Tensor, at: Tensor, nodes: int) -> Tensor:
    index = at.view(-1, *[1] * (x.dim() - 1)).expand_as(x)
    return x.new_full((nodes, *x.shape[1:]), -9e9).scatter_reduce(0, index, x, "amax")


def multiplied(g: Graph, gather: Any) -> Tensor:
    return (gather(g.q, g.target) * gather(g.k, g.source)).sum(-1)


def einsum(g: Graph, gather: Any) -> Tensor:
    return torch.einsum("ehd,ehd->eh", gather(g.q, g.target), gather(g.k, g.source))


def batched(g: Graph, gather: Any) -> Tensor:
    q, k = gather(g.q, g.target), gather(g.k, g.source)
    return torch.matmul(q.unsqueeze(-2), k.unsqueeze(-1)).squeeze(-1).squeeze(-1)


def added_up(g: Graph, gather: Any) -> Tensor:
    """Return the same from both ends, projected before they are gathered: q_i sums and k_j sums."""
    return gather(g.q.sum(-1), g.target) + gather(g.k.sum(-1), g.source)


LOGITS = {"mul": multiplied, "einsum": einsum, "matmul": batched, "additive": added_up}


def of_pyg(l: Tensor, g: Graph, add: Any) -> Tensor:
    return softmax(l, g.target, num_nodes=g.nodes)


def shifted(l: Tensor, g: Graph, add: Any) -> Tensor:
    power = (l - top(l, g.target, g.nodes)[g.target]).exp()
    return power / (add(power, g.target, g.nodes)[g.target] + 1e-16)


def plain(l: Tensor, g: Graph, add: Any) -> Tensor:
    power = torch.exp(l)
    return power / add(power, g.target, g.nodes).index_select(0, g.target)


def shifted_by_one(l: Tensor, g: Graph, add: Any) -> Tensor:
    power = (l - l.max()).exp() if l.numel() else l.exp()
    return power / (add(power, g.target, g.nodes) + 1e-30)[g.target]


def inverted(l: Tensor, g: Graph, add: Any) -> Tensor:
    power = l.exp()
    return power * add(power, g.target, g.nodes).clamp(min=1e-12).reciprocal()[g.target]


def one_over(l: Tensor, g: Graph, add: Any) -> Tensor:
    power = l.exp()
    return (add(power, g.target, g.nodes) + 1e-12).pow(-1)[g.target] * power


def logarithms(l: Tensor, g: Graph, add: Any) -> Tensor:
    low = l - top(l, g.target, g.nodes)[g.target]
    return (low - add(low.exp(), g.target, g.nodes).log()[g.target]).exp()


def in_place(l: Tensor, g: Graph, add: Any) -> Tensor:
    power = l.clone().sub_(top(l, g.target, g.nodes)[g.target]).exp_()
    return power.div_(add(power, g.target, g.nodes)[g.target])


def powers_of_two(l: Tensor, g: Graph, add: Any) -> Tensor:
    power = torch.exp2(l * math.log2(math.e))
    return power / add(power, g.target, g.nodes)[g.target]


def heads_first(l: Tensor, g: Graph, add: Any) -> Tensor:
    power = l.t().exp()
    index = g.target.expand(power.size(0), -1)
    total = power.new_zeros(power.size(0), g.nodes).scatter_add(1, index, power)
    return (power / total[:, g.target]).t()


def segments(l: Tensor, g: Graph, add: Any) -> Tensor:
    count = torch.bincount(g.target, minlength=g.nodes)
    power = l.exp()
    whole = torch.segment_reduce(power, "sum", lengths=count, axis=0)
    return power / whole.repeat_interleave(count, 0)


def off_by_one(l: Tensor, g: Graph, add: Any) -> Tensor:
    power = l.exp()
    return power / (1 + add(power, g.target, g.nodes))[g.target]


def sink(l: Tensor, g: Graph, add: Any) -> Tensor:
    both = torch.cat([l, l.new_full((1, 1), SINK).expand(g.nodes, l.size(1))])
    at = torch.cat([g.target, torch.arange(g.nodes)])
    power = (both - top(both, at, g.nodes)[at]).exp()
    return (power / add(power, at, g.nodes)[at])[: g.rows]


def logsumexp(l: Tensor, g: Graph, add: Any) -> Tensor:
    low = l.new_full((g.nodes, *l.shape), -math.inf)
    low[g.target, torch.arange(g.rows)] = l
    return (l - low.logsumexp(1)[g.target]).exp()


def sigmoids(l: Tensor, g: Graph, add: Any) -> Tensor:
    gate = l.sigmoid()
    return gate / add(gate, g.target, g.nodes)[g.target]


def clamped(l: Tensor, g: Graph, add: Any) -> Tensor:
    power = l.clamp(-1, 1).exp()
    return power / add(power, g.target, g.nodes)[g.target]


SINK = 0.5
"""The logit of a row that every node has beside its edges."""

SOFTMAXES: dict[str, Any] = {
    each.__name__: each
    for each in (
        *(of_pyg, shifted, plain, shifted_by_one, inverted, one_over, logarithms, in_place),
        *(powers_of_two, heads_first, segments, off_by_one, sigmoids, clamped, sink, logsumexp),
    )
}
"""Ways to write shares of a node's edges."""


def by_degree(g: Graph) -> Tensor:
    """Return weights of a convolution: over the roots of the degrees of both ends."""
    degree = torch.zeros(g.nodes).to(g.v).index_add(0, g.target, torch.ones(g.rows).to(g.v))
    root = degree.clamp(min=1).rsqrt()
    norm = root[g.source] * root[g.target]
    return added(norm[:, None, None] * g.v[g.source], g.target, g.nodes)


def radial(g: Graph) -> Tensor:
    """Return messages by the distance of both ends, over their count."""
    near = torch.exp(-(g.q[g.source] - g.q[g.target]).pow(2).sum(-1, keepdim=True))
    total = added(near * g.v[g.source], g.target, g.nodes)
    count = added(torch.ones_like(near), g.target, g.nodes)
    return total / count.clamp(min=1)


def over_root(g: Graph) -> Tensor:
    """Return messages by an exponential, over the root of its own sum."""
    near = torch.exp(-(g.q[g.source] - g.q[g.target]).pow(2).sum(-1))
    norm = near * added(near, g.target, g.nodes).pow(-0.5)[g.target]
    return added(norm[..., None] * g.v[g.source], g.target, g.nodes)


def over_channels(g: Graph) -> Tensor:
    """Return messages whose channels are shares of each other."""
    return added((g.v[g.source] + g.edge[..., None]).softmax(-1), g.target, g.nodes)


def over_heads(g: Graph) -> Tensor:
    """Return messages whose heads are shares of each other, by hand."""
    power = (g.edge + g.q[g.target].sum(-1)).exp()
    share = power / power.sum(1, keepdim=True)
    return added(share[..., None] * g.v[g.source], g.target, g.nodes)


def readout(g: Graph) -> Tensor:
    """Return a read-out by a softmax over the nodes of each graph, given back to its nodes."""
    share = softmax(g.q.sum(-1), g.batch, num_nodes=g.nodes)
    return added(share[..., None] * g.v, g.batch, g.nodes)[g.batch]


def mean(g: Graph) -> Tensor:
    """Return the mean of neighbours, as shares of one."""
    one = torch.ones(g.rows, 1).to(g.v)
    share = one / added(one, g.target, g.nodes)[g.target]
    return added(share[..., None] * g.v[g.source], g.target, g.nodes)


DECOYS = {
    each.__name__: each
    for each in (by_degree, radial, over_root, over_channels, over_heads, readout, mean)
}
"""What may be taken for shares of a node's edges, and is none."""


OTHER_SHARES = ("after", "loop", "pieces", "pieces after", "joined", "sparse")
"""Ways to write them that are no function of logits alone."""


@dataclass
class Program:
    """One way to write attention.

    Attributes:
        gather: how rows are gathered.
        add: how they are summed.
        logit: how the logit is computed.
        share: how it becomes shares; ``"after"`` if only the sum of messages is divided,
            ``"loop"`` for one head after the other, ``"pieces"`` and ``"pieces after"`` for edges
            in pieces, ``"joined"`` for edges of two kinds, one after the other, and ``"sparse"``
            for sums by sparse matrices, one head after the other.
        bias: whether something of the edge is added to the logit.
        scale: what the logit is multiplied by.
        decoys: what else is computed.
    """

    gather: str
    add: str
    logit: str
    share: str
    bias: bool
    scale: float
    decoys: tuple[str, ...]

    def __call__(self, g: Graph) -> Tensor:
        """Run the program."""
        out = torch.zeros_like(g.v)
        if self.share == "segments":
            order = g.target.argsort(stable=True)
            ends = {"source": g.source[order], "target": g.target[order]}
            g = replace(g, edge=g.edge[order], **ends)
        for decoy in self.decoys:
            out = out + DECOYS[decoy](g)
        add, gather = SUMS[self.add], GATHERS[self.gather]
        logit = LOGITS[self.logit](g, gather) * self.scale
        logit = logit + g.edge if self.bias else logit
        if self.share == "loop":
            heads = [
                add(shifted(logit[:, h], g, add)[:, None] * g.v[g.source, h], g.target, g.nodes)
                for h in range(logit.size(1))
            ]
            return out + torch.stack(heads, 1)
        if self.share == "sparse":
            return out + self.by_matrices(g, logit)
        if self.share == "after":
            power = logit.exp().unsqueeze(-1)
            total = add(power * gather(g.v, g.source), g.target, g.nodes)
            return out + total / (add(power, g.target, g.nodes) + 1e-12)
        if self.share.startswith("pieces"):
            return out + self.in_pieces(g)
        if self.share == "joined":
            return out + self.of_kinds(g)
        weight = SOFTMAXES[self.share](logit, g, add)
        return out + add(weight.unsqueeze(-1) * gather(g.v, g.source), g.target, g.nodes)

    def part(self, g: Graph, rows: Any) -> tuple[Graph, Tensor, Tensor]:
        """Return some edges of a graph, with their logits and values."""
        part = replace(g, edge=g.edge[rows], source=g.source[rows], target=g.target[rows])
        logit = LOGITS[self.logit](part, GATHERS[self.gather]) * self.scale
        logit = logit + part.edge if self.bias else logit
        return part, logit, GATHERS[self.gather](g.v, part.source)

    def in_pieces(self, g: Graph) -> Tensor:
        """Run the program on pieces of the edges, whose sums go on."""
        whole, out = torch.zeros_like(g.q[..., 0]), torch.zeros_like(g.v)
        pieces = [self.part(g, slice(n, n + 3)) for n in range(0, g.rows, 3)]
        powers = [logit.exp() for _, logit, _ in pieces]
        for (part, _, _), power in zip(pieces, powers, strict=True):
            whole.index_add_(0, part.target, power)
        for (part, _, value), power in zip(pieces, powers, strict=True):
            weight = power if self.share == "pieces after" else power / whole[part.target]
            out = out.index_add(0, part.target, weight.unsqueeze(-1) * value)
        return out / (whole + 1e-12)[..., None] if self.share == "pieces after" else out

    def by_matrices(self, g: Graph, logit: Tensor) -> Tensor:
        """Run the program with sparse matrices that sum over the edges of a node."""
        ends, one = torch.stack([g.target, g.source]), torch.ones(g.nodes, 1).to(g.v)
        heads = []
        for h in range(logit.size(1)):
            matrix = torch.sparse_coo_tensor(ends, logit[:, h].exp(), (g.nodes, g.nodes))
            heads.append(torch.sparse.mm(matrix, g.v[:, h]) / (matrix @ one + 1e-12))
        return torch.stack(heads, 1)

    def of_kinds(self, g: Graph) -> Tensor:
        """Run the program on edges of two kinds, that are joined before the softmax."""
        odd = torch.arange(g.rows) % 2 == 1
        parts, logits, values = zip(*(self.part(g, rows) for rows in (~odd, odd)), strict=True)
        target = torch.cat([part.target for part in parts])
        weight = softmax(torch.cat(logits), target, num_nodes=g.nodes)
        return SUMS[self.add](weight.unsqueeze(-1) * torch.cat(values), target, g.nodes)

    def order(self, g: Graph) -> Tensor:
        """Return the edges in the order of what is computed."""
        rows = torch.arange(g.rows)
        if self.share == "segments":
            return g.target.argsort(stable=True)
        return torch.cat([rows[::2], rows[1::2]]) if self.share == "joined" else rows

    def logits(self, g: Graph) -> Tensor:
        """Work out the logits ``[E, H]`` by a loop over edges, in float64."""
        q, k, edge = (each.double().tolist() for each in (g.q, g.k, g.edge))
        rows = []
        for e, (j, i) in enumerate(zip(g.source.tolist(), g.target.tolist(), strict=True)):
            row = []
            for h in range(g.q.size(1)):
                pairs = list(zip(q[i][h], k[j][h], strict=True))
                value = sum(a + b if self.logit == "additive" else a * b for a, b in pairs)
                row.append(value * self.scale + (edge[e][h] if self.bias else 0))
            rows.append(row)
        return torch.tensor(rows, dtype=torch.float64).reshape(g.rows, g.q.size(1))

    def weights(self, g: Graph) -> Tensor:
        """Work out the weights ``[E, H]`` by a loop over edges, in float64."""
        logit, target = self.logits(g).tolist(), g.target.tolist()
        low = self.share == "clamped"

        def power(value: float) -> float:
            if self.share == "sigmoids":
                return 1 / (1 + math.exp(-value))
            return math.exp(max(-1.0, min(1.0, value)) if low else value)

        rows = [
            [
                power(value)
                / (
                    sum(power(logit[f][h]) for f in range(g.rows) if target[f] == target[e])
                    + {"off_by_one": 1.0, "sink": math.exp(SINK)}.get(self.share, 0.0)
                )
                for h, value in enumerate(row)
            ]
            for e, row in enumerate(logit)
        ]
        return torch.tensor(rows, dtype=torch.float64).reshape(g.rows, g.q.size(1))


@st.composite
def programs(draw: Any) -> Program:
    """Every way to write attention, with up to three decoys before it."""
    return Program(
        draw(st.sampled_from(sorted(GATHERS))),
        draw(st.sampled_from(sorted(SUMS))),
        draw(st.sampled_from(sorted(LOGITS))),
        draw(st.sampled_from([*sorted(SOFTMAXES), *OTHER_SHARES])),
        draw(st.booleans()),
        draw(st.sampled_from([1.0, 0.5])),
        tuple(draw(st.lists(st.sampled_from(sorted(DECOYS)), max_size=3, unique=True))),
    )
