"""The sites of a model, listed and chosen from, and those of every known layer."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from torch import nn

from edgescope.capturing.adapters.registry import adapters, class_name
from edgescope.capturing.discovered_sites import record_of
from edgescope.capturing.model_survey import model_coverage, unknown_parts
from edgescope.capturing.sites import Refused, Site, find_sites
from edgescope.capturing.state_sites import asks_for_states, is_state, state_sites
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_several

if TYPE_CHECKING:
    import polars as pl

Sites = str | Sequence[str] | Callable[[Site], bool] | None
"""Names or shell-style patterns, a function that says yes or no to a site, or all sites of edges.

Sites of node states are taken by a pattern that ends in ``state``, such as ``"*:state"``; a
function is asked about them if it takes no site of edges."""


def select_sites(
    model: nn.Module, wanted: Sites, found: Sequence[Site | Refused] | None = None
) -> list[Site]:
    """Return the sites of ``model`` that are wanted, in the order of its layers.

    Args:
        model: the model.
        wanted: which of them.
        found: what :func:`~edgescope.capturing.sites.find_sites` has just found, if it has.

    Raises:
        InputError: if the model has none, a pattern matches none, or none is asked for.
    """
    everything = find_sites(model) if found is None else found
    sites = [each for each in everything if isinstance(each, Site)]
    refused = [each for each in everything if isinstance(each, Refused)]
    if not sites:
        raise InputError(no_sites_message(model))
    if wanted is None:
        return sites
    if callable(wanted):
        chosen = [site for site in sites if wanted(site)]
        chosen = chosen or [site for site in state_sites(model, sites) if wanted(site)]
        if not chosen:
            raise InputError(f"sites= took none of the model's {len(sites)} sites: {_names(sites)}")
        return chosen
    check_several(wanted, "sites")
    patterns = [wanted] if isinstance(wanted, str) else list(wanted)
    if not patterns:
        raise InputError(f"sites= is empty; the model's sites are: {_names(sites)}")
    if any(map(asks_for_states, patterns)):
        sites = [*sites, *state_sites(model, sites)]
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
    known = record_of(model)
    hint = "" if known.looked else "; es.capture.discover(model, batch) looks into what it computes"
    if known.failure and not any(known.failure in gap for gap in gaps):
        hint = f"; discovery could not look into it ({known.failure})"
    return (
        f"{type(model).__name__} has no layer whose edges can be captured"
        + (f": {'; '.join(gaps)}" if gaps else "; es.capture.register makes a layer known")
        + hint
    )


def _matches(site: Site, pattern: str) -> bool:
    if is_state(site) and not asks_for_states(pattern):
        return False
    # A path such as convs.<a___to___b> holds no wildcard, but brackets of a pattern might.
    return site.name == pattern or fnmatchcase(site.name, pattern)


def _names(sites: Sequence[Site]) -> str:
    return ", ".join(site.name for site in sites)


def list_sites(model: nn.Module, *, states: bool = False) -> "pl.DataFrame":
    """Return what can be captured in a model, and what cannot and why.

    Columns: site, layer (class), how (``adapter`` if one knows the class, ``discovered`` if the
    attention was found in what the model computes), shape, formula, dropout (whether values are
    those before or after the layer's dropout of attention weights), editable (whether
    ``es.capture.edit`` can replace the values) and reason (why it cannot be captured; null if it
    can).

    Args:
        model: any model.
        states: whether to list the sites of node states as well, behind the others.

    Example:
        >>> from torch_geometric.nn import GATConv
        >>> import edgescope as es
        >>> es.capture.sites(GATConv(8, 8, heads=2))["site"].to_list()
        [':logit', ':weight', ':message']
        >>> es.capture.sites(GATConv(8, 8, heads=2), states=True)["site"].to_list()[3:]
        ['in:state', ':state']
    """
    import polars as pl

    rows: list[tuple[str | bool | None, ...]] = []
    everything = find_sites(model)
    if states:
        known = [found for found in everything if isinstance(found, Site)]
        everything = [*everything, *state_sites(model, known)]
    for found in everything:
        layer = type(found.layer).__name__
        if isinstance(found, Site):
            about = found.about
            rows.append(
                (
                    found.name,
                    layer,
                    found.how,
                    about.shape,
                    about.formula,
                    about.dropout or None,
                    found.editable,
                    None,
                )
            )
        else:
            rows.append((found.path or "(the model)", layer, *[None] * 5, found.reason))
    names = ["site", "layer", "how", "shape", "formula", "dropout", "editable", "reason"]
    schema = dict.fromkeys(names, pl.String()) | {"editable": pl.Boolean()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def list_layers() -> "pl.DataFrame":
    """Return every layer class that can be captured, one row per stage.

    Columns: layer, stage, formula, shape, dropout (as in :func:`list_sites`), loops (what the
    layer does with self-loops) and refuses (which of its configurations are refused).

    Example:
        >>> import edgescope as es
        >>> layers = es.capture.layers()
        >>> layers["layer"].is_in(["GATConv"]).sum()  # a row per stage
        3
    """
    import polars as pl

    rows = [
        (
            class_name(adapter),
            stage,
            about.formula,
            about.shape,
            about.dropout or None,
            adapter.loops,
            "; ".join(adapter.refuses) or None,
        )
        for adapter in adapters()
        for stage, about in adapter.stages.items()
    ]
    schema = ["layer", "stage", "formula", "shape", "dropout", "loops", "refuses"]
    return pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String), orient="row")
