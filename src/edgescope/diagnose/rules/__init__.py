"""The rules of diagnosis, one per file, in the order in which their findings are listed."""

from edgescope.diagnose.rules.base import Rule
from edgescope.diagnose.rules.uniform_attention import UniformAttention

RULES: tuple[type[Rule], ...] = (UniformAttention,)
"""Every rule, in the order of findings of the same severity."""

__all__ = ["RULES", "Rule", "UniformAttention"]
