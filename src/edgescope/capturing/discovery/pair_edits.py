"""Edits of dense attention: some pairs of a matrix are overwritten where it is computed."""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.adapters.adapter import Replace
from edgescope.capturing.discovery.pair_program import PairFound
from edgescope.capturing.discovery.pair_values import OfPairs, Products
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.pair_grid import PairGrid, PairPlaces
from edgescope.lib.errors import InputError


class PairEdit(NamedTuple):
    """One stage of a dense attention whose new values are written into a matrix of all pairs.

    A score is the product that a matrix product sums, and is held nowhere: what its sum changes by
    is added to the logit, to which all that follows the product is added as well.
    """

    stage: str
    found: PairFound
    at: OfPairs
    """The matrix that is written to: of the weights, or of the logits."""
    tokens: tuple[int, int] | None
    replace: Replace

    def new(self, trace: Trace, tensor: Tensor) -> Tensor | None:
        """Return the numbers that take the place of a tensor's; ``None`` if nothing changes.

        Args:
            trace: the run, up to where the tensor was computed.
            tensor: what was computed.

        Raises:
            InputError: if it is not certain which places are pairs of nodes.
        """
        grid = self._grid(trace)
        recipe = self.found.recipes[self.stage]
        new = self.replace(self.stage, partial(recipe, trace), grid)
        if new is None:
            return None
        places = grid.places
        assert places is not None  # asked for by what gives new values
        if self.stage in {"score", "unbiased"}:
            change = new.sum(-1) - recipe(trace, places).sum(-1)
            new = (self.at(trace, places).squeeze(-1) + change).unsqueeze(-1)
        return self._written(tensor, places, new.squeeze(-1))

    def _grid(self, trace: Trace) -> PairGrid:
        """Return what tells which pairs attend, at a moment when only logits may be there."""
        if self.stage == "weight":
            return self.found.grid(trace, self.tokens)
        logit = self.at.grid(trace)
        tokens = self.tokens if self.found.tokens is None else self.found.tokens
        return PairGrid(logit.softmax(-1), logit, same=self.found.same, tokens=tokens)

    def _written(self, tensor: Tensor, places: PairPlaces, values: Tensor) -> Tensor:
        """Return a tensor with values ``[P, H]`` at some places."""
        cells = torch.arange(tensor.numel(), device=tensor.device).view(tensor.shape)
        grid = self.at.arrangement.arrange(cells)  # [G, H, Q, K]
        if grid.size(0) == 1 and bool((places.graph > 0).any()):
            raise InputError(
                f"all graphs of the batch share the {self.stage}s of a pair of places, so those of "
                "one cannot be edited; call the model on one graph at a time"
            )
        new = tensor.flatten()
        new[grid[places.graph, :, places.query, places.key]] = values.to(new.dtype)
        return new.view(tensor.shape)


def editable_pairs(found: PairFound) -> dict[str, OfPairs]:
    """Return the stages of a dense attention that can be edited, and the matrix of each.

    Weights can where they are held as a matrix; the logits, and what is summed into them, where a
    softmax makes weights of them.
    """
    able: dict[str, OfPairs] = {}
    if not found.as_noted:
        return able
    logit = found.recipes.get("logit")
    if found.kind == "softmax" and isinstance(logit, OfPairs):
        score = found.recipes.get("score")
        linear = isinstance(score, Products) and not score.limited
        able = {s: logit for s in ("score", "unbiased") if linear and s in found.recipes}
        able["logit"] = logit
    weight = found.recipes.get("weight")
    return able | ({"weight": weight} if isinstance(weight, OfPairs) else {})
