"""The smallest sets at the first site, found by trying all, where it is a function of types."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from edgescope.capturing import Site
from edgescope.intervene.origins.massive_counts import Choose
from edgescope.intervene.origins.rewind_runs import DIRECTIONS, DOES, JOIN, Direction
from edgescope.intervene.origins.smallest_sets import Outcome, Search
from edgescope.intervene.origins.state_exchange import Exchange
from edgescope.intervene.origins.two_models import Running
from edgescope.intervene.origins.type_triples import (
    Key,
    NotEnumerable,
    OneTriple,
    TripleCall,
    Triples,
    upstream,
)
from edgescope.lib.errors import InputError

MOST_UNITS = 8
"""Tensors that a site may depend on; all their sets are tried, 256 at most."""


class Exact(NamedTuple):
    """What was enumerated at one site."""

    types: list[dict[str, Any]]
    """A row per triple of types."""
    sets: list[dict[str, Any]]
    """The smallest sets."""
    passes: int
    """Passes over the loader that it took; one over fewer batches counts as what it is, up."""
    reason: str = ""
    """Why there is nothing; empty if there is."""


class FirstSite:
    """Looks into the first site of a model.

    Args:
        exchange: makes mixtures of the trained and the untrained model.
        running: how the model is run.
        choose: says what is massive.
        share: of what the trained model has more, which a set must take away, or make.
    """

    def __init__(self, exchange: Exchange, running: Running, choose: Choose, share: float) -> None:
        self._exchange, self._batches = exchange, running.batches
        self._call = TripleCall(running.call, running.inputs)
        self._running = running._replace(call=self._call)
        self._choose, self._share = choose, share
        self._passes = 0.0

    def run(self, site: Site) -> Exact:
        """Enumerate a site, or say why it cannot be."""
        types: list[dict[str, Any]] = []
        sets: list[dict[str, Any]] = []
        why_not = ""
        try:
            self._enumerate(site, types, sets)
        except NotEnumerable as reason:
            why_not = str(reason)
        return Exact(types, sets, math.ceil(self._passes), why_not)

    def _enumerate(
        self, site: Site, types: list[dict[str, Any]], sets: list[dict[str, Any]]
    ) -> None:
        whole = Triples(site.name, self._choose, self._call)
        trained = self._held(whole, [])
        batches = [self._batches[number] for number in whole.batches]
        if not batches:
            raise NotEnumerable("there are no edges")
        untrained = self._held(whole, self._exchange.changed, batches)
        types += whole.table(trained, untrained)
        if not site.editable or site.how == "discovered":
            raise NotEnumerable(
                "which tensors it depends on cannot be told of discovered attention"
            )
        names = self._upstream(site, batches)
        units = self._exchange.units("tensor", names)
        if len(units) > MOST_UNITS:
            raise NotEnumerable(
                f"it depends on {len(units)} tensors that have changed, more than {MOST_UNITS}"
            )
        every = self._held(whole, names, batches)
        if any(not _alike(every[key], untrained[key]) for key in every):
            raise NotEnumerable("it depends on more than the tensors that autograd tells")
        edges = whole.edges
        after, before = (whole.massive(found, edges) for found in (trained, untrained))
        if after <= before:
            raise NotEnumerable("training has made nothing massive there")
        wanted = self._share * (after - before)
        for way in DIRECTIONS:

            def outcome(chosen: tuple[str, ...], way: Direction = way) -> Outcome:
                of = [name for unit in chosen for name in units[unit]]
                put_back = of if way == "rewound" else [n for n in names if n not in set(of)]
                found = whole.massive(self._held(whole, put_back, batches), edges)
                done = found <= after - wanted if way == "rewound" else found >= before + wanted
                return Outcome((found,), done)

            search = Search(tuple(units), outcome)
            smallest = search.exhaustive()
            row = {"does": DOES[way], "level": f"exact at {site.name}", "among": len(units)}
            row |= {"size": len(smallest[0]), "units": JOIN.join(smallest[0])}
            row |= {"others": " or ".join(JOIN.join(each) for each in smallest[1:])}
            row |= {"proof": "smallest", "tried": search.tried}
            of = [name for unit in smallest[0] for name in units[unit]]
            put_back = of if way == "rewound" else [n for n in names if n not in set(of)]
            found = whole.massive(self._held(whole, put_back, batches), edges)
            base, sign = (after, 1) if way == "rewound" else (before, -1)
            row |= {"edges": sum(edges.values()), "massive": found}
            row |= {"prevalence": found / sum(edges.values())}
            row |= {"share": sign * (base - found) / (after - before)}
            sets.append(row)

    def _upstream(self, site: Site, batches: Sequence[Any]) -> list[str]:
        self._exchange.rewind(())
        model = self._exchange.model
        try:
            found = upstream(model, batches[0], site.name, self._call, *self._running[2:])
        except InputError as error:
            raise NotEnumerable(str(error)) from error
        self._passes += 1 / len(self._batches)
        return [name for name in self._exchange.changed if name in set(found)]

    def _held(
        self, whole: Triples, rewound: Sequence[str], batches: Sequence[Any] | None = None
    ) -> dict[Key, OneTriple]:
        """Return what a mixture has for every kind, from all batches or from some."""
        self._exchange.rewind(rewound)
        of = self._batches if batches is None else batches
        passes = self._running.passes(self._exchange.model, of)
        self._passes += len(of) / len(self._batches)
        own = whole if batches is None else Triples(whole.site, self._choose, self._call)
        return own.run(passes)


def _alike(first: OneTriple, second: OneTriple) -> bool:
    return torch.equal(first.values.nan_to_num(), second.values.nan_to_num())
