"""Linear layers over the edges of a chunk."""

import torch
import torch.nn.functional as F
from torch import Tensor

_ONEDNN = (
    getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch._C._has_mkldnn else None  # noqa: SLF001
)


def linear(x: Tensor, weight: Tensor, bias: Tensor, relu: bool = False) -> Tensor:
    """Return ``x weight^T + bias``, or its positive part.

    In float32 oneDNN computes it, through the operation that ``torch.compile`` uses for linear
    layers on CPUs; torch's own goes to MKL, which leaves AVX-512 unused on other makers'
    processors, and needs a second pass over memory for the positive part. 64 to 128 channels, AMD
    EPYC, one thread: 73 ns an edge against 168 ns. Where torch was built without oneDNN, and in
    float64, which oneDNN does not compute, torch's own does it; the sums are rounded differently.

    Args:
        x: inputs ``[n, in]``.
        weight: ``[out, in]``.
        bias: ``[out]``.
        relu: whether negative results become zero.
    """
    if x.dtype == torch.float32 and _ONEDNN is not None:
        result: Tensor = _ONEDNN(x, weight, bias, "relu" if relu else "none", [], "")
        return result
    result = F.linear(x, weight, bias)
    return result.relu_() if relu else result
