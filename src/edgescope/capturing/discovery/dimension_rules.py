"""What the dimensions of all that was computed stand for, operation after operation."""

from contextlib import suppress

from edgescope.capturing.discovery.dimensions import Axes, Dims
from edgescope.capturing.discovery.index_rules import INDEX_RULES
from edgescope.capturing.discovery.shape_rules import SHAPE_RULES, Applied, pointwise
from edgescope.capturing.discovery.steps import Step, Value, is_pointwise
from edgescope.capturing.discovery.trace import Trace

_RULES = SHAPE_RULES | INDEX_RULES


def axes_of(trace: Trace) -> Axes:
    """Find what the dimensions of every value of a trace stand for, and fill in their ``dims``.

    What no rule is known for has new dimensions, so that nothing is taken to be what it is not.
    """
    axes = Axes()
    for value in trace.values:
        if value.step is None:
            value.dims = axes.all_new(shape_of(value))
    for step in trace.steps:
        for value in step.results:
            value.dims = _dims(axes, step, value)
    return axes


def shape_of(value: Value) -> tuple[int, ...]:
    """Return the shape of a value; none for tensors within a tensor."""
    return () if value.tensor.is_nested else tuple(value.tensor.shape)


def _dims(axes: Axes, step: Step, result: Value) -> Dims:
    shape = shape_of(result)
    dims = None
    if result.was is not None:
        dims = result.was.dims
    else:
        rule = _RULES.get(step.name, pointwise if is_pointwise(step) else None)
        # An operation may be called in a way that its rule does not foresee.
        with suppress(IndexError, KeyError, TypeError, ValueError, AttributeError, StopIteration):
            dims = None if rule is None else rule(Applied(axes, step, result))
    if dims is None or tuple(map(axes.size, dims)) != shape:
        return axes.all_new(shape)
    return dims
