r"""The explicit bias term of edge attention (Bini et al., arXiv 2409.03463 v2).

With parameters :math:`k', e', v' \in R^{H \times D}`, drawn from a standard normal law:

.. math::
    b_{ij} &= \frac{Q h_i \cdot k'}{\sqrt{D}} \\
    s_{ij} &\leftarrow s_{ij} + b_{ij} e' \\
    h_i'   &= \frac{\sum_j a_{ij} (V h_j + v')}{\sum_j a_{ij} + 10^{-6}}

"described" is this text. In the published code of SAN and GraphiT ("released") the weights
are computed from the bias, :math:`a_{ij} = \exp(\mathrm{clamp}(b_{ij}, -5, 5))`, and no longer from
the scores. As :math:`b_{ij}` depends on the target only, attention is then uniform, and the scores
reach nothing and get no gradient.
"""

from typing import Literal

import torch
from torch import Tensor, nn

ExplicitBias = Literal["released", "described"]
"""Which of the two explicit bias terms: what the published code does, or what the paper says."""


class BiasTerm(nn.Module):
    """The three parameters of an explicit bias term.

    Args:
        num_heads: number of heads ``H``.
        head_dim: channels per head ``D``.
    """

    def __init__(self, num_heads: int, head_dim: int) -> None:
        super().__init__()
        self.key = nn.Parameter(torch.empty(num_heads, head_dim))
        self.edge = nn.Parameter(torch.empty(num_heads, head_dim))
        self.value = nn.Parameter(torch.empty(num_heads, head_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters from a standard normal law, as the published code does."""
        for parameter in self.parameters():
            nn.init.normal_(parameter)

    def forward(self, query: Tensor) -> Tensor:
        """Return ``b`` of every target node and head ``[V, H]`` from its query ``[V, H, D]``."""
        bias: Tensor = (query * self.key).sum(-1) * query.size(-1) ** -0.5
        return bias


def check_explicit_bias(explicit_bias: ExplicitBias | None, full_graph: bool = False) -> None:
    """Refuse an unknown variant, and the term on a full graph, where nobody has defined it.

    Raises:
        ValueError: in both cases.
    """
    if explicit_bias not in {None, "released", "described"}:
        raise ValueError(
            f"explicit_bias must be None, 'released' or 'described', received {explicit_bias!r}"
        )
    if explicit_bias and full_graph:
        raise ValueError(
            "explicit_bias is defined for the given edges only, received it with full_graph=True"
        )
