"""What "common" and "informative" mean, measured: frequency and importance of groups of edges."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch import Tensor

from edgescope.interpret.groups import EdgeGroups
from edgescope.interpret.kinds import Kind
from edgescope.interpret.prevalence import cluster, sums
from edgescope.interpret.scan_edges import massive_edges, turned
from edgescope.lib.errors import InputError
from edgescope.scanning.criteria import Rule
from edgescope.scanning.result import Scan
from edgescope.statistics.bootstrap import RESAMPLES, bootstrap
from edgescope.statistics.ranks import spearman

Array = NDArray[np.float64]

FEWEST_GROUPS = 3
"""Groups from which a rank correlation is computed: that of two groups is 1 or -1."""

PAIRS = (("frequency", "importance"), ("frequency", "prevalence"), ("importance", "prevalence"))
"""What is correlated over groups."""


@dataclass(frozen=True)
class GroupImportance:
    """Frequency, importance and prevalence of groups of edges, and how they go together.

    Attributes:
        groups: one row per kind and group. Columns: kind, group, edges, frequency (share of the
            edges of which the kind can be told), measured (edges with an importance), importance
            (mean magnitude) with low and high (95 % interval from resampled graphs).
        correlations: one row per site, kind and pair of measures. Columns: site (null for
            frequency and importance), kind, first, second, groups (with a measured edge),
            spearman, low and high (95 % interval from resampled graphs, NaN if over 5 % of the
            resamples lack a group).

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> groups = es.interpret.edge_groups(molecules, by=["ring"])
        >>> found = es.interpret.importance(groups, molecules.edge_attr.float(), resamples=20)
        >>> found.groups["group"].to_list()
        ['chain', 'ring']
    """

    groups: pl.DataFrame
    correlations: pl.DataFrame

    def table(self) -> pl.DataFrame:
        """Return one row per kind and group."""
        return self.groups


def importance(
    groups: EdgeGroups,
    values: Tensor,
    scan: Scan | None = None,
    *,
    criterion: str | Rule | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> GroupImportance:
    """Measure how common groups of edges are, and how much a prediction depends on them.

    The published study says that massive activations gather on common bonds and spare informative
    ones. Whether groups with a high frequency have a high prevalence, and those with a high
    importance a low one, is then Spearman's rank correlation over the groups of a kind.

    Args:
        groups: the groups.
        values: importance of every edge ``[E]``, such as the change of the prediction when the
            edge is removed (occlusion); its magnitude is averaged. NaN where it was not measured.
        scan: a scan of the same graphs, for the prevalence of massive activations at every site.
            If all its layers have ``flow="target_to_source"``, the direction of an edge is theirs;
            else, and without a scan, it is that of the data set.
        criterion: another rule than the scan's.
        resamples: how many times to resample the graphs.
        seed: start of the random numbers.

    Raises:
        InputError: if there is not one importance per edge, or one is infinite; or if the scan
            does not fit the graphs.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> groups = es.interpret.edge_groups(molecules, by=["ring"])
        >>> weight = molecules.edge_attr.float()  # in place of an occlusion
        >>> found = es.interpret.importance(groups, weight, resamples=20)
        >>> found.groups.columns[:3]
        ['kind', 'group', 'edges']
    """
    edges = groups.dataset.edge_index.size(1)
    if values.shape != (edges,) or bool(values.isinf().any()):
        raise InputError(
            f"received importances of shape {list(values.shape)}, expected [{edges}], a number for "
            f"each edge of {groups.dataset.name}, NaN where there is none and none infinite"
        )
    masks: dict[str, Tensor] = {}
    if scan is not None:
        found = massive_edges(scan, groups.dataset, criterion)
        if len(turned(scan)) == len(found.sites):
            groups = groups.turned()
        masks = {site: found[site] for site in found.sites}
    rows, correlations = [], []
    for kind in groups:
        counts = _counts(groups, kind, values, masks)
        total = counts.sum(0)
        ranked = (total[:, 0] > 0) & (total[:, 2] > 0)
        result = bootstrap(
            counts,
            partial(_statistic, ranked=ranked),
            generator=np.random.default_rng(seed),
            resamples=resamples,
        )
        for number, name in enumerate(kind.names):
            if total[number, 0]:
                rows.append(
                    {
                        "kind": kind.name,
                        "group": name,
                        "edges": int(total[number, 0]),
                        "frequency": float(total[number, 0] / total[number, 1]),
                        "measured": int(total[number, 2]),
                        "importance": float(result.estimate[number]),
                        "low": float(result.low[number]),
                        "high": float(result.high[number]),
                    }
                )
        names: list[tuple[str | None, str, str]] = [(None, *PAIRS[0])]
        names += [(site, *pair) for site in masks for pair in PAIRS[1:]]
        for number, (site, first, second) in enumerate(names, len(kind.names)):
            correlations.append(
                {
                    "site": site,
                    "kind": kind.name,
                    "first": first,
                    "second": second,
                    "groups": int(ranked.sum()),
                    "spearman": float(result.estimate[number]),
                    "low": float(result.low[number]),
                    "high": float(result.high[number]),
                }
            )
    schema = {"site": pl.String}
    return GroupImportance(pl.DataFrame(rows), pl.DataFrame(correlations, schema_overrides=schema))


def _counts(
    groups: EdgeGroups, kind: Kind, values: Tensor, masks: dict[str, Tensor]
) -> NDArray[np.float64]:
    """Return sums by cluster of graphs ``[clusters, G, 4 + S]``.

    They are edges of the group, edges of the kind, measured edges, the sum of their magnitudes,
    and massive edges of every site.
    """
    of, clusters = cluster(groups.dataset)
    member = kind.member
    measured = ~values.isnan()
    magnitude = values.abs().nan_to_num(0.0)
    columns = [
        member,
        kind.applicable.unsqueeze(1).expand_as(member),
        member & measured.unsqueeze(1),
        member * magnitude.unsqueeze(1),
        *(member & mask.unsqueeze(1) for mask in masks.values()),
    ]
    return np.stack([sums(column, of, clusters) for column in columns], axis=-1)


def _statistic(counts: Array, ranked: NDArray[np.bool_]) -> Array:
    """Return importances ``[R, G]`` and then rank correlations of sums ``[R, G, 4 + S]``."""
    edges = counts[..., 0]
    # A group that a resample lacks has no value there, and nor have the correlations.
    with np.errstate(invalid="ignore"):
        frequency = np.where(edges > 0, edges / counts[..., 1], np.nan)
        mean = counts[..., 3] / counts[..., 2]
        prevalence = counts[..., 4:] / edges[..., None]
    of_groups = [frequency[:, ranked], mean[:, ranked]]
    columns = [_correlation(*of_groups)]
    for site in range(prevalence.shape[-1]):
        columns += [_correlation(first, prevalence[:, ranked, site]) for first in of_groups]
    return np.concatenate([mean, np.stack(columns, axis=1)], axis=1)


def _correlation(first: Array, second: Array) -> Array:
    """Return the rank correlation along the last dimension ``[R]``, NaN if a value is."""
    resamples, groups = first.shape
    if groups < FEWEST_GROUPS:
        return np.full(resamples, np.nan)
    row = np.repeat(np.arange(resamples), groups)
    return spearman(first.ravel(), second.ravel(), row, resamples)
