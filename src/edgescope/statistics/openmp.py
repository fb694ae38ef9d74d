"""Running compiled loops on the threads that torch computes with.

Between two operations torch's threads do not sleep but wait in a loop, for a few milliseconds, so
threads of our own would have to share the cores with them: counting a batch then takes twice as
long. Where torch computes with GNU OpenMP, which it does on Linux, the loops run on its threads.

It needs numba, so it is imported where it is used.
"""

import ctypes
import os
import sys
from functools import lru_cache
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_PROCESS = os.getpid()


def openmp() -> int:
    """Return the address of ``GOMP_parallel``, or 0 if there is none, or none that works.

    After a fork the threads are gone, and the library would wait for them for ever.
    """
    return _find() if os.getpid() == _PROCESS else 0


@lru_cache(maxsize=1)
def _find() -> int:
    if sys.platform != "linux":
        return 0
    function = getattr(ctypes.CDLL(None), "GOMP_parallel", None)
    return (ctypes.cast(function, ctypes.c_void_p).value or 0) if function else 0


@intrinsic
def address_of(_: Any, value: Any) -> Any:  # noqa: ANN401
    """Return the address of a copy of ``value``, which lives as long as the calling function."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401, ARG001
        return builder.bitcast(cgutils.alloca_once_value(builder, arguments[0]), cgutils.voidptr_t)

    return types.voidptr(value), generate


def reader(kind: types.Type) -> Any:  # noqa: ANN401  (what numba makes of a function)
    """Return a compiled function that returns the value of type ``kind`` at an address."""

    @intrinsic
    def value_at(_: Any, address: Any) -> Any:  # noqa: ANN401
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401, ARG001
            pointer = context.get_value_type(kind).as_pointer()
            value = builder.load(builder.bitcast(arguments[0], pointer))
            context.nrt.incref(builder, kind, value)  # the caller lets go of it when it returns
            return value

        return kind(address), generate

    return value_at


@intrinsic
def in_parallel(_: Any, openmp: Any, body: Any, data: Any, threads: Any) -> Any:  # noqa: ANN401
    """Call ``body(data)`` on every one of ``threads`` threads, and wait for all of them.

    Args:
        openmp: what :func:`openmp` returns; ``void GOMP_parallel(void (*body)(void *), void *data,
            unsigned threads, unsigned flags)``.
        body: address of a function.
        data: an address, handed to it.
        threads: how many.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        from llvmlite import ir

        number, pointer = ir.IntType(32), cgutils.voidptr_t
        kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, number, number])
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        count = context.cast(builder, arguments[3], signature.args[3], types.uint32)
        body = builder.inttoptr(arguments[1], pointer)
        builder.call(function, [body, arguments[2], count, number(0)])
        return context.get_dummy_value()

    return types.void(openmp, body, data, threads), generate
