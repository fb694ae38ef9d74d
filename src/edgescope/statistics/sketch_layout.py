"""What a sketch counts, and in how many bins."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgescope.lib.errors import InputError
from edgescope.statistics.bins import LogBins, finest_bits

AXES = ("ratio", "magnitude")
"""What of an activation is counted."""


PAPER_RATIO = 1000.0
"""Ratio above which the published detection calls an activation massive (arXiv 2409.03463,
section 3; taken from Sun et al. 2024, not calibrated for graph networks)."""


SUN_MAGNITUDE = 100.0
"""Magnitude above which Sun et al. (arXiv 2402.17762, section 2) call an activation massive, if
its ratio is above 1000 as well."""


JOINT_BUDGET = 4 * 2**20
"""Bytes that each of a site's two joint histograms may take."""


JOINT_FLOOR = PAPER_RATIO / 2**7
"""Ratio above which an activation enters the joint histograms: 7.8125.

Nothing nearer to the median of its edge is massive by any rule. Of normal values 1.4e-7 exceed it,
of the scores of an untrained layer, products of three, one in eleven; to enter the others as well
takes as long as all else that is counted of them. It is an edge of bins."""


GROUPS = 64
"""Number of groups that graphs are dealt into by their position in the data set, for resampling
graphs rather than edges, which depend on each other within a graph."""


COARSE_BITS = 3
"""Fraction bits of the bins that are kept for every group: at most 12.5 % wide."""


@dataclass(frozen=True)
class SketchLayout:
    """What a sketch counts, and in which bins; two sketches merge if their layouts are equal.

    Attributes:
        heads: number of heads ``H``.
        channels: number of channels per head ``D``, at least 2.
        edge_types: number of edge types ``T``.
        joint_budget: bytes that each joint histogram over type x channel may take; the number
            of their bins ``C`` follows from it.
        joint_floor: ratio above which an activation enters the joint histograms.

    Example:
        >>> from edgescope.statistics import SketchLayout
        >>> layout = SketchLayout(heads=2, channels=4, edge_types=3)
        >>> layout == SketchLayout(heads=2, channels=4, edge_types=3)
        True
    """

    heads: int
    channels: int
    edge_types: int = 1
    joint_budget: int = JOINT_BUDGET
    joint_floor: float = JOINT_FLOOR

    def __post_init__(self) -> None:
        """Refuse a site that has no ratio, and a budget that is too small.

        Raises:
            InputError: if there is one channel per head: the ratio compares the channels of an
                edge, and needs several of them.
            InputError: if not even the coarsest bins fit the budget.
        """
        if self.channels < 2:  # noqa: PLR2004  (a median needs something beside its maximum)
            raise InputError(
                f"a site with {self.channels} channel per head has no within-edge ratio; "
                "choose a site that holds a vector per edge and head"
            )
        try:
            self._joint_bits  # noqa: B018  (raises now rather than at the first batch)
        except ValueError as error:
            raise InputError(
                f"{self.edge_types} edge types x {self.width} channels: {error}; pass "
                "joint_budget=, fewer edge types, or edge_type_names=() to count all edges alike"
            ) from error

    @cached_property
    def _joint_bits(self) -> int:
        return finest_bits(self.edge_types * self.width, self.joint_budget)

    @cached_property
    def ratio(self) -> LogBins:
        """Bins of the ratio, with the published threshold as an edge."""
        return LogBins(PAPER_RATIO)

    @cached_property
    def magnitude(self) -> LogBins:
        """Bins of the magnitude, with the threshold of Sun et al. as an edge."""
        return LogBins(SUN_MAGNITUDE)

    @cached_property
    def joint_ratio(self) -> LogBins:
        """Bins of the ratio in the joint histogram, as fine as the budget allows."""
        return LogBins(PAPER_RATIO, self._joint_bits)

    @cached_property
    def joint_magnitude(self) -> LogBins:
        """Bins of the magnitude in the joint histogram, as fine as the budget allows."""
        return LogBins(SUN_MAGNITUDE, self._joint_bits)

    @cached_property
    def coarse_ratio(self) -> LogBins:
        """Bins of the ratio in the histograms of the groups of graphs."""
        return LogBins(PAPER_RATIO, COARSE_BITS)

    @cached_property
    def coarse_magnitude(self) -> LogBins:
        """Bins of the magnitude in the histograms of the groups of graphs."""
        return LogBins(SUN_MAGNITUDE, COARSE_BITS)

    def lowest_joint(self, axis: str) -> float:
        """Return the lowest threshold that joint histograms answer exactly, an edge of their bins.

        It is the floor for bins up to an octave wide. Any magnitude does, of activations with a
        ratio above the floor.
        """
        edges = self.joint_ratio.edges
        return float(edges[np.searchsorted(edges, self.joint_floor)]) if axis == "ratio" else 0.0

    @property
    def width(self) -> int:
        """Number of values per edge, ``F = H * D``."""
        return self.heads * self.channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every counter.

        For ``ratio`` and likewise ``magnitude``, with ``B`` fine, ``C`` joint and ``K`` coarse
        bins:

        - ``ratio`` ``[B]``: every value;
        - ``joint_ratio`` ``[T, F, C]``: the values whose ratio exceeds ``joint_floor``, by type
          of their edge and channel;
        - ``edge_ratio`` ``[T, B]``: the largest of every edge, by its type;
        - ``group_ratio`` ``[GROUPS, K]``: the largest of every edge, by group of its graph;
        - ``graph_ratio`` ``[B]``: the largest of every graph.

        Ratios are those of edges with a defined one, magnitudes those of finite edges. Above the
        median of an edge that is zero every other value is beyond any ratio.
        """
        return self._shapes

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        types, width = self.edge_types, self.width
        shapes: dict[str, tuple[int, ...]] = {
            "edges": (types,),
            "nonfinite": (types,),
            "undefined": (types,),
        }
        for name in AXES:
            joint: LogBins = getattr(self, f"joint_{name}")
            fine = getattr(self, name).size
            shapes[f"{name}"] = (fine,)
            shapes[f"edge_{name}"] = (types, fine)
            shapes[f"graph_{name}"] = (fine,)
            shapes[f"group_{name}"] = (GROUPS, getattr(self, f"coarse_{name}").size)
            shapes[f"joint_{name}"] = (types, width, joint.size)
        return shapes
