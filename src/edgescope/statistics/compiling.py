"""How loops are compiled, and what several threads need to share their work.

It needs numba, so it is imported where it is used.
"""

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "fastmath": False,
    "error_model": "numpy",
    "boundscheck": False,
}
compiled = njit(**OPTIONS)
"""Compiles a function, once for a machine: the result is kept beside the file, or in the user's
cache folder. Division by zero gives what IEEE 754 says, and denormals are kept.

A cached function is compiled again when its own file changes, not when that of a function it calls
does, so functions that call each other stand in one file."""


@intrinsic
def fetch_add(_: Any, array: Any, place: Any, amount: Any) -> Any:  # noqa: ANN401
    """Add to ``array[place]`` so that no thread can come between; return what was there."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        held = context.make_array(signature.args[0])(context, builder, arguments[0])
        offset = context.cast(builder, arguments[1], signature.args[1], types.intp)
        added = context.cast(builder, arguments[2], signature.args[2], types.int64)
        return builder.atomic_rmw("add", builder.gep(held.data, [offset]), added, "seq_cst")

    return types.int64(array, place, amount), generate
