"""Which sites a scan takes."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from torch import nn

from edgescope.capturing.coverage import Coverage, layer_of
from edgescope.capturing.model_survey import model_coverage
from edgescope.capturing.site_choice import Sites, select_sites
from edgescope.capturing.sites import Refused, Site, find_sites
from edgescope.capturing.state_sites import is_state
from edgescope.lib.errors import InputError
from edgescope.scanning.site_scan import Rows

PREFERRED = ("score", "message")
"""Stages that a scan takes by default: the first of these that a layer has. The published study
measures scores; where a layer has no score, the message is the only vector of an edge."""

SCALAR = "it holds one number per edge and head, so no ratio can be taken"
"""Why a layer is not scanned by default that has no vector per edge."""


class Chosen(NamedTuple):
    """The sites of a scan."""

    sites: list[Site]
    """The sites to capture, in the order of the model's layers."""
    by_default: bool
    """Whether nobody asked for them by name."""
    left_out: list[str]
    """Sites that the default leaves out, because they hold one number per edge and head."""
    refused: Mapping[str, str] = MappingProxyType({})
    """Path of a layer that the default leaves out to the reason why it cannot be captured."""
    found: Sequence[Site | Refused] = ()
    """All that the model has, as :func:`~edgescope.capturing.sites.find_sites` says."""

    def without(self, refused: Mapping[str, str], model: nn.Module) -> "Chosen":
        """Return the sites without those of some layers.

        Args:
            refused: path of each layer to the reason.
            model: the model that is scanned.

        Raises:
            InputError: if none is left.
        """
        sites = [site for site in self.sites if site.path not in refused]
        refused = {**self.refused, **refused}
        if not sites:
            raise InputError(nothing_left_message(model, self.left_out, refused))
        return self._replace(sites=sites, refused=refused)

    def coverage(self, model: nn.Module, skipped: Sequence[str] = ()) -> Coverage:
        """Return which attention of a model the scan looks at, before it has run.

        Args:
            model: the model that is scanned.
            skipped: sites that turned out to hold one number per edge and head.
        """
        left_out = {layer_of(site): SCALAR for site in (*self.left_out, *skipped)}
        sites = [site for site in self.sites if site.name not in set(skipped)]
        return model_coverage(model, sites, {**left_out, **self.refused})

    @property
    def rows(self) -> Rows:
        """What a row of each of the sites is: an edge, or a node."""
        return "node" if all(map(is_state, self.sites)) else "edge"

    @property
    def add_edges(self) -> bool:
        """Whether some of their rows are no edge of the input."""
        return any(site.adapter.adds_edges(site.layer) for site in self.sites)


def choose_sites(
    model: nn.Module,
    wanted: Sites,
    *,
    states: bool = False,
    found: Sequence[Site | Refused] | None = None,
) -> Chosen:
    """Return the sites of ``model`` to scan.

    Args:
        model: the model.
        wanted: names or patterns, or a function that says yes or no to a
            :class:`~edgescope.capturing.Site`; by default one site with vectors per layer.
        states: whether they may be sites of node states, if all are.
        found: what :func:`~edgescope.capturing.sites.find_sites` has just found, if it has.

    Raises:
        InputError: if there are no such sites, one that was asked for has no vectors, or it is of
            node states and others are not.
    """
    found = find_sites(model) if found is None else found
    sites = select_sites(model, wanted, found)
    if wanted is not None:
        for site in sites:
            if not site.has_vectors:
                raise InputError(scalar_message(site.name))
        _check_rows(sites, states)
        return Chosen(sites, by_default=False, left_out=[], found=found)
    layers: dict[str, dict[str, Site]] = {}
    for site in sites:
        layers.setdefault(site.path, {})[site.stage] = site
    chosen, left_out = [], []
    for stages in layers.values():
        with_vectors = [stages[name] for name in PREFERRED if name in stages]
        with_vectors = [site for site in with_vectors if site.has_vectors]
        if with_vectors:
            chosen.append(with_vectors[0])
        else:
            left_out.append(next(iter(stages.values())).name)
    if not chosen:
        raise InputError(nothing_left_message(model, left_out))
    return Chosen(chosen, by_default=True, left_out=left_out, found=found)


def _check_rows(sites: Sequence[Site], states: bool) -> None:
    """Refuse sites of node states where only edges will do, or beside sites of edges."""
    nodes = [site.name for site in sites if is_state(site)]
    if nodes and not states:
        raise InputError(
            f"{nodes[0]} holds the states of nodes, and this is about edges; choose sites such as "
            "'*:score' or '*:message'. es.capture and es.scan look at node states"
        )
    if nodes and len(nodes) < len(sites):
        other = next(site.name for site in sites if not is_state(site))
        raise InputError(
            f"{nodes[0]} has a row per node and {other} one per edge, and a scan counts rows of "
            "one kind by their types; scan the node states by themselves, with sites='*:state'"
        )


def scalar_message(site: str) -> str:
    """Say why a site that was asked for cannot be scanned, and what to do."""
    if site.endswith(":state"):
        return (
            f"{site} holds one number per node, and the ratio of a scan compares the several "
            "channels of a node; leave this site out with sites=, or take the numbers themselves "
            "with es.capture"
        )
    return (
        f"{site} holds one number per edge and head, and the ratio of a scan compares the several "
        "channels of an edge; choose a site that holds vectors, such as sites='*:score' or "
        "sites='*:message', or take the numbers themselves with es.capture"
    )


def left_out_message(sites: list[str], refused: Mapping[str, str] | None = None) -> str:
    """Say which sites and layers the default leaves out, and why."""
    have, them = ("holds", "it") if len(sites) == 1 else ("hold", "them")
    scalar = (
        f"{', '.join(sites)} {have} one number per edge and head, so there is no ratio between "
        f"the channels of an edge, and the scan leaves {them} out; es.capture gives the numbers"
    )
    gone = [refused_message(path, reason) for path, reason in (refused or {}).items()]
    return "; ".join([scalar] * bool(sites) + gone)


def refused_message(path: str, reason: str) -> str:
    """Say that a layer is left out."""
    return f"{path or 'the model'} is left out, since it cannot be captured: {reason}"


def nothing_left_message(
    model: nn.Module, sites: list[str], refused: Mapping[str, str] | None = None
) -> str:
    """Say that a model has nothing to scan."""
    name = type(model).__name__
    if not refused:
        return (
            f"no site of {name} holds a vector per edge, whose channels the ratio of a scan "
            f"compares ({', '.join(sites)} hold one number per edge and head); use es.capture"
        )
    gone = [f"{path or 'the model'}: {reason}" for path, reason in refused.items()]
    gone += [f"{layer_of(site)}: {SCALAR}" for site in sites]
    gone += model_coverage(model).gaps()
    return f"no layer of {name} is left to look at; {'; '.join(gone)}"
