"""What operations do to dimensions: one rule for each kind of operation."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from edgescope.capturing.discovery.axes import Axes, Dim, Dims
from edgescope.capturing.discovery.trace import Step, Trace, Value, is_pointwise

Rule = Callable[["AxisRules", Step, Value], Dims]
"""Returns the dimensions of a result of an operation."""


class AxisRules:
    """Finds what the dimensions of every value of a trace stand for.

    What no rule is known for has new dimensions, so that nothing is taken to be what it is not.

    Args:
        trace: what was computed; the ``dims`` of its values are filled.
    """

    def __init__(self, trace: Trace) -> None:
        self.axes = Axes()
        self._masks: dict[int, Dim] = {}
        self.heads: dict[int, Dim] = {}
        self._joined: dict[int, list[tuple[int, Value]]] = {}
        for value in trace.values:
            if value.step is None:
                value.dims = self.axes.all_new(value.tensor.shape)
        for step in trace.steps:
            for value in step.results:
                value.dims = self._dims(step, value)

    def _dims(self, step: Step, result: Value) -> Dims:
        shape = result.tensor.shape
        if result.form is not None:
            return result.form.dims
        rule = _RULES.get(step.name)
        dims = None
        if rule is not None:
            dims = rule(self, step, result)
        elif is_pointwise(step):
            dims = pointwise(self, step, result)
        if dims is None or tuple(map(self.axes.size, dims)) != tuple(shape):
            return self.axes.all_new(shape)
        return dims

    def note_joined(self, atom: int, parts: list[tuple[int, Value]]) -> None:
        """Note what an atom was joined from: sizes, and the values."""
        self._joined[atom] = parts

    def joined(self) -> dict[int, list[tuple[int, bool]]]:
        """Return what atoms were joined from: sizes, and whether each part is a parameter."""
        return {
            self.axes.root(atom): [(size, _is_learned(part)) for size, part in parts]
            for atom, parts in self._joined.items()
        }

    def selected(self, mask: Value, size: int) -> Dim:
        """Return the dimension of what is selected by a mask, the same for all that it selects."""
        if mask.number not in self._masks:
            self._masks[mask.number] = self.axes.new(size)
        return self._masks[mask.number]


def pointwise(rules: AxisRules, step: Step, result: Value) -> Dims:
    """Put side by side what is combined number by number."""
    return rules.axes.broadcast([each.dims for each in step.inputs()], result.tensor.shape)


def _same(rules: AxisRules, step: Step, result: Value) -> Dims:
    del rules, result
    dims: Dims = _first(step).dims
    return dims


def _view(rules: AxisRules, step: Step, result: Value) -> Dims:
    return rules.axes.view(_first(step).dims, result.tensor.shape)


def _permute(rules: AxisRules, step: Step, result: Value) -> Dims:
    dims = _first(step).dims
    if step.name in {"t", "numpy_T", "mT"}:
        return tuple(reversed(dims)) if step.name != "mT" else (*dims[:-2], dims[-1], dims[-2])
    if step.name == "transpose":
        order = list(range(len(dims)))
        a, b = (step.args[n] for n in (1, 2))
        order[a], order[b] = order[b], order[a]
    else:
        order = list(step.args[1])
    return tuple(dims[n] for n in order)


def _expand(rules: AxisRules, step: Step, result: Value) -> Dims:
    axes, dims, shape = rules.axes, _first(step).dims, result.tensor.shape
    dims = ((),) * (len(shape) - len(dims)) + dims
    return tuple(
        dim if axes.size(dim) == size else axes.new(size)
        for dim, size in zip(dims, shape, strict=True)
    )


def _unsqueeze(rules: AxisRules, step: Step, result: Value) -> Dims:
    dims = _first(step).dims
    at = step.args[1] % (len(dims) + 1)
    return (*dims[:at], (), *dims[at:])


def _squeeze(rules: AxisRules, step: Step, result: Value) -> Dims:
    value = _first(step)
    return rules.axes.view(value.dims, result.tensor.shape)


def _slice(rules: AxisRules, step: Step, result: Value) -> Dims:
    """Keep a dimension that is taken whole; a part of it is something new."""
    axes, shape = rules.axes, result.tensor.shape
    dims = _first(step).dims
    return tuple(
        dim if axes.size(dim) == size else axes.new(size)
        for dim, size in zip(dims, shape, strict=True)
    )


def _select(rules: AxisRules, step: Step, result: Value) -> Dims:
    dims = _first(step).dims
    at = step.args[1] if len(step.args) > 2 else 0  # noqa: PLR2004  (tensor, dimension, position)
    at %= len(dims)
    return dims[:at] + dims[at + 1 :]


def _unbind(rules: AxisRules, step: Step, result: Value) -> Dims:
    dims = _first(step).dims
    at = (step.args[1] if len(step.args) > 1 else step.kwargs.get("dim", 0)) % len(dims)
    return dims[:at] + dims[at + 1 :]


def _reduce(rules: AxisRules, step: Step, result: Value) -> Dims:
    value = _first(step)
    dims, shape = value.dims, result.tensor.shape
    if not shape:
        return ()
    gone = reduced(step)
    if len(shape) == len(dims):
        return tuple(() if n in gone else dim for n, dim in enumerate(dims))
    return tuple(dim for n, dim in enumerate(dims) if n not in gone)


def reduced(step: Step) -> set[int]:
    """Return the dimensions over which an operation reduces its first argument."""
    rank = _first(step).tensor.dim()
    at = step.kwargs.get("dim", ())
    for each in step.args[1:]:
        if isinstance(each, tuple) and all(isinstance(n, int) for n in each):
            at = each
            break
        if isinstance(each, int) and not isinstance(each, bool) and step.name not in _BY_ORDER:
            at = (each,)
            break
    if step.name in _BY_ORDER and len(step.args) > 2:  # noqa: PLR2004  (tensor, order, dimension)
        at = step.args[2]
    at = (at,) if isinstance(at, int) else at or tuple(range(rank))
    return {n % rank for n in at} if rank else set()


_BY_ORDER = frozenset({"linalg_vector_norm", "norm"})


def _concatenate(rules: AxisRules, step: Step, result: Value) -> Dims:
    axes, shape = rules.axes, result.tensor.shape
    parts = [each for each in step.args[0] if isinstance(each, Value) and each.dims]
    at = (step.args[1] if len(step.args) > 1 else step.kwargs.get("dim", 0)) % len(shape)
    joined: list[Dim] = []
    for n, size in enumerate(shape):
        own: Dim = ()
        for part in parts:
            if n != at and len(part.dims) == len(shape):
                own = axes.join(own, part.dims[n])
        if n == at:
            kinds = {axes.roots(part.dims[n]) for part in parts}
            same = len(parts) > 1 and len(kinds) == 1
            own = axes.new(len(parts)) + parts[0].dims[n] if same else axes.new(size)
            own = parts[0].dims[n] if len(parts) == 1 else own
            if same and _is_split(parts):
                rules.heads[own[0]] = _cut_of(parts[0])
            if own and not same:
                rules.note_joined(own[0], [(part.tensor.size(n), part) for part in parts])
        joined.append(own)
    return tuple(joined)


def _is_split(parts: Sequence[Value]) -> bool:
    """Return whether values are the parts of one that was divided, each once."""
    steps = {None if part.step is None else part.step.number for part in parts}
    return len(steps) == 1 and None not in steps and len({part.slot for part in parts}) > 1


def _cut_of(part: Value) -> Dim:
    """Return the atoms of the dimension along which a value was divided into parts."""
    step = part.step
    assert step is not None
    whole = _first(step)
    at = step.args[2] if len(step.args) > 2 else step.kwargs.get("dim", 0)  # noqa: PLR2004
    if step.name == "unbind":
        at = step.args[1] if len(step.args) > 1 else step.kwargs.get("dim", 0)
    return whole.dims[at] if whole.dims else ()


def _is_learned(value: Value) -> bool:
    """Return whether a value is a parameter in some form, such as a token for every graph."""
    while value.step is not None:
        first = next(value.step.inputs(), None)
        if first is None or value.step.name not in {
            "expand",
            "view",
            "unsqueeze",
            "repeat",
            "clone",
            "index_select",
            "select",
            "slice",
            "embedding",
            "detach",
            "_to_copy",
            "t",
            "transpose",
            "permute",
            "squeeze",
            "add",
            "_unsafe_view",
            "alias",
            "mul",
        }:
            return False
        value = first
    return isinstance(value.tensor, nn.Parameter)


def _stack(rules: AxisRules, step: Step, result: Value) -> Dims:
    axes, shape = rules.axes, result.tensor.shape
    parts = step.args[0]
    at = (step.args[1] if len(step.args) > 1 else step.kwargs.get("dim", 0)) % len(shape)
    own = axes.broadcast([part.dims for part in parts], parts[0].tensor.shape)
    return (*own[:at], axes.new(len(parts)), *own[at:])


def _matrices(rules: AxisRules, step: Step, result: Value) -> Dims:
    """Multiply matrices, or batches of them; ``addmm`` adds its first argument."""
    axes = rules.axes
    one, other = [each for each in step.args if isinstance(each, Value)][-2:]
    if step.name in {"mv", "addmv"}:
        axes.join(one.dims[-1], other.dims[-1])
        return one.dims[:-1]
    if step.name == "dot":
        axes.join(one.dims[0], other.dims[0])
        return ()
    axes.join(one.dims[-1], other.dims[-2])
    batch: Dims = ()
    if step.name in {"bmm", "baddbmm"}:
        batch = (axes.join(one.dims[0], other.dims[0]),)
    dims = (*batch, one.dims[-2], other.dims[-1])
    if step.name.startswith("add") or step.name == "baddbmm":
        return axes.broadcast([dims, _first(step).dims], result.tensor.shape)
    return dims


def _index(rules: AxisRules, step: Step, result: Value) -> Dims | None:
    """Index by several tensors, one for each dimension, some of them left out."""
    axes, value, shape = rules.axes, _first(step), result.tensor.shape
    indices = step.args[1]
    there = [n for n, each in enumerate(indices) if isinstance(each, Value)]
    if not there or there != list(range(there[0], there[-1] + 1)):
        return None
    given = [indices[n] for n in there]
    after = there[-1] + 1
    if len(given) == 1 and given[0].tensor.dtype is torch.bool:
        mask = given[0]
        own: Dims = (rules.selected(mask, shape[there[0]]),)
        for n, dim in enumerate(mask.dims):
            axes.join(dim, value.dims[there[0] + n])
        after = there[0] + len(mask.dims)
    elif any(each.tensor.dtype is torch.bool for each in given):
        return None
    else:
        rank = max(each.tensor.dim() for each in given)
        own = axes.broadcast([each.dims for each in given], shape[there[0] : there[0] + rank])
    return (*value.dims[: there[0]], *own, *value.dims[after:])


def _index_select(rules: AxisRules, step: Step, result: Value) -> Dims:
    value, at, index = step.args[:3]
    at %= max(len(value.dims), 1)
    own = index.dims[0] if index.dims else ()
    return (*value.dims[:at], own, *value.dims[at + 1 :])


def _gather(rules: AxisRules, step: Step, result: Value) -> Dims:
    value, at, index = step.args[:3]
    at %= max(len(value.dims), 1)
    return tuple(
        dim
        if n == at or rules.axes.size(dim) != rules.axes.size(value.dims[n])
        else rules.axes.join(dim, value.dims[n])
        for n, dim in enumerate(index.dims)
    )


def _embedding(rules: AxisRules, step: Step, result: Value) -> Dims:
    weight, index = step.args[:2]
    return (*index.dims, weight.dims[-1])


def _scatter(rules: AxisRules, step: Step, result: Value) -> Dims:
    """Put rows by an index of their shape into a tensor, whose dimensions stay."""
    value, at, index = step.args[:3]
    at %= max(len(value.dims), 1)
    source = step.args[3] if len(step.args) > 3 else step.kwargs.get("src")  # noqa: PLR2004
    axes = rules.axes
    several = [index.dims] + ([source.dims] if isinstance(source, Value) else [])
    own = several[0]
    if len(several) > 1 and len(several[1]) == len(own):
        for a, b in zip(*several, strict=True):
            if axes.size(a) == axes.size(b):
                axes.join(a, b)
    for n, (a, b) in enumerate(zip(value.dims, own, strict=False)):
        if n != at and axes.size(a) == axes.size(b):
            axes.join(a, b)
    return tuple(value.dims)


def _index_add(rules: AxisRules, step: Step, result: Value) -> Dims:
    """Add rows by an index of one dimension to a tensor, whose dimensions stay."""
    value, at, index, source = step.args[:4]
    at %= max(len(value.dims), 1)
    axes = rules.axes
    if not isinstance(source, Value):
        return tuple(value.dims)
    for n, (a, b) in enumerate(zip(value.dims, source.dims, strict=False)):
        if n == at:
            axes.join(b, index.dims[0] if index.dims else ())
        elif axes.size(a) == axes.size(b):
            axes.join(a, b)
    return tuple(value.dims)


def _index_put(rules: AxisRules, step: Step, result: Value) -> Dims:
    value, indices, source = step.args[:3]
    given = [each for each in indices if isinstance(each, Value)]
    axes = rules.axes
    if len(given) == 1 and isinstance(indices[0], Value) and isinstance(source, Value):
        index = given[0]
        if index.tensor.dtype is not torch.bool and source.dims and index.dims:
            lead = source.dims[: len(index.dims)]
            for a, b in zip(lead, index.dims, strict=False):
                if axes.size(a) == axes.size(b):
                    axes.join(a, b)
            rest = source.dims[len(index.dims) :]
            for a, b in zip(reversed(rest), reversed(value.dims), strict=False):
                if axes.size(a) == axes.size(b):
                    axes.join(a, b)
    return tuple(value.dims)


def _repeat(rules: AxisRules, step: Step, result: Value) -> Dims:
    axes, dims, shape = rules.axes, _first(step).dims, result.tensor.shape
    dims = ((),) * (len(shape) - len(dims)) + tuple(dims)
    return tuple(
        dim if axes.size(dim) == size else axes.new(size // max(axes.size(dim), 1)) + dim
        for dim, size in zip(dims, shape, strict=True)
    )


def _attention(rules: AxisRules, step: Step, result: Value) -> Dims | None:
    """Attend in one operation: queries ``[..., L, D]`` give results ``[..., L, D]``."""
    if result.slot:
        return None
    query, key, value = step.args[:3]
    rules.axes.join(key.dims[-2], value.dims[-2])
    return (*query.dims[:-1], value.dims[-1])


def _convolution(rules: AxisRules, step: Step, result: Value) -> Dims:
    """Keep the batch and places that stay in number; channels are those of the kernel."""
    value, weight = step.args[:2]
    axes, shape = rules.axes, result.tensor.shape
    places = tuple(
        dim if axes.size(dim) == size else axes.new(size)
        for dim, size in zip(value.dims[2:], shape[2:], strict=True)
    )
    batch = value.dims[0] if axes.size(value.dims[0]) == shape[0] else axes.new(shape[0])
    return (batch, weight.dims[0], *places)


def _norm(rules: AxisRules, step: Step, result: Value) -> Dims | None:
    return None if result.slot else _first(step).dims


def _first(step: Step) -> Value:
    return next(step.inputs())


def _named(names: str, rule: Any) -> dict[str, Rule]:  # noqa: ANN401  (rules that may say None)
    return dict.fromkeys(names.split(), rule)


_RULES: dict[str, Rule] = {
    **_named(
        "_softmax _log_softmax softmax log_softmax _safe_softmax cumsum cumprod logcumsumexp "
        "fill zero relu6 zeros_like ones_like empty_like full_like "
        "rand_like randn_like normal uniform tril triu",
        _same,
    ),
    **_named("view _unsafe_view reshape _reshape_alias view_as flatten unflatten", _view),
    **_named("permute transpose t numpy_T mT", _permute),
    **_named("expand expand_as broadcast_to", _expand),
    **_named("unsqueeze", _unsqueeze),
    **_named("squeeze", _squeeze),
    **_named("slice narrow split split_with_sizes chunk", _slice),
    **_named("select", _select),
    **_named("unbind", _unbind),
    **_named(
        "sum mean nansum amax amin prod logsumexp linalg_vector_norm norm any all max min "
        "var std argmax argmin median",
        _reduce,
    ),
    **_named("cat concat", _concatenate),
    **_named("stack", _stack),
    **_named("mm addmm bmm baddbmm mv addmv dot matmul", _matrices),
    **_named("index _unsafe_index", _index),
    **_named("index_select", _index_select),
    **_named("gather", _gather),
    **_named("embedding", _embedding),
    **_named("scatter scatter_add scatter_reduce", _scatter),
    **_named("index_add index_reduce index_copy", _index_add),
    **_named("index_put _index_put_impl _unsafe_index_put", _index_put),
    **_named("convolution conv1d conv2d mkldnn_convolution _convolution", _convolution),
    **_named("repeat", _repeat),
    **_named(
        "scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu "
        "_scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention "
        "_scaled_dot_product_attention_math _scaled_dot_product_fused_attention_overrideable",
        _attention,
    ),
    **_named(
        "native_layer_norm native_batch_norm _native_batch_norm_legit_no_training "
        "_native_batch_norm_legit native_group_norm native_dropout cudnn_batch_norm "
        "_batch_norm_impl_index batch_norm _fused_rms_norm",
        _norm,
    ),
}


def rows_of(dims: Dims, atoms: Sequence[int], axes: Axes) -> int | None:
    """Return which dimension stands for some atoms, if just one does."""
    found = [n for n, dim in enumerate(dims) if dim and axes.roots(dim) == axes.roots(tuple(atoms))]
    return found[0] if len(found) == 1 else None
