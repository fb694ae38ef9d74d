"""What of a model can be looked at, and what cannot and why, before it has run."""

from collections.abc import Iterable, Mapping

from torch import nn

from edgescope.capturing.attention_signs import Signs, is_plain
from edgescope.capturing.coverage import LEFT_OUT, Coverage, SeenLayer, UnseenLayer
from edgescope.capturing.refusals import NONE, PERHAPS, unknown_layer
from edgescope.capturing.sites import Refused, Site, find_sites
from edgescope.capturing.state_sites import StateAdapter
from edgescope.lib.compiled_parts import compiled_parts, named_parts


def model_coverage(
    model: nn.Module,
    sites: Iterable[Site] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Coverage:
    """Return what of a model can be looked at, and what cannot and why.

    Args:
        model: any model.
        sites: the sites to look at; all by default.
        left_out: path of a layer that is left out to the reason; by default ``sites=``.
    """
    found = find_sites(model)
    sites = None if sites is None else list(sites)
    wanted = None if sites is None else {site.name for site in sites}
    covered: set[str] = set()
    stages: dict[str, list[str]] = {}
    layers: dict[str, str] = {}
    how: dict[str, str] = {}
    for each in found:
        if isinstance(each, Site):
            layers[each.path] = class_of(each.layer)
            how[each.path] = each.how
            if wanted is None or each.name in wanted:
                stages.setdefault(each.path, []).append(each.stage)
    for site in sites or ():
        if isinstance(site.adapter, StateAdapter):
            block = site.adapter.block
            layers.setdefault(block, class_of(site.layer))
            stages[block] = [site.stage]
            covered.add(site.adapter.edges_at)
    unseen = {
        each.path: UnseenLayer(each.path, class_of(each.layer), each.reason, each.kind)
        for each in found
        if isinstance(each, Refused) and each.kind != NONE
    }
    for path in layers.keys() - stages.keys() - covered:
        unseen[path] = UnseenLayer(path, layers[path], (left_out or {}).get(path, LEFT_OUT))
    order = list(dict.fromkeys(each.path for each in found))
    return Coverage(
        tuple(
            SeenLayer(path, layers[path], tuple(names), how=how.get(path, "adapter"))
            for path, names in stages.items()
        ),
        tuple(unseen[path] for path in order if path in unseen),
        tuple(compiled_parts(model)),
    )


def unknown_parts(model: nn.Module) -> Coverage:
    """Return the innermost modules of a model that are not torch's own, if nothing else is known.

    One of them may attend in a way that no name and no call gives away.
    """
    own = [(path, module) for path, module in named_parts(model) if not is_plain(module)]
    inner = [each for each in own if all(is_plain(m) for p, m in named_parts(each[1]) if p)]
    return Coverage(
        unseen=tuple(
            UnseenLayer(path, class_of(module), unknown_layer(Signs()), PERHAPS)
            for path, module in inner
        )
    )


def class_of(layer: nn.Module) -> str:
    """Return the name of a layer's class, of a compiled one that of what was compiled."""
    original = getattr(layer, "original_name", None)  # of TorchScript
    return str(original or type(getattr(layer, "_orig_mod", layer)).__name__)
