"""One file per layer class: which sites it has, and how to observe them."""

from types import ModuleType
from typing import NamedTuple

from torch import nn

from edgescope.capture.adapters import edge_attention


class Site(NamedTuple):
    """A place in a model where a layer computes a vector for every edge."""

    name: str
    """Path of the layer and stage, such as ``layers.3.attention:score``."""
    layer: nn.Module
    """The layer."""
    stage: str
    """``"score"``: a vector per edge and head before the softmax."""
    formula: str
    """What is computed there."""


ADAPTERS: dict[type[nn.Module], ModuleType] = {edge_attention.LAYER: edge_attention}


def find_sites(model: nn.Module) -> list[Site]:
    """Return every site of ``model``, in the order of its modules."""
    return [
        Site(f"{path}:{stage}", layer, stage, formula)
        for path, layer in model.named_modules()
        if type(layer) in ADAPTERS
        for stage, formula in ADAPTERS[type(layer)].FORMULAS.items()
    ]
