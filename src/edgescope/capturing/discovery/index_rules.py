"""What operations with an index do to dimensions: rows that are gathered, and scattered."""

from collections.abc import Iterable

import torch

from edgescope.capturing.discovery.dimensions import Axes, Dim, Dims
from edgescope.capturing.discovery.shape_rules import Applied, Rule, named
from edgescope.capturing.discovery.steps import Value


def _index(at: Applied) -> Dims | None:
    """Index by several tensors, one for each dimension, some of them left out."""
    axes, value = at.axes, at.first
    indices = at.step.args[1]
    there = [n for n, each in enumerate(indices) if isinstance(each, Value)]
    if not there or there != list(range(there[0], there[-1] + 1)):
        return None
    given = [indices[n] for n in there]
    after = there[-1] + 1
    if len(given) == 1 and given[0].tensor.dtype in _MASKS:
        mask = given[0]
        own: Dims = (axes.selected(mask.number, at.shape[there[0]]),)
        for n, dim in enumerate(mask.dims):
            axes.join(dim, value.dims[there[0] + n])
        after = there[0] + len(mask.dims)
    elif any(each.tensor.dtype in _MASKS for each in given):
        return None
    else:
        rank = max(each.tensor.dim() for each in given)
        own = axes.broadcast([each.dims for each in given], at.shape[there[0] : there[0] + rank])
    return (*value.dims[: there[0]], *own, *value.dims[after:])


_MASKS = frozenset({torch.bool, torch.uint8})


def _index_select(at: Applied) -> Dims:
    dims, index = at.dims, at.step.args[2]
    place = at.dim(1, len(dims))
    own = index.dims[0] if index.dims else ()
    return (*dims[:place], own, *dims[place + 1 :])


def _gather(at: Applied) -> Dims:
    dims, index = at.dims, at.step.args[2]
    place = at.dim(1, len(dims))
    others = ((a, b) for n, (a, b) in enumerate(zip(index.dims, dims, strict=True)) if n != place)
    _join(at.axes, others)
    return tuple(index.dims)


def _embedding(at: Applied) -> Dims:
    weight, index = at.step.args[:2]
    return (*index.dims, weight.dims[-1])


def _scatter(at: Applied) -> Dims:
    """Put rows by an index of their shape into a tensor, whose dimensions stay."""
    value, _, index = at.step.args[:3]
    place = at.dim(1, len(value.dims))
    source = source_of_scatter(at.step.args, at.step.kwargs)
    if source is not None and len(source.dims) == len(index.dims):
        _join(at.axes, zip(source.dims, index.dims, strict=True))
    pairs = zip(value.dims, index.dims, strict=False)
    _join(at.axes, (pair for n, pair in enumerate(pairs) if n != place))
    return tuple(value.dims)


def source_of_scatter(args: tuple[object, ...], kwargs: dict[str, object]) -> Value | None:
    """Return what a scatter puts by its index, if it is a tensor."""
    source = args[3] if len(args) > 3 else kwargs.get("src")  # noqa: PLR2004
    return source if isinstance(source, Value) else None


def _index_add(at: Applied) -> Dims:
    """Add rows by an index of one dimension to a tensor, whose dimensions stay."""
    value, _, index, source = at.step.args[:4]
    place = at.dim(1, len(value.dims))
    if isinstance(source, Value):
        pairs = list(zip(value.dims, source.dims, strict=False))
        _join(at.axes, (pair for n, pair in enumerate(pairs) if n != place))
        if place < len(source.dims) and index.dims:
            _join(at.axes, [(source.dims[place], index.dims[0])])
    return tuple(value.dims)


def _index_put(at: Applied) -> Dims:
    """Put rows by one index, or a mask, of the first dimensions into a tensor."""
    value, indices, source = at.step.args[:3]
    given = [each for each in indices if isinstance(each, Value)]
    if len(given) == 1 and isinstance(indices[0], Value) and isinstance(source, Value):
        index, axes = given[0], at.axes
        if index.tensor.dtype in _MASKS:
            _join(axes, zip(index.dims, value.dims, strict=False))
            if source.dims and len(source.dims) == len(value.dims) - len(index.dims) + 1:
                rows = axes.selected(index.number, axes.size(source.dims[0]))
                _join(axes, [(source.dims[0], rows)])
                _join(axes, zip(source.dims[1:], value.dims[len(index.dims) :], strict=True))
        elif source.dims and index.dims:
            lead = source.dims[: len(index.dims)]
            _join(axes, zip(lead, index.dims, strict=False))
            rest = source.dims[len(index.dims) :]
            _join(axes, zip(reversed(rest), reversed(value.dims), strict=False))
    return tuple(value.dims)


def _segments(at: Applied) -> Dims | None:
    """Combine rows that stand next to each other; what comes out has a row per segment."""
    return (at.axes.new(at.shape[0]), *at.dims[1:]) if at.shape else None


def _join(axes: Axes, pairs: Iterable[tuple[Dim, Dim]]) -> None:
    """Note which dimensions are the same, of those that are of one size."""
    for one, other in pairs:
        if axes.size(one) == axes.size(other):
            axes.join(one, other)


INDEX_RULES: dict[str, Rule] = {
    **named("index _unsafe_index", _index),
    **named("index_select", _index_select),
    **named("gather", _gather),
    **named("embedding", _embedding),
    **named("scatter scatter_add scatter_reduce", _scatter),
    **named("index_add index_reduce index_copy", _index_add),
    **named("index_put _index_put_impl _unsafe_index_put", _index_put),
    **named("segment_reduce", _segments),
}
"""What is known of operations, by their names."""
