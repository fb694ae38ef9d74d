"""Work within vector registers, where a compiler would go through memory number by number.

Both functions write out what it does not find by itself: a square is transposed by exchanging
halves, quarters, eighths and single numbers of 16 registers, in an eighth of the time; and a
network of comparators whose pairs are known when it is compiled keeps most of its values in
registers, in a third of the time.

This module needs numba, so it is imported where it is used.
"""

from collections.abc import Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from edgescope.statistics.selection import median_network

TILE = 16
"""Numbers of 32 bits in a register. Where registers are shorter, several stand for one."""

_VECTOR = ir.VectorType(ir.IntType(32), TILE)
_LANES = range(TILE)


@intrinsic
def transpose_tile(
    _: Any,  # noqa: ANN401
    source: Any,  # noqa: ANN401
    start: Any,  # noqa: ANN401, ARG001
    width: Any,  # noqa: ANN401, ARG001
    target: Any,  # noqa: ANN401
    place: Any,  # noqa: ANN401, ARG001
    step: Any,  # noqa: ANN401, ARG001
) -> Any:  # noqa: ANN401
    """Write a square of ``source`` into ``target``, rows as columns, with its sign bits cleared.

    Both are arrays of 32-bit integers without gaps. Row ``k`` of the square starts at
    ``start + k * width``. It becomes the column that starts at ``place + k``, whose numbers are
    ``step`` apart.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        source, start, width, target, place, step = arguments
        source, target = (
            context.make_array(signature.args[k])(context, builder, array).data
            for k, array in ((0, source), (3, target))
        )
        magnitude = _VECTOR([0x7FFFFFFF] * TILE)
        rows = [
            builder.and_(builder.load(address, align=4), magnitude)
            for address in _addresses(builder, source, start, width, TILE)
        ]
        for apart in (1, 2, 4, 8):
            # Of two rows, the first gets the lanes that stay and those of the other that come.
            first = _VECTOR([TILE + k - apart if k & apart else k for k in _LANES])
            second = _VECTOR([TILE + k if k & apart else k + apart for k in _LANES])
            for k in _LANES:
                if not k & apart:
                    pair = rows[k], rows[k + apart]
                    rows[k] = builder.shuffle_vector(*pair, first)
                    rows[k + apart] = builder.shuffle_vector(*pair, second)
        for k, address in enumerate(_addresses(builder, target, place, step, TILE)):
            builder.store(rows[k], address, align=4)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(source, whole, whole, target, whole, whole), generate


@intrinsic(prefer_literal=True)
def select_medians(
    _: Any,  # noqa: ANN401
    width: Any,  # noqa: ANN401
    block: Any,  # noqa: ANN401
    lane: Any,  # noqa: ANN401, ARG001
    step: Any,  # noqa: ANN401, ARG001
    medians: Any,  # noqa: ANN401
    tops: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Write the lower medians and the maxima of 16 columns of ``block``, from ``lane`` on.

    Args:
        width: numbers per column; a literal, as the network is compiled for it.
        block: 32-bit integers without gaps.
        lane: the first of the columns.
        step: length of a row of ``block``.
        medians: 32-bit integers, changed from place ``lane`` on.
        tops: likewise.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        _, block, lane, step, medians, tops = arguments
        block, medians, tops = (
            context.make_array(signature.args[k])(context, builder, array).data
            for k, array in ((1, block), (4, medians), (5, tops))
        )
        size = width.literal_value
        held = [
            builder.load(address, align=4)
            for address in _addresses(builder, block, lane, step, size)
        ]
        top = held[0]
        for other in held[1:]:
            top = builder.select(builder.icmp_signed("<", top, other), other, top)
        for first, second in median_network(size):
            one, other = held[first], held[second]
            ordered = builder.icmp_signed("<", one, other)
            held[first] = builder.select(ordered, one, other)
            held[second] = builder.select(ordered, other, one)
        for data, found in ((medians, held[(size - 1) // 2]), (tops, top)):
            (address,) = _addresses(builder, data, lane, step, 1)
            builder.store(found, address, align=4)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(width, block, whole, whole, medians, tops), generate


def _addresses(builder: Any, data: Any, start: Any, apart: Any, number: int) -> Iterator[Any]:  # noqa: ANN401
    """Return the addresses of registers that begin ``apart`` numbers after each other."""
    for k in range(number):
        offset = builder.add(start, builder.mul(apart, apart.type(k)))
        yield builder.bitcast(builder.gep(data, [offset]), _VECTOR.as_pointer())
