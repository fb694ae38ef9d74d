"""Which sites a scan takes."""

from typing import NamedTuple

from torch import nn

from edgescope.capture.select import Sites, select_sites
from edgescope.capture.sites import Site
from edgescope.errors import InputError

PREFERRED = ("score", "message")
"""Stages that a scan takes by default: the first of these that a layer has. The published study
measures scores; where a layer has no score, the message is the only vector of an edge."""


class Chosen(NamedTuple):
    """The sites of a scan."""

    sites: list[Site]
    """The sites to capture, in the order of the model's layers."""
    by_default: bool
    """Whether nobody asked for them by name."""
    left_out: list[str]
    """Sites that the default leaves out, because they hold one number per edge and head."""

    @property
    def add_edges(self) -> bool:
        """Whether some of their rows are no edge of the input."""
        return any(site.adapter.adds_edges(site.layer) for site in self.sites)


def choose_sites(model: nn.Module, wanted: Sites) -> Chosen:
    """Return the sites of ``model`` to scan.

    Args:
        model: the model.
        wanted: names or patterns, or a function that says yes or no to a
            :class:`~edgescope.capture.Site`; by default one site with vectors per layer.

    Raises:
        InputError: if there are no such sites, or one that was asked for has no vectors.
    """
    sites = select_sites(model, wanted)
    if wanted is not None:
        for site in sites:
            if not site.has_vectors:
                raise InputError(scalar_message(site.name))
        return Chosen(sites, by_default=False, left_out=[])
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
    return Chosen(chosen, by_default=True, left_out=left_out)


def scalar_message(site: str) -> str:
    """Say why a site that was asked for cannot be scanned, and what to do."""
    return (
        f"{site} holds one number per edge and head, and the ratio of a scan compares the several "
        "channels of an edge; choose a site that holds vectors, such as sites='*:score' or "
        "sites='*:message', or take the numbers themselves with es.capture"
    )


def left_out_message(sites: list[str]) -> str:
    """Say which sites the default leaves out, and why."""
    have, them = ("holds", "it") if len(sites) == 1 else ("hold", "them")
    return (
        f"{', '.join(sites)} {have} one number per edge and head, so there is no ratio between "
        f"the channels of an edge, and the scan leaves {them} out; es.capture gives the numbers"
    )


def nothing_left_message(model: nn.Module, sites: list[str]) -> str:
    """Say that a model has nothing to scan."""
    return (
        f"no site of {type(model).__name__} holds a vector per edge, whose channels the ratio of "
        f"a scan compares ({', '.join(sites)} hold one number per edge and head); use es.capture"
    )
