"""Edits of attention along edges: the rows of a tensor are overwritten where it is computed."""

from typing import NamedTuple

from torch import Tensor

from edgescope.capturing.adapters.adapter import Replace
from edgescope.capturing.discovery.program import Found
from edgescope.capturing.discovery.recipes import (
    Factors,
    Layout,
    Recipe,
    Scale,
    Scaled,
    Taken,
    scaled,
)
from edgescope.capturing.discovery.row_ends import Ends
from edgescope.capturing.discovery.trace import Trace


class EditPoint(NamedTuple):
    """The tensor that is written to when a stage is edited.

    If the stage is not that tensor itself, what is added to the tensor is what the stage changes
    by: over the factors by which its values are multiplied later, and summed over channels where
    only their sum is ever computed.
    """

    tensor: Taken
    itself: bool
    scale: Scale = ()
    summed: bool = False

    @property
    def needs(self) -> int:
        """The last value that must be there when the tensor is written to."""
        return max([n for _, n in self.scale if isinstance(n, int)], default=-1)


def edit_point(recipe: Recipe) -> EditPoint | None:
    """Return what is written to when a stage is edited; ``None`` if it cannot be."""
    if isinstance(recipe, Taken):
        return EditPoint(recipe, itself=True)
    if isinstance(recipe, Factors) and recipe.total is not None:
        return EditPoint(recipe.total, itself=False, summed=True)
    if isinstance(recipe, Scaled):
        inner = edit_point(recipe.inner)
        if inner is not None:
            return inner._replace(itself=False, scale=recipe.scale)
    return None


def editable_at(found: Found, stage: str) -> tuple[EditPoint, Ends] | None:
    """Return what is written to when a stage is edited, and the ends of its rows.

    ``None`` if it cannot be, or not where the ends are known.
    """
    recipe = found.recipes.get(stage)
    point = None if recipe is None else edit_point(recipe)
    if point is None or not found.as_noted or not isinstance(found.ends, Ends):
        return None
    at, ends = point.tensor.number, (found.ends.source, found.ends.target)
    if point.needs >= at or any(end is not None and end[0] >= at for end in ends):
        return None
    return point, found.ends


class RowEdit(NamedTuple):
    """One stage of attention along edges, of which new values are written."""

    stage: str
    recipe: Recipe
    point: EditPoint
    ends: Ends
    replace: Replace

    def new(self, trace: Trace, tensor: Tensor) -> Tensor | None:
        """Return the numbers that take the place of a tensor's; ``None`` if nothing changes.

        Args:
            trace: the run, up to where the tensor was computed.
            tensor: what was computed.
        """
        point, rows = self.point, _seen(self.ends, len(trace.values)).rows(trace)
        old = self.recipe(trace)
        new = self.replace(self.stage, old, rows)
        if new is None:
            return None
        if point.itself:
            return arranged_back(new, point.tensor.layout, tensor)
        change = scaled(new - old, point.scale, trace, back=True)
        if point.summed:
            change = change.sum(-1, keepdim=True)
        own = point.tensor.layout.arrange(tensor)
        # An infinity that stays has no difference from itself.
        stays = (new == old).all(-1, keepdim=True)
        return arranged_back(own.where(stays, own + change), point.tensor.layout, tensor)


def _seen(ends: Ends, values: int) -> Ends:
    """Return the ends without numbers of nodes that only a later value says."""
    source, target = (each if each and each[0] < values else None for each in ends.nodes)
    return ends._replace(nodes=(source, target))


def arranged_back(values: Tensor, layout: Layout, like: Tensor) -> Tensor:
    """Return values ``[E, H, D]`` in the shape of the tensor from which they were arranged."""
    parts = like.reshape(layout.sizes).shape
    back = sorted(range(len(layout.order)), key=layout.order.__getitem__)
    return values.reshape([parts[n] for n in layout.order]).permute(back).reshape(like.shape)
