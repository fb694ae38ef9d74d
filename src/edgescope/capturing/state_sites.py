"""The sites of node states, two for each layer: what enters it and what leaves it.

``convs.0:state`` is what leaves ``convs.0``, and ``convs.0.in:state`` what enters it. They are for
whoever asks: no default takes them, and no pattern that does not end in ``state``.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from edgescope.capturing.adapters.adapter import Adapter, Emit, Layer, Remove, Stage
from edgescope.capturing.adapters.node_states import STATE, End, attach_states
from edgescope.capturing.sites import Site
from edgescope.lib.compiled_parts import named_parts

if TYPE_CHECKING:
    from torch import nn

ENTERS = "in"
"""What the name of a site has after the path of a layer if its states enter the layer."""

_STAGES: Mapping[End, Stage] = {
    "in": Stage("x_i as it enters the layer", "[V, 1, D]"),
    "out": Stage("x_i as it leaves the layer", "[V, 1, D]"),
}


class StateAdapter(Adapter):
    """Observes the states on one side of a layer, for the adapter that knows the layer.

    Args:
        layers: the adapter of the layer.
        end: whether states enter or leave.
        path: where the layer is in the model.
        edges_at: the path of its sites of edges, which may be that of a part of it.
    """

    layer = "torch.nn.Module"
    stages: ClassVar[Mapping[str, Stage]] = {STATE: _STAGES["out"]}

    def __init__(self, layers: Adapter, end: End, path: str, edges_at: str) -> None:
        self.layers = layers
        self.end = end
        self.block = path
        self.edges_at = edges_at

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Emit the states, once for each call of the layer."""
        del stages
        known = self.layers
        own = known.attach_states(layer, self.end, emit)
        if own is not None:
            return own
        return attach_states(layer, self.end, emit, known.node_argument, known.edge_argument)


def state_sites(model: "nn.Module", sites: Sequence[Site]) -> list[Site]:
    """Return the sites of node states around the layers of some sites, in their order.

    Args:
        model: the model.
        sites: its sites of edges.
    """
    paths = {module: path for path, module in reversed(list(named_parts(model)))}
    there = set(paths.values())
    found: dict[str, Site] = {}
    for site in sites:
        path = paths[site.layer]
        for end, about in _STAGES.items():
            inner = f"{path}.{ENTERS}".removeprefix(".")
            if end == "in" and inner in there:
                continue  # the name is that of another module
            at = inner if end == "in" else path
            adapter = StateAdapter(site.adapter, end, path, site.path)
            name = f"{at}:{STATE}"
            found.setdefault(name, Site(name, at, site.layer, STATE, about, adapter, site.keys))
    return list(found.values())


def is_state(site: Site) -> bool:
    """Return whether a site is one of node states."""
    return site.stage == STATE


def asks_for_states(pattern: str) -> bool:
    """Return whether a name or pattern of sites may be of node states."""
    return pattern.endswith(STATE)
