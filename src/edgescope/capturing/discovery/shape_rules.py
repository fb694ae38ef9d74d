"""What operations without an index do to dimensions: views, sums, joined tensors, matrices."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Size

from edgescope.capturing.discovery.dimensions import Axes, Dim, Dims
from edgescope.capturing.discovery.pieces import divided_dim, is_divided, is_learned
from edgescope.capturing.discovery.steps import Step, Value


class Applied(NamedTuple):
    """An operation, of whose result the dimensions are asked for."""

    axes: Axes
    step: Step
    result: Value

    @property
    def first(self) -> Value:
        """The first tensor among the arguments."""
        return next(self.step.inputs())

    @property
    def dims(self) -> Dims:
        """The dimensions of the first tensor among the arguments."""
        return self.first.dims

    @property
    def shape(self) -> Size:
        """The shape of the result."""
        return self.result.tensor.shape

    def dim(self, position: int, rank: int, default: int = 0) -> int:
        """Return a dimension that is an argument, counted from the first."""
        given = self.step.args[position] if len(self.step.args) > position else None
        found: int = self.step.kwargs.get("dim", default) if given is None else given
        return found % max(rank, 1)


Rule = Callable[[Applied], Dims | None]
"""Returns the dimensions of a result of an operation; ``None`` if they are not known."""


def pointwise(at: Applied) -> Dims:
    """Put side by side what is combined number by number."""
    return at.axes.broadcast([each.dims for each in at.step.inputs()], at.shape)


def _same(at: Applied) -> Dims:
    return at.dims


def _view(at: Applied) -> Dims:
    return at.axes.view(at.dims, at.shape)


def _permute(at: Applied) -> Dims:
    dims, step = at.dims, at.step
    if step.name in {"t", "numpy_T"}:
        return tuple(reversed(dims))
    if step.name == "mT":
        return (*dims[:-2], dims[-1], dims[-2])
    if step.name == "permute":
        return tuple(dims[n] for n in step.args[1])
    order = list(range(len(dims)))
    a, b = (step.args[n] for n in (1, 2))
    order[a], order[b] = order[b], order[a]
    return tuple(dims[n] for n in order)


def _expand(at: Applied) -> Dims:
    axes, shape = at.axes, at.shape
    dims = ((),) * (len(shape) - len(at.dims)) + at.dims
    return tuple(
        dim if axes.size(dim) == size else axes.new(size)
        for dim, size in zip(dims, shape, strict=True)
    )


def _unsqueeze(at: Applied) -> Dims:
    dims = at.dims
    place = at.dim(1, len(dims) + 1)
    return (*dims[:place], (), *dims[place:])


def _slice(at: Applied) -> Dims:
    """Keep a dimension that is taken whole; a part of it is what was joined into it, or is new."""
    axes, parts = at.axes, list(at.dims)
    for n, size in enumerate(at.shape):
        if axes.size(parts[n]) != size:
            own = axes.part(parts[n], _start(at, n), size)
            parts[n] = axes.new(size) if own is None else own
            if own is None:
                axes.note_slice(parts[n], at.dims[n])
    return tuple(parts)


def _start(at: Applied, n: int) -> int:
    """Return where a part of a dimension begins, -1 if it is not all in a row."""
    whole, part = at.first.tensor, at.result.tensor
    if whole.stride(n) != part.stride(n) or not whole.stride(n):
        return -1
    return (part.storage_offset() - whole.storage_offset()) // whole.stride(n)


def _select(at: Applied) -> Dims:
    place = at.dim(1, len(at.dims))
    return at.dims[:place] + at.dims[place + 1 :]


def _reduce(at: Applied) -> Dims:
    dims, shape = at.dims, at.shape
    if not shape:
        return ()
    gone = reduced(at.step)
    if len(shape) == len(dims):
        return tuple(() if n in gone else dim for n, dim in enumerate(dims))
    return tuple(dim for n, dim in enumerate(dims) if n not in gone)


def reduced(step: Step) -> set[int]:
    """Return the dimensions over which an operation reduces its first argument."""
    rank = next(step.inputs()).tensor.dim()
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


def _concatenate(at: Applied) -> Dims:
    axes, shape = at.axes, at.shape
    parts = [each for each in at.step.args[0] if isinstance(each, Value) and each.dims]
    place = at.dim(1, len(shape))
    joined: list[Dim] = []
    for n, size in enumerate(shape):
        own: Dim = ()
        for part in parts:
            if n != place and len(part.dims) == len(shape):
                own = axes.join(own, part.dims[n])
        joined.append(_in_a_row(at, parts, n) if n == place else own)
        if axes.size(joined[n]) != size:
            joined[n] = axes.new(size)
    return tuple(joined)


def _in_a_row(at: Applied, parts: list[Value], n: int) -> Dim:
    """Return the dimension in which those of others stand one after the other."""
    axes, dims = at.axes, [part.dims[n] for part in parts]
    if len(parts) == 1:
        return dims[0]
    if len({axes.roots(dim) for dim in dims}) > 1:
        dim = axes.new(sum(map(axes.size, dims)))
        axes.note_joined(dim, tuple(dims))
        axes.note_pieces(dim, [(part.tensor.size(n), is_learned(part)) for part in parts])
        return dim
    stacked = axes.new(len(parts))
    if is_divided(parts):
        axes.note_stacked(stacked, divided_dim(parts[0]))
    return stacked + dims[0]


def _stack(at: Applied) -> Dims:
    axes, parts = at.axes, at.step.args[0]
    place = at.dim(1, len(at.shape))
    own = axes.broadcast([part.dims for part in parts], parts[0].tensor.shape)
    return (*own[:place], axes.new(len(parts)), *own[place:])


def _matrices(at: Applied) -> Dims:
    """Multiply matrices, or batches of them; ``addmm`` adds its first argument."""
    axes, name = at.axes, at.step.name
    one, other = [each for each in at.step.args if isinstance(each, Value)][-2:]
    if name in {"mv", "addmv"}:
        axes.join(one.dims[-1], other.dims[-1])
        return one.dims[:-1]
    if name == "dot":
        axes.join(one.dims[0], other.dims[0])
        return ()
    axes.join(one.dims[-1], other.dims[-2])
    batch: Dims = ()
    if name in {"bmm", "baddbmm"}:
        batch = (axes.join(one.dims[0], other.dims[0]),)
    dims = (*batch, one.dims[-2], other.dims[-1])
    if name in {"addmm", "baddbmm"}:
        return axes.broadcast([dims, at.dims], at.shape)
    return dims


def _repeat(at: Applied) -> Dims:
    axes, shape = at.axes, at.shape
    dims = ((),) * (len(shape) - len(at.dims)) + at.dims
    return tuple(
        dim if axes.size(dim) == size else axes.new(size // max(axes.size(dim), 1)) + dim
        for dim, size in zip(dims, shape, strict=True)
    )


def _attention(at: Applied) -> Dims | None:
    """Attend in one operation: queries ``[..., L, D]`` give results ``[..., L, D]``."""
    if at.result.slot:
        return None
    query, key, value = at.step.args[:3]
    at.axes.join(key.dims[-2], value.dims[-2])
    for other in (key, value):
        for one, own in zip(query.dims[:-2], other.dims[:-2], strict=True):
            if at.axes.size(one) == at.axes.size(own):
                at.axes.join(one, own)
    return (*query.dims[:-1], value.dims[-1])


def _convolution(at: Applied) -> Dims:
    """Keep the batch, and places as long as there are as many; channels are the kernel's."""
    value, weight = at.step.args[:2]
    axes, shape = at.axes, at.shape
    places = tuple(
        dim if axes.size(dim) == size else axes.new(size)
        for dim, size in zip(value.dims[2:], shape[2:], strict=True)
    )
    return (value.dims[0], weight.dims[0], *places)


def _norm(at: Applied) -> Dims | None:
    return None if at.result.slot else at.dims


def named(names: str, rule: Rule) -> dict[str, Rule]:
    """Return one rule for several operations."""
    return dict.fromkeys(names.split(), rule)


SHAPE_RULES: dict[str, Rule] = {
    **named(
        "_softmax _log_softmax softmax log_softmax _safe_softmax cumsum cumprod logcumsumexp "
        "fill zero relu6 zeros_like ones_like empty_like full_like "
        "rand_like randn_like normal uniform tril triu",
        _same,
    ),
    **named("view _unsafe_view reshape _reshape_alias view_as flatten unflatten squeeze", _view),
    **named("permute transpose t numpy_T mT", _permute),
    **named("expand expand_as broadcast_to", _expand),
    **named("unsqueeze", _unsqueeze),
    **named("slice narrow split split_with_sizes chunk", _slice),
    **named("select unbind", _select),
    **named(
        "sum mean nansum amax amin prod logsumexp linalg_vector_norm norm any all max min "
        "var std argmax argmin median",
        _reduce,
    ),
    **named("cat concat", _concatenate),
    **named("stack", _stack),
    **named("mm addmm bmm baddbmm mv addmv dot matmul", _matrices),
    **named("convolution conv1d conv2d mkldnn_convolution _convolution", _convolution),
    **named("repeat", _repeat),
    **named(
        "scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu "
        "_scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention "
        "_scaled_dot_product_attention_math _scaled_dot_product_fused_attention_overrideable "
        "flex_attention",
        _attention,
    ),
    **named(
        "native_layer_norm native_batch_norm _native_batch_norm_legit_no_training "
        "_native_batch_norm_legit native_group_norm native_dropout cudnn_batch_norm "
        "_batch_norm_impl_index batch_norm _fused_rms_norm",
        _norm,
    ),
}
"""What is known of operations, by their names."""
