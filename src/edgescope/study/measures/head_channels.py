"""Which heads and channels of every edge type are massive: the published heat maps."""

import numpy as np
import polars as pl

from edgescope.statistics.sketch import SiteSketch
from edgescope.statistics.sketch_layout import PAPER_RATIO
from edgescope.study.measures.measured_cell import MeasuredCell
from edgescope.study.measures.score_sites import score_sites
from edgescope.study.measures.site_counts import RATIOS

_SCHEMA = {
    "site": pl.String,
    "layer": pl.Int64,
    "threshold": pl.Float64,
    "edge_type": pl.String,
    "head": pl.Int64,
    "channel": pl.Int64,
    "edges": pl.Int64,
    "massive": pl.Int64,
}


def heat(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return how many edges are massive in which head and channel, by edge type.

    Counted at a ratio of 1000, and at the largest of 300, 1000, 3000 and 4000 that any edge of the
    site exceeds. Counts are exact at the nearest edge of the joint histogram's bins. Where an edge
    type has no such edge at a site, there is no row; where it has any, there is one for every head
    and channel.
    """
    rows: list[pl.DataFrame] = []
    names = of.scan.info.edge_type_names
    for site, layer in score_sites(of.scan).items():
        sketch = of.scan[site]
        edges = sketch.defined_edges()
        for threshold in _thresholds(sketch):
            for number, name in enumerate(names):
                if not edges[number]:
                    continue
                share, _ = sketch.heat_map(threshold, number)
                massive = np.rint(share * edges[number]).astype(np.int64)
                if massive.any():
                    rows.append(
                        _map(massive).with_columns(
                            site=pl.lit(site),
                            layer=pl.lit(layer, pl.Int64),
                            threshold=pl.lit(threshold),
                            edge_type=pl.lit(name),
                            edges=pl.lit(int(edges[number]), pl.Int64),
                        )
                    )
    found = pl.concat(rows) if rows else pl.DataFrame(schema=_SCHEMA)
    return {"heat": found.select(list(_SCHEMA))}


def _thresholds(sketch: SiteSketch) -> list[float]:
    """Return the published ratio, and the largest that is exceeded."""
    exceeded = [ratio for ratio in RATIOS if sketch.edges_over(ratio)[0].any()]
    return sorted({PAPER_RATIO, *exceeded[-1:]})


def _map(massive: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> pl.DataFrame:
    head, channel = np.indices(massive.shape)
    return pl.DataFrame(
        {"head": head.ravel(), "channel": channel.ravel(), "massive": massive.ravel()}
    )
