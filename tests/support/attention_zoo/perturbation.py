"""Which rows of captured tensors change when edges, pairs or nodes of the input do.

What is changed are sets, so that no two edges or pairs are in the same sets, and no node but one of
a graph is changed at a time. So the changes of a row tell its edge and its ends from all others.
Everything is in float64, where a change is far above rounding.
"""

import warnings
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

import edgescope as es
from edgescope.capturing import EdgeActivations
from edgescope.lib.errors import EdgescopeWarning
from support.attention_zoo.case import Case, in_float64
from support.attention_zoo.graphs import BONDS

ALONE = ("score", "unbiased", "logit")
"""Stages that are computed for every edge by itself."""

FIRST = {
    "dense GAT with -9e15": ("heads.0", "heads.1"),
    "GAT, a loop over heads": ("conv", "conv#2"),
    "Molecule Attention Transformer": ("layers.0", "layers.0#2"),
    "softmax over both ends": ("layer", "layer#2"),
    "GMAN": ("spatial", "temporal"),
}
"""Attention that no other comes before, where it is not just the one that is captured first."""

BLUNT = {
    "ASTGCN": "a matrix mixes the logits of all pairs of a graph, against which each node was held",
}
"""Cases in which a change of one node reaches all rows of its graph at once, and how it does."""

BOTH = {"softmax over both ends"}
"""Cases whose message holds weights of both ends, so that it changes with edges of either."""

PLACES = {"edges in keys and values, by einsum"}
"""Cases that cannot know padding, so that nodes are places of the padded batch; they are warned."""

STAND = {
    "relation after relation, one softmax": ("bond",),
    "relation after relation, each with a softmax": ("bond",),
    "nearest points, a softmax for every channel": ("pos",),
    "nearest points of each cloud, by two indices": ("pos",),
}
"""Numbers that say which rows there are and in which order, and so are not changed."""

OF_EDGES = ("edge_attr", "bond", "t")
OF_PAIRS = ("edge_attr", "bond", "hops")
OF_NODES = ("x", "pos")

Tape = Mapping[str, EdgeActivations]


@dataclass(frozen=True)
class Change:
    """What is changed in a batch."""

    fields: tuple[str, ...]
    where: Any
    """Places in the fields."""
    what: Tensor
    """Numbers of the edges, pairs or nodes there."""

    def apply(self, batch: Any, sign: int) -> Any:
        """Return a changed copy of a batch, one way or the other, as a ReLU may hide one."""
        other = copy(batch)
        for field in self.fields:
            if field in batch:
                other[field] = moved(batch[field], self.where, sign)
        return other


def moved(values: Tensor, where: Any, sign: int) -> Tensor:
    """Return a copy with other numbers at some places."""
    values = values.clone()
    if values.is_floating_point():
        draw = torch.Generator().manual_seed(7)
        by = torch.randn(values[where].shape, generator=draw, dtype=values.dtype)
        values[where] += 1.5 * sign * by
    else:
        values[where] = (values[where] + sign) % BONDS
    return values


def sets_of(count: int) -> Iterator[Tensor]:
    """Yield sets of the numbers below ``count``: no two are in the same sets, and none in none."""
    numbers = torch.arange(count)
    for bit in range(count.bit_length()):
        yield numbers[((numbers + 1) >> bit) % 2 == 1]


class Identity:
    """What the rows of a case are said to be, and changes of its batch that tell whether they are.

    Args:
        case: the case.

    Attributes:
        batch: its batch in float64.
    """

    def __init__(self, case: Case) -> None:
        self.case, self.batch = case, in_float64(case.batch())
        self.stand = STAND.get(case.name, ())
        self.number: Tensor | None = None
        """Number of the node at every place of a padded batch ``[B, N]``; -1 where there is none"""
        if "number" in self.batch:
            number = self.batch["number"]
            places = torch.arange(number.numel()).view_as(number)
            self.number = places if case.name in PLACES else number

    def captured(self, model: nn.Module, batch: Any, sites: list[str]) -> Tape:
        """Return the activations of some sites."""
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore", EdgescopeWarning)
            with es.capture(model, sites) as tape:
                self.case.call(model, batch)
        return {site: tape[site] for site in tape.sites}

    def fields(self) -> list[str]:
        """Return the features of edges, or of pairs, that there are."""
        wanted = OF_PAIRS if self.number is not None else OF_EDGES
        return [each for each in wanted if each in self.batch and each not in self.stand]

    def row(self, found: EdgeActivations) -> Tensor:
        """Return the number of the edge or pair that every row says it is; -1 for no edge."""
        identity = found.identity
        if self.number is None:
            return identity.in_input
        return identity.target * (1 + self.number.max()) + identity.source

    def of_edges(self, field: str) -> Iterator[Change]:
        """Yield changes of a feature of edges, or of pairs."""
        if self.number is None:
            for what in sets_of(self.batch.edge_index.size(1)):
                yield Change((field,), what, what)
            return
        number = self.number
        places = ((number[:, :, None] >= 0) & (number[:, None] >= 0)).nonzero()
        b, query, key = places.t()
        pair = number[b, query] * (1 + number.max()) + number[b, key]
        for what in sets_of(len(places)):
            yield Change((field,), tuple(places[what].t()), pair[what])

    def of_nodes(self, name: str) -> Iterator[Change]:
        """Yield changes of one node of every graph."""
        fields = tuple(each for each in OF_NODES if each not in self.stand)
        if self.number is not None:
            for slot in range(self.number.size(1)):
                graphs = (self.number[:, slot] >= 0).nonzero()[:, 0]
                where = (graphs, torch.full_like(graphs, slot))
                yield Change(fields, where, self.number[where])
        elif "edge_index" in self.batch:
            place = torch.arange(self.batch.num_nodes) - self.batch.ptr[self.batch.batch]
            for slot in range(int(place.max()) + 1):
                what = (place == slot).nonzero()[:, 0]
                yield Change(fields, what, what)
        elif self.batch["x"].dim() == 3:  # places of a dense batch, one graph after the other
            graphs, places = self.batch["x"].shape[:2]
            for b, n in torch.cartesian_prod(torch.arange(graphs), torch.arange(places)):
                yield Change(fields, (b, n), (b * places + n)[None])
        else:  # sensors in time, which are numbered one sequence after the other
            every = torch.cartesian_prod(*map(torch.arange, self.batch["x"].shape[:3]))
            b, t, n = every.t()
            T, N = self.batch["x"].shape[1:3]
            numbers = (b * N + n) * T + t if name == "temporal" else (b * T + t) * N + n
            for at, what in zip(every, numbers, strict=True):
                yield Change(("x",), tuple(at), what[None])


def differs(one: EdgeActivations, other: EdgeActivations) -> Tensor:
    """Return which numbers ``[E, H, D]`` are not the same, but for rounding."""
    for before, after in zip(one.identity[:3], other.identity[:3], strict=True):
        assert torch.equal(before, after), f"{one.site}: only numbers were changed, and rows moved"
    return (one.values - other.values).abs() > 1e-12 + 1e-10 * one.values.abs()


def any_of(changed: Tensor) -> Tensor:
    """Return in which rows ``[E]`` any number changed."""
    return changed.flatten(1).any(1)


def summed(values: Tensor, target: Tensor) -> Tensor:
    """Return the sum over the rows of the same node, for every row."""
    size = int(target.max()) + 1
    return values.new_zeros(size, *values.shape[1:]).index_add(0, target, values)[target]


def by_node(rows: Tensor, target: Tensor) -> Tensor:
    """Return which rows ``[E, ...]`` have one of some at the same node, themselves included."""
    return summed(rows.double(), target) > 0


def weights_of(logit: Tensor, target: Tensor) -> Tensor:
    """Return the softmax of logits over the rows of the same node."""
    power = (logit - logit.max()).exp()
    return power / summed(power, target)


class Attention:
    """One attention of a case, whose rows are held against changes of its input.

    Args:
        stages: its activations without a change.
        alone: whether a weight says nothing of other edges of the node.
        loose: whether a message may change with the edges of another node.
        grouped: whether the edges of a node fall into several groups with a softmax each.
    """

    def __init__(self, stages: Tape, *, alone: bool, loose: bool, grouped: bool) -> None:
        self.stages, self.alone, self.loose, self.grouped = stages, alone, loose, grouped
        self.sites = [each.site for each in stages.values()]
        self.identity = stages["weight"].identity
        self._heard: dict[str, list[tuple[Tensor, tuple[Tensor, ...]]]] = {}
        # What a clamp or a ReLU cuts off need not change, and neither what a loop computes of the
        # difference of its ends.
        self.still = {
            stage: any_of((each.values == each.values.max()) | (each.values == each.values.min()))
            | any_of(each.values == 0)
            for stage, each in stages.items()
        }
        self.loop = self.identity.source == self.identity.target

    def hear(self, after: Tape, change: "Heard") -> None:
        """Note which rows one change reached.

        Raises:
            AssertionError: if weights or messages of other nodes than theirs changed.
        """
        here = {stage: after[each.site] for stage, each in self.stages.items()}
        changed = {stage: differs(self.stages[stage], each) for stage, each in here.items()}
        self._check_weight(here, changed)
        if "message" in changed and not self.loose:
            own = change.expected[0]
            may = own if self.alone else own | by_node(own, self.identity.target)
            extra = any_of(changed["message"]) & ~may
            assert not extra.any(), f"{self.sites}: messages of other nodes changed"
        for stage, each in changed.items():
            change.seen[stage] = change.seen.get(stage, False) | any_of(each)

    def _check_weight(self, here: Tape, changed: Mapping[str, Tensor]) -> None:
        if "logit" not in here:
            return
        before, after = self.stages["logit"].values, here["logit"].values
        moved, rows = changed["logit"], changed["weight"]
        if self.alone:
            assert torch.equal(any_of(rows), any_of(moved)), f"{self.sites}: weights follow others"
            return
        target = self.identity.target
        by = [weights_of(each, target) for each in (before, after)]
        must = (by[0] - by[1]).abs() > 1e-9 * by[0]
        stay = must & ~rows
        assert self.grouped or not stay.any(), f"{self.sites}: weights stay where logits change"
        extra = rows & ~by_node(moved, target)
        assert not extra.any(), f"{self.sites}: weights of other nodes changed"


class Heard:
    """Rows that one change reached.

    Args:
        expected: the rows that it should reach by their identity; any of these, but the same ones
            for all changes.
    """

    def __init__(self, *expected: Tensor) -> None:
        self.expected = expected
        self.seen: dict[str, Tensor] = {}

    def is_whole(self) -> bool:
        """Return whether the rows that were reached are all that could be."""
        return all(torch.equal(rows, self.expected[0]) for rows in self.seen.values())


def first_of(case: Case, names: list[str]) -> list[str]:
    """Return the names of the attentions that nothing comes before."""
    return [name for name in names if name in FIRST.get(case.name, names[:1])]


@cache
def changed_by(case: Case) -> list[str]:
    """Change edges and nodes of a case's batch; return what was changed and reached the rows.

    Raises:
        AssertionError: if other rows changed than those whose identity says so.
    """
    of, model = Identity(case), case.model().double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)
        es.capture.discover(model, of.batch, call=case.call)
    formulas = dict(es.capture.sites(model).select("site", "formula").iter_rows())
    names = list(dict.fromkeys(site.rpartition(":")[0] for site in formulas if formulas[site]))
    found: set[str] = set()
    for name in first_of(case, names):
        sites = [site for site in formulas if site.rpartition(":")[0] == name]
        before = of.captured(model, of.batch, sites)
        before = {site: each for site, each in before.items() if site in sites}  # of its first call
        weight = formulas[f"{name}:weight"]
        one = Attention(
            {site.rpartition(":")[2]: each for site, each in before.items()},
            alone="not normalised" in weight or "over the heads" in weight,
            loose=case.name in BOTH,
            grouped="some edges" in weight,
        )
        if "edge_index" in of.batch:
            assert one.identity.fits(of.batch.edge_index), name
        run = partial(_heard, of, model, one)
        row = of.row(before[f"{name}:weight"])
        for field in of.fields():
            every = Change((field,), ..., row)
            if not run(every, torch.ones_like(row, dtype=torch.bool)).seen["weight"].any():
                continue  # it is read by no attention
            heard = [run(change, torch.isin(row, change.what)) for change in of.of_edges(field)]
            check_rows(one, heard, one.still)
            found.add(field)
        heard, ends = [], (one.identity.source, one.identity.target)
        for change in of.of_nodes(name):
            if case.name in BLUNT:
                heard.append(run(change, one.identity.graph == change.where[0]))
                continue
            own = [torch.isin(end, change.what) for end in ends]
            heard.append(run(change, own[0] | own[1], *own))
        check_rows(one, heard, {stage: each | one.loop for stage, each in one.still.items()})
        found.add("graphs" if case.name in BLUNT else "nodes")
    return sorted(found)


def _heard(
    of: Identity, model: nn.Module, one: Attention, change: Change, *expected: Tensor
) -> Heard:
    heard = Heard(*expected)
    for sign in (1, -1):
        one.hear(of.captured(model, change.apply(of.batch, sign), one.sites), heard)
        if heard.is_whole():
            break
    return heard


def check_rows(one: Attention, heard: list[Heard], still: Mapping[str, Tensor]) -> None:
    """Check that changes reached the rows that say so, and no others.

    Raises:
        AssertionError: if not.
    """
    reached = {stage for each in heard for stage, rows in each.seen.items() if rows.any()}
    assert "weight" in reached
    for stage in reached & set(ALONE):
        fits = [
            all(
                torch.equal(each.seen[stage] | (each.expected[n] & still[stage]), each.expected[n])
                for each in heard
            )
            for n in range(len(heard[0].expected))
        ]
        assert any(fits), f"{one.stages[stage].site} changed in other rows than those it names"
