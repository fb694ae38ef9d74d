"""At which sites an intervention replaces activations."""

from collections.abc import Sequence

from torch import nn

from edgescope.capture import Site
from edgescope.capture.select import Sites, select_sites
from edgescope.errors import InputError
from edgescope.intervene.recorded import first_call
from edgescope.intervene.where import Where
from edgescope.results import Scan
from edgescope.scanning.sites import choose_sites


def choose_places(
    model: nn.Module,
    where: Where,
    sites: Sites,
    layers: Sequence[int | str] | None,
) -> list[Site]:
    """Return the sites at which activations are replaced.

    Args:
        model: the model.
        where: what chooses the activations; a scan has its own sites.
        sites: names or patterns, or a function; by default those of the scan, or those that a
            scan would take.
        layers: of the layers of these sites, the numbers (negative ones from the end) or the
            paths (``"layers.3"`` holds ``layers.3.attention``) of those to take.

    Raises:
        InputError: if there is no such site or layer.
    """
    if callable(where) or (sites is not None and isinstance(where, Scan)):
        found = select_sites(model, sites) if sites is not None else choose_sites(model, None).sites
    elif isinstance(where, Scan):
        scanned = {first_call(name) for name in where.sites}
        found = select_sites(model, lambda site: site.name in scanned)
    else:
        found = choose_sites(model, sites).sites
    if isinstance(where, Scan):
        scanned = {first_call(name) for name in where.sites}
        missing = [site.name for site in found if site.name not in scanned]
        if missing:
            raise InputError(
                f"the scan has no site {missing[0]}, it has {', '.join(where.sites)}; scan it too, "
                "or leave it out with sites="
            )
    return _of_layers(found, layers)


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
