"""What torch's operations do to numbers: which they move, and where, and what the others compute.

Codes are numbers that go along with the numbers of a tensor, at the same places; see
:mod:`edgescope.capturing.origin`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

_NAMES = {
    # What comes out is what went in, in another place or form.
    "keeps": "view _unsafe_view reshape expand expand_as permute transpose t mT unsqueeze squeeze "
    "clone contiguous detach alias select slice index index_select gather repeat broadcast_to "
    "_to_copy to clamp clamp_min clamp_max where masked_fill dropout native_dropout copy "
    "nan_to_num unbind split chunk cat stack repeat_interleave flatten narrow index_put "
    "_index_put_impl",
    "sums": "sum mean nansum cumsum",
    # Sums over an index, as over the edges of every node.
    "scatters": "scatter_add index_add scatter_reduce segment_reduce segment_csr",
    # Not addmm, which a linear layer is.
    "multiplies": "mul mm bmm mv dot matmul einsum baddbmm addcmul _sparse_mm",
    "divides": "div",
    "inverts": "reciprocal",
    "adds": "add sub",
    "exponentiates": "exp exp2",
}

_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}


class Operation(NamedTuple):
    """What an operation is called, and what it does."""

    name: str
    """Such as ``scatter_add`` of ``aten.scatter_add_.default``."""
    role: str
    """``keeps``, ``sums``, ``scatters``, ``multiplies``, ``divides``, ``inverts``, ``adds`` or
    ``exponentiates``; ``log-softmax``, ``softmax``, ``logsumexp`` or ``attention`` if it does
    several of these at once; empty for all others."""


def operation(func: object) -> Operation:
    """Return what an operation of torch is called and does.

    Example:
        >>> import torch
        >>> operation(torch.ops.aten._softmax.default)
        Operation(name='_softmax', role='softmax')
    """
    words = str(func).split(".")
    name = words[min(1, len(words) - 1)].removesuffix("_")
    if name in _ROLES:
        return Operation(name, _ROLES[name])
    for part, role in (
        ("log_softmax", "log-softmax"),
        ("softmax", "softmax"),
        ("logsumexp", "logsumexp"),
        ("attention", "attention"),
        ("_transformer_encoder", "attention"),
    ):
        if part in name:
            return Operation(name, role)
    return Operation(name, "")


UNKNOWN = -1
"""Code of a number of which nothing is known."""

NO_DISPATCH = torch._C._disabled_torch_dispatch_impl  # noqa: SLF001  (nothing public says)
"""The ``__torch_dispatch__`` of classes of tensors that leave operations to torch.

What others wrap, such as PyG's EdgeIndex, comes to a mode by itself if the mode declines."""

aten = torch.ops.aten

Op: TypeAlias = Any
"""An operation, such as ``torch.ops.aten.cat.default``."""

Args = tuple[Any, ...]
"""Arguments of an operation."""

CodesOf = Callable[[Any], Any]
"""Returns a copy of the codes of a tensor, or of each in a list; other arguments as they are."""


class Move(NamedTuple):
    """How an operation treats the numbers that it is given.

    With neither ``after`` nor ``before``, it writes what is not known.
    """

    values: tuple[int, ...]
    """Positions of the arguments whose numbers it moves, or that it writes to."""
    after: Callable[[CodesOf, Op, Args, Any], tuple[Tensor, Tensor]] | None = None
    """For an operation with a new result: the tensor that holds moved numbers, and its codes."""
    before: Callable[[CodesOf, Op, Args], Tensor] | None = None
    """For an operation that writes to its first argument: the codes that this will hold."""


def move_of(func: Op) -> Move | None:
    """Return how an operation treats numbers; ``None`` if it only computes new ones."""
    if func not in _FOUND:
        schema = getattr(func, "_schema", None)
        arguments = [] if schema is None else schema.arguments
        writes = [each.alias_info is not None and each.alias_info.is_write for each in arguments]
        places = tuple(n for n, written in enumerate(writes) if written)
        _FOUND[func] = Move(places) if places else None
    return _FOUND[func]


def _moved(codes_of: CodesOf, func: Op, args: Args) -> Args:
    """Return the arguments of an operation with codes in the place of the numbers it moves."""
    values = _MOVES[func].values
    return tuple(codes_of(arg) if n in values else arg for n, arg in enumerate(args))


def _again(codes_of: CodesOf, func: Op, args: Args, result: Tensor) -> tuple[Tensor, Tensor]:
    return result, func(*_moved(codes_of, func, args))


def _again_in_place(codes_of: CodesOf, func: Op, args: Args) -> Tensor:
    codes = _moved(codes_of, func, args)
    func(*codes)
    into: Tensor = codes[0]
    return into


def _copy(codes_of: CodesOf, _: Op, args: Args, result: Tensor) -> tuple[Tensor, Tensor]:
    return result, codes_of(args[0])


def _copy_in_place(codes_of: CodesOf, _: Op, args: Args) -> Tensor:
    codes: Tensor = codes_of(args[1])
    return codes.expand(args[0].shape)


def _sort(codes_of: CodesOf, _: Op, args: Args, result: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401  (values and places)
    values, places = result
    codes = codes_of(args[0])
    # Along which dimension, torch may be told in several ways; the numbers tell it too.
    for dim in range(codes.dim()):
        fits = not places.numel() or int(places.amax()) < codes.size(dim)
        if fits and torch.equal(args[0].gather(dim, places), values):
            return values, codes.gather(dim, places)
    return values, _unknown(values)


def _pad(codes_of: CodesOf, func: Op, args: Args, result: Tensor) -> tuple[Tensor, Tensor]:
    return result, func(codes_of(args[0]), args[1], UNKNOWN)


def _mask(codes_of: CodesOf, _: Op, args: Args, result: Tensor) -> tuple[Tensor, Tensor]:
    return result, codes_of(args[0]).masked_fill(args[1], UNKNOWN)


def _mask_in_place(codes_of: CodesOf, _: Op, args: Args) -> Tensor:
    codes: Tensor = codes_of(args[0])
    return codes.masked_fill_(args[1], UNKNOWN)


def _put(codes_of: CodesOf, func: Op, args: Args, result: Tensor) -> tuple[Tensor, Tensor]:
    if any(args[3:]):  # accumulate
        return result, _unknown(result)
    return result, func(*_moved(codes_of, func, args[:3]))


def _put_in_place(codes_of: CodesOf, func: Op, args: Args) -> Tensor:
    codes, _, values, *_ = _moved(codes_of, func, args)
    if args[3:4] == (True,):  # accumulate
        return _unknown(codes)
    into: Tensor = aten.index_put_.default(codes, args[1], values)
    return into


def _unknown(like: Tensor) -> Tensor:
    return torch.full_like(like, UNKNOWN, dtype=torch.int64)


_POSITIONS: dict[Op, tuple[int, ...]] = {
    aten.index.Tensor: (0,),
    aten.index_select.default: (0,),
    aten.gather.default: (0,),
    aten.masked_select.default: (0,),
    aten.take.default: (0,),
    aten.flip.default: (0,),
    aten.roll.default: (0,),
    aten.repeat.default: (0,),
    aten.cat.default: (0,),
    aten.stack.default: (0,),
    aten.where.self: (1, 2),
    aten.scatter.src: (0, 3),
    aten.index_copy.default: (0, 3),
    aten.slice_scatter.default: (0, 1),
    aten.select_scatter.default: (0, 1),
}
"""Operations that can be done once more with codes, which stand at these positions."""

_MOVES: dict[Op, Move] = {
    **{func: Move(positions, _again) for func, positions in _POSITIONS.items()},
    aten.clone.default: Move((0,), _copy),
    aten._to_copy.default: Move((0,), _copy),  # noqa: SLF001  (its name)
    aten.lift_fresh_copy.default: Move((0,), _copy),
    aten.sort.default: Move((0,), _sort),
    aten.sort.stable: Move((0,), _sort),
    aten.constant_pad_nd.default: Move((0,), _pad),
    aten.masked_fill.Scalar: Move((0,), _mask),
    aten.masked_fill.Tensor: Move((0,), _mask),
    aten.masked_fill_.Scalar: Move((0,), before=_mask_in_place),
    aten.masked_fill_.Tensor: Move((0,), before=_mask_in_place),
    aten.index_put.default: Move((0, 2), _put),
    aten.index_put_.default: Move((0, 2), before=_put_in_place),
    aten._index_put_impl_.default: Move((0, 2), before=_put_in_place),
    aten.copy_.default: Move((0, 1), before=_copy_in_place),
    aten.scatter_.src: Move((0, 3), before=_again_in_place),
    aten.masked_scatter_.default: Move((0, 2), before=_again_in_place),
    aten.index_copy_.default: Move((0, 3), before=_again_in_place),
}
"""What is known of operations. Others that write leave what they write to unknown, and the results
of others are unknown."""

_FOUND: dict[Op, Move | None] = dict(_MOVES)
