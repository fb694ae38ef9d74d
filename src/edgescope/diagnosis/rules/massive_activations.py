"""Rule: massive activations, from a scan or on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from edgescope.diagnosis.finding import Finding, Severity, place
from edgescope.diagnosis.neighbour_sums import all_finite, scaled
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, LayerSeen, Rule
from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.statistics.chance import chance_of_ratio
from edgescope.statistics.ratio import edge_ratios

if TYPE_CHECKING:
    from edgescope.scanning.result import Scan

SEVERAL = 2
"""Channels per head that a within-edge ratio needs at least."""

CHANCE = 0.01
"""Probability that arithmetic alone gives as many edges above the bound, up to which they are
reported."""


@dataclass
class MassiveActivations(Rule):
    """Edges with an activation far above the median of their edge.

    Attributes:
        ratio: within-edge ratio above which an activation is massive, unless a scan says what is.
        chance: how likely as many edges may be by arithmetic alone; with more, nothing is reported.
    """

    id: ClassVar[str] = "massive-activations"
    title: ClassVar[str] = "some edges bear massive activations"
    severity: ClassVar[Severity] = "note"
    needs: ClassVar[frozenset[str]] = frozenset({"score"})
    explanation: ClassVar[str] = """\
A few activations are far larger than all others of their edge: massive activations (arXiv
2409.03463). If `es.diagnose` is given a scan, it reports the sites where the scan's criterion
calls an edge massive. Without one it divides every activation of a score by the median magnitude
of its edge, and reports layers with a ratio above `ratio`.

**Thresholds.** `ratio` = 1000 is that of the published study (section 3). A ratio can also be large
because the median of an edge is small, above all where an edge has few channels: of two channels,
the lower median is the smaller one. So the number of edges above the bound is compared with what
arithmetic alone gives. If every channel were a product of three independent normal numbers, as in
an untrained layer, a share p of the edges would be above it: 1 in 59 with two channels, 1 in 1,800
with three, 1 in 500 with four, 1 in 14,000 with eight, 1 in 1.7 million with 16, for a ratio of
1000 (`edgescope.statistics.chance`). Edges depend on each other, so only Markov's inequality is
used: as many as m of n edges are above the bound with a probability of n p / m at most, whatever
the dependence. A site is reported if that is `chance` = 0.01 or less. Of a scan everything is
reported that its criterion calls massive, with that number where it is a fixed ratio; the criterion
`calibrated` needs no such law.

**What to do.** `es.scan(model, loader, baseline=es.Untrained(), criterion="calibrated")` says if
there are more than chance explains, and where; `scan.report` draws them.

**False alarm?** Without a scan, a single edge over the bound among millions is often chance.
"""

    ratio: float = PAPER_RATIO
    chance: float = CHANCE

    def __post_init__(self) -> None:
        """Begin without a scan."""
        self._scan: Scan | None = None

    def take_scan(self, scan: "Scan | None") -> None:
        """Report what a scan has found, in place of looking."""
        self._scan = scan

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was counted."""
        del layers
        self._largest: dict[str, float] = {}
        self._width: dict[str, int] = {}

    def observe(self, seen: LayerSeen) -> None:
        """Count the edges with a ratio above the bound."""
        score = seen.score
        if self._scan is not None or score is None or score.size(2) < SEVERAL or not len(score):
            return
        # A ratio has no scale; numbers beyond float32 are brought into its range.
        if not all_finite(score.float()):
            score = scaled(score)
        self._width[seen.path] = score.shape[1:].numel()
        top = edge_ratios(score).top_ratio
        sums = self._sums[seen.path]
        sums.add("massive", (top > self.ratio).sum())
        sums.add("edges", top.new_tensor(len(top)))
        self._largest[seen.path] = max(self._largest.get(seen.path, 0.0), float(top.max()))

    def findings(self) -> list[Finding]:
        """Report the sites with massive activations."""
        if self._scan is not None:
            scan, said = self._scan, f"criterion {self._scan.info.criterion.name}"
            everywhere = scan.info.criterion.everywhere
            ratio = everywhere.ratio if everywhere else 0.0
            rows = [
                (site, massive, edges, scan[site].layout.width, float(scan[site].maxima[0].max()))
                for site, edges, massive, _ in scan.massive_edges().iter_rows()
            ]
        else:
            said, ratio = f"ratio above {self.ratio:g}", self.ratio
            rows = [
                (
                    f"{path}:score",
                    int(sums["massive"]),
                    int(sums["edges"]),
                    self._width[path],
                    self._largest[path],
                )
                for path, sums in self._sums.items()
            ]
        found = []
        for site, massive, edges, width, largest in rows:
            expected = edges * chance_of_ratio(width, ratio) if ratio > 1 else 0.0
            beyond = expected <= self.chance * massive
            # What a scan calls massive is reported, and what that is worth.
            if massive and (beyond or self._scan is not None):
                worth = f"; with {width} channels per edge, arithmetic alone gives {expected:,.0f}"
                found.append(
                    self._report(
                        site, massive, edges, largest, said, expected, "" if beyond else worth
                    )
                )
        return found

    def _report(
        self,
        site: str,
        massive: int,
        edges: int,
        largest: float,
        said: str,
        expected: float,
        worth: str,
    ) -> Finding:
        return Finding(
            self.id,
            self.severity,
            place(site),
            f"{massive:,} of {edges:,} edges bear massive activations ({said}); the largest ratio "
            f"is {largest:,.0f}{worth}",
            {
                "massive": massive,
                "edges": edges,
                "largest_ratio": largest,
                "by_arithmetic": expected,
            },
            "a few channels have grown far beyond the others of their edge, or the others are "
            "close to zero",
            "compare with untrained models: es.scan(model, loader, baseline=es.Untrained(), "
            "criterion='calibrated')",
        )
