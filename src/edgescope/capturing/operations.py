"""What torch's operations do to numbers, as far as telling attention needs it."""

from typing import NamedTuple

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
