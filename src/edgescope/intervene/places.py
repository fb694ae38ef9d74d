"""At which sites an intervention replaces activations."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import nn

from edgescope.capture import Site
from edgescope.capture.editing import check_editable, is_editable
from edgescope.capture.select import Sites, select_sites
from edgescope.errors import InputError
from edgescope.intervene.recorded import first_call
from edgescope.intervene.where import Where
from edgescope.results import Scan
from edgescope.scanning.sites import choose_sites

ONE_NUMBER = "it holds one number per edge and head, so there is no ratio between channels"
"""Why a site is left out that has no vectors."""


class Places(NamedTuple):
    """Where activations are replaced."""

    sites: list[Site]
    """The sites."""
    left_out: dict[str, str]
    """Sites that nobody asked for by name and that cannot be taken, each with the reason."""
    by_default: bool
    """Whether nobody asked for sites by name."""


def choose_places(
    model: nn.Module,
    where: Where,
    sites: Sites,
    layers: Sequence[int | str] | None,
) -> Places:
    """Return the sites at which activations are replaced.

    A site that cannot be edited is left out if it was not asked for.

    Args:
        model: the model.
        where: what chooses the activations; a scan has its own sites.
        sites: names or patterns, or a function; by default those of the scan, or those that a
            scan would take.
        layers: of the layers of these sites, the numbers (negative ones from the end) or the
            paths (``"layers.3"`` holds ``layers.3.attention``) of those to take.

    Raises:
        InputError: if there is no such site or layer, or one that was asked for by ``sites`` or
            ``layers`` cannot be edited, or none can.
    """
    found, scalars = _candidates(model, where, sites)
    if sites is not None or layers is not None:
        found = _of_layers(found, layers)
        check_editable(model, found)
        return Places(found, {}, by_default=False)
    editable = [site for site in found if is_editable(site)]
    if not editable:
        check_editable(model, found)
    reasons = {
        site.name: (
            f"it cannot be edited, as {type(site.layer).__name__} computes it where no hook can "
            "replace it"
        )
        for site in found
        if not is_editable(site)
    }
    return Places(editable, reasons | dict.fromkeys(scalars, ONE_NUMBER), by_default=True)


def left_out_message(left_out: Mapping[str, str]) -> str:
    """Say which sites an intervention leaves out, and why."""
    reasons = "; ".join(f"{site}: {reason}" for site, reason in left_out.items())
    return f"{len(left_out)} of the sites are left out ({reasons}); what is found is of the others"


def _candidates(model: nn.Module, where: Where, sites: Sites) -> tuple[list[Site], list[str]]:
    """Return the sites to take, and those that are left out as they have no vectors."""
    scalars: list[str] = []
    if callable(where) or (sites is not None and isinstance(where, Scan)):
        if sites is not None:
            found = select_sites(model, sites)
        else:
            found, _, scalars, _ = choose_sites(model, None)
    elif isinstance(where, Scan):
        scanned = {first_call(name) for name in where.sites}
        found = select_sites(model, lambda site: site.name in scanned)
    else:
        found, _, scalars, _ = choose_sites(model, sites)
    if isinstance(where, Scan):
        scanned = {first_call(name) for name in where.sites}
        missing = [site.name for site in found if site.name not in scanned]
        if missing:
            raise InputError(
                f"the scan has no site {missing[0]}, it has {', '.join(where.sites)}; scan it too, "
                "or leave it out with sites="
            )
    return found, scalars


def _of_layers(sites: list[Site], layers: Sequence[int | str] | None) -> list[Site]:
    if layers is None:
        return sites
    paths = list(dict.fromkeys(site.path for site in sites))
    wanted: set[str] = set()
    for layer in [layers] if isinstance(layers, str | int) else layers:
        if isinstance(layer, int):
            if not -len(paths) <= layer < len(paths):
                raise InputError(
                    f"received layer {layer}, expected a number below {len(paths)}: the layers are "
                    f"{', '.join(paths)}"
                )
            wanted.add(paths[layer])
            continue
        inside = {path for path in paths if path == layer or path.startswith(f"{layer}.")}
        if not inside:
            raise InputError(f"received layer {layer!r}, expected one of {', '.join(paths)}")
        wanted |= inside
    if not wanted:
        raise InputError(f"layers= is empty; the layers are {', '.join(paths)}")
    return [site for site in sites if site.path in wanted]
