"""Choosing among the sites of a model."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from torch import nn

from edgescope.capturing.coverage import model_coverage, unknown_parts
from edgescope.capturing.sites import Refused, Site, find_sites
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_several

Sites = str | Sequence[str] | Callable[[Site], bool] | None
"""Names or shell-style patterns, a function that says yes or no to a site, or all sites."""


def select_sites(model: nn.Module, wanted: Sites) -> list[Site]:
    """Return the sites of ``model`` that are wanted, in the order of its layers.

    Raises:
        InputError: if the model has none, a pattern matches none, or none is asked for.
    """
    everything = find_sites(model)
    sites = [found for found in everything if isinstance(found, Site)]
    refused = [found for found in everything if isinstance(found, Refused)]
    if not sites:
        raise InputError(no_sites_message(model))
    if wanted is None:
        return sites
    if callable(wanted):
        chosen = [site for site in sites if wanted(site)]
        if not chosen:
            raise InputError(f"sites= took none of the model's {len(sites)} sites: {_names(sites)}")
        return chosen
    check_several(wanted, "sites")
    patterns = [wanted] if isinstance(wanted, str) else list(wanted)
    if not patterns:
        raise InputError(f"sites= is empty; the model's sites are: {_names(sites)}")
    for pattern in patterns:
        if not any(_matches(site, pattern) for site in sites):
            path = pattern.partition(":")[0]
            named = [f"{r.path}: {r.reason}" for r in refused if fnmatchcase(r.path, path)]
            raise InputError(
                f"no site matches {pattern!r}; "
                + ("; ".join(named) if named else f"the model's sites are: {_names(sites)}")
            )
    return [site for site in sites if any(_matches(site, pattern) for pattern in patterns)]


def no_sites_message(model: nn.Module) -> str:
    """Say that nothing of a model can be captured, and why, part by part."""
    gaps = model_coverage(model).gaps()
    if not gaps:
        refused = [each for each in find_sites(model) if isinstance(each, Refused)]
        gaps = [f"{each.path or 'the model'}: {each.reason}" for each in refused]
    gaps = gaps or unknown_parts(model).gaps()
    return f"{type(model).__name__} has no layer whose edges can be captured" + (
        f": {'; '.join(gaps)}" if gaps else "; es.capture.register makes a layer known"
    )


def _matches(site: Site, pattern: str) -> bool:
    # A path such as convs.<a___to___b> holds no wildcard, but brackets of a pattern might.
    return site.name == pattern or fnmatchcase(site.name, pattern)


def _names(sites: Sequence[Site]) -> str:
    return ", ".join(site.name for site in sites)
