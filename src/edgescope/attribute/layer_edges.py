"""What the layers of a model compute on the edges of a batch, one row per edge of the batch."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from edgescope.capturing import EdgeActivations, EdgeIdentity, capture
from edgescope.capturing.site_choice import select_sites
from edgescope.capturing.sites import Site
from edgescope.lib.errors import InputError

Inputs = Mapping[str, str] | None
"""What the model's ``forward`` calls its arguments, as in :func:`edgescope.capture`."""


class LayerRows(NamedTuple):
    """One site's numbers in one pass; ``R`` rows, in the order in which the layer has them."""

    site: str
    """Name of the site."""
    values: Tensor
    """What was made of the activations of every row ``[R]`` or ``[R, ...]``."""
    identity: EdgeIdentity
    """Which edge every row is."""
    position: Tensor
    """Position in the batch of the edge of every row ``[R]``; -1 if it was added on the way."""

    def on_edges(self, size: int, missing: float) -> Tensor:
        """Return a number per edge of the batch ``[E]``, ``missing`` where the layer has no row."""
        edges = self.values.new_full((size,), missing)
        real = self.position >= 0
        edges[self.position[real]] = self.values[real]
        return edges


def layer_rows(
    model: nn.Module,
    sites: list[str],
    run: Callable[[], Any],
    edge_index: Tensor,
    reduce: Callable[[Tensor], Tensor],
    inputs: Inputs = None,
) -> list[LayerRows]:
    """Run a model once and return what its layers compute on every edge.

    Args:
        model: the model.
        sites: names of the sites.
        run: calls the model.
        edge_index: the edges of the batch ``[2, E]``.
        reduce: makes numbers ``[R]`` of a site's activations ``[R, H, D]``, with zeros in place of
            those at the layer's floor.
        inputs: see :data:`Inputs`.

    Returns:
        One entry per site and call of its layer, in the order of the model's layers.

    Raises:
        InputError: if the rows of a site cannot be told apart, or are of other edges.
    """

    def keep(seen: EdgeActivations) -> LayerRows:
        position = _positions(seen, edge_index)
        return LayerRows(seen.site, reduce(seen.above_floor), seen.identity, position)

    with torch.no_grad(), capture(model, sites, reduce=keep, inputs=inputs) as tape:
        run()
    missing = [site for site in tape.sites if site not in tape]
    if missing:
        raise InputError(f"the model did not run {missing[0]}; leave it out with sites=")
    return [tape[site] for site in tape.sites]


def sites_at(model: nn.Module, stage: str) -> list[Site]:
    """Return the sites of a stage, such as ``"weight"``.

    Raises:
        InputError: if the model has none.
    """
    every = select_sites(model, None)
    found = [site for site in every if site.stage == stage]
    if not found:
        raise InputError(
            f"{type(model).__name__} has no site :{stage}, only "
            f"{', '.join(site.name for site in every)}; use another method"
        )
    return found


def _positions(seen: EdgeActivations, edge_index: Tensor) -> Tensor:
    """Return the position in the batch of the edge of every row ``[R]``.

    Raises:
        InputError: if the model was called with other edges, or with several graphs.
    """
    identity = seen.identity
    if identity.input:
        raise InputError(
            f"the model was given several graphs in one call, and {seen.site} works on "
            f"{identity.input}; importances are of the edges of one graph, so let call= give the "
            "model one"
        )
    if not identity.fits(edge_index):
        raise InputError(
            f"the model was called with other edges than the batch holds, so {seen.site} cannot be "
            "matched to edges; let call= pass batch.edge_index as it is"
        )
    return identity.in_input
