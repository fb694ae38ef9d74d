"""Enrichment: on which groups of edges massive activations sit more often than on others."""

from collections.abc import Collection
from typing import Any
from warnings import warn

import numpy as np
import polars as pl
import torch
from torch import Tensor

from edgescope.interpret.groups import EdgeGroups
from edgescope.interpret.kinds import Kind
from edgescope.interpret.permutation import PERMUTATIONS, Tested, permutation_tests
from edgescope.interpret.prevalence import four_cells, prevalence
from edgescope.interpret.scan_edges import massive_edges, turned
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.scanning.criteria import Rule
from edgescope.scanning.result import Scan
from edgescope.statistics.bootstrap import MIN_GROUPS, RESAMPLES, Bootstrap
from edgescope.statistics.false_discovery import q_values

ANY = "any site"
"""What rows are called in which an edge counts as massive if it is at one site or more.

Example:
    >>> from edgescope.interpret import ANY
    >>> ANY
    'any site'
"""

SCHEMA: dict[str, Any] = {
    "site": pl.String,
    "kind": pl.String,
    "group": pl.String,
    "edges": pl.Int64,
    "massive": pl.Int64,
    "prevalence": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "odds_ratio": pl.Float64,
    "odds_low": pl.Float64,
    "odds_high": pl.Float64,
    "corrected": pl.Boolean,
    "expected": pl.Float64,
    "exchangeable": pl.Int64,
    "p": pl.Float64,
    "q": pl.Float64,
}
"""Columns of the table."""


def enrichment(
    scan: Scan,
    groups: EdgeGroups,
    *,
    criterion: str | Rule | None = None,
    permutations: int = PERMUTATIONS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: bool = True,
) -> pl.DataFrame:
    """Return one row per site, kind and group that some edge is in.

    Columns: site, kind, group, edges (of the group), massive (edges of it), prevalence with low
    and high (95 % interval from resampled graphs), odds_ratio with odds_low and odds_high (edges of
    the group against all others of which the kind can be told), corrected (whether 0.5 was added
    to every count, as one was 0), expected (massive edges of the group if massive edges lay at
    random among alike edges of their graph), exchangeable (edges that the permutations can change
    something about; with 0 of them p and q are 1 and say nothing), p (two-sided, from
    permutations), q (after Benjamini and Hochberg over all other rows of the table).

    The odds ratio describes what is seen. The test asks more: whether massive edges prefer the
    group among edges of the same graph with the same degrees at their ends (for topology also of
    the same type; for the degree product of the same type only); for directions, whether they
    prefer one direction to the other. The sign of ``massive - expected`` is that of the test. It
    may differ from that of the odds ratio, if it is the degrees that make the group massive.

    With several sites, rows of the site :data:`ANY` count an edge that is massive at one or more.

    The direction of an edge is that in which the layer of the site passes messages, from the node
    attended to to the node that attends: against that of the data set in a layer with
    ``flow="target_to_source"``. If layers differ in that, at :data:`ANY` it is that of the data
    set, with a warning.

    Args:
        scan: a scan of the graphs of ``groups.dataset``.
        groups: the groups.
        criterion: another rule than the scan's.
        permutations: how many permutations to draw.
        resamples: how many times to resample the graphs.
        seed: start of the random numbers; the same seed gives the same table.
        progress: whether to show a progress bar.

    Raises:
        InputError: if the scan is of other graphs or did not keep every massive activation.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> groups = es.interpret.edge_groups(molecules, by=["ring"])
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GATv2(**molecules.model_sizes, **sizes)
        >>> loader = es.data.loader(molecules)
        >>> scan = es.scan(model, loader, criterion=es.Criterion("low", ratio=20))
        >>> found = es.interpret.enrichment(scan, groups, permutations=20, resamples=20)
        >>> sorted(found["group"].unique())
        ['chain', 'ring']
    """
    found = massive_edges(scan, groups.dataset, criterion)
    against = turned(scan)
    if len(against) == len(found.sites):
        groups, against = groups.turned(), []
    directed = [kind.name for kind in groups if kind.null == "reversal"]
    if against and directed:
        warn(
            f"layers pass messages either way along edges, at {', '.join(against)} against their "
            f"direction in the data set; groups of {', '.join(directed)} follow each site, and at "
            f"{ANY!r} the data set",
            EdgescopeWarning,
            stacklevel=2,
        )
    return enrichment_of(
        {site: found[site] for site in found.sites},
        groups,
        permutations=permutations,
        resamples=resamples,
        seed=seed,
        progress=progress,
        turned_sites=against,
    )


def enrichment_of(
    massive: dict[str, Tensor],
    groups: EdgeGroups,
    *,
    permutations: int = PERMUTATIONS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: bool = True,
    turned_sites: Collection[str] = (),
) -> pl.DataFrame:
    """Return the table of :func:`enrichment` for edges that are marked by other means.

    Args:
        massive: which edges are marked ``[E]``, bool, by name of the site.
        groups: the groups.
        permutations: as there, like the other options.
        resamples: as there.
        seed: as there.
        progress: as there.
        turned_sites: sites at which edges run against their direction in the data set.

    Raises:
        InputError: if there is no site, or marks do not fit the edges.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> groups = es.interpret.edge_groups(molecules, by=["ring"])
        >>> marked = {"double bonds": molecules.edge_attr == 2}
        >>> found = es.interpret.enrichment_of(marked, groups, permutations=20, resamples=20)
        >>> sorted(found["group"].unique())
        ['chain', 'ring']
    """
    edges = groups.dataset.edge_index.size(1)
    for site, mask in massive.items():
        if mask.shape != (edges,) or mask.dtype != torch.bool:
            raise InputError(
                f"received marks of shape {list(mask.shape)} and type {mask.dtype} for {site}, "
                f"expected truth values [{edges}], one per edge of {groups.dataset.name}"
            )
    if not massive or permutations < 1 or resamples < 1:
        raise InputError(
            f"received {len(massive)} sites, permutations={permutations} and "
            f"resamples={resamples}, expected 1 or more of each"
        )
    masks = dict(massive)
    if len(masks) > 1:
        masks[ANY] = torch.stack(list(masks.values())).any(0)
    stacked = torch.stack(list(masks.values()))
    kinds = list(groups)
    tests = permutation_tests(
        groups.dataset,
        kinds,
        stacked,
        permutations=permutations,
        seed=seed,
        progress=progress,
    )
    graphs = int((groups.dataset.edge_ptr.diff() > 0).sum())
    if graphs < MIN_GROUPS:
        warn(
            f"{graphs} graphs have edges, which is too few for intervals over graphs, expected "
            f"{MIN_GROUPS} or more; the table has none",
            EdgescopeWarning,
            stacklevel=3,
        )
    rows: list[dict[str, Any]] = []
    kinds = [kind for kind in kinds if bool(kind.member.any())]
    for number, (site, mask) in enumerate(masks.items() if kinds else ()):
        found = prevalence(groups.dataset, kinds, mask, resamples=resamples, seed=seed)
        start = 0
        for kind in kinds:
            part = slice(start, start + len(kind.names))
            start = part.stop
            of_kind = _rows(site, kind, mask, found, part, tests[kind.name], number)
            by_name = {row["group"]: row for row in of_kind}
            for name in kind.names:
                held = kind.names[kind.place(name, turned=site in turned_sites)]
                rows += [{**by_name[held], "group": name}] if held in by_name else []
    # Where permutations change nothing there is no test that could be a false discovery. Which
    # rows these are does not depend on how massive edges lie within strata, so the rest stay valid.
    tested = np.array([row["exchangeable"] > 0 for row in rows], dtype=np.bool_)
    p = np.array([row["p"] for row in rows], dtype=np.float64)
    q = np.where(tested, q_values(np.where(tested, p, np.nan)), 1.0)
    return pl.DataFrame(
        [row | {"q": value} for row, value in zip(rows, q.tolist(), strict=True)], schema=SCHEMA
    )


def _rows(
    site: str, kind: Kind, massive: Tensor, found: Bootstrap, part: slice, test: Tested, number: int
) -> list[dict[str, Any]]:
    """Return the rows of a kind at the site of some number; ``part`` of what was found is its."""
    estimate, low, high = found.estimate[part], found.low[part], found.high[part]
    edges = kind.member.sum(0)
    over = (kind.member & massive.unsqueeze(1)).sum(0)
    whole = [(massive & kind.applicable).sum(), kind.applicable.sum()]
    counts = torch.stack([over, edges, *(each.expand_as(edges) for each in whole)], dim=-1)
    cells = four_cells(counts.double().numpy())
    return [
        {
            "site": site,
            "kind": kind.name,
            "group": name,
            "edges": int(edges[group]),
            "massive": int(over[group]),
            "prevalence": float(estimate[group, 0]),
            "low": float(low[group, 0]),
            "high": float(high[group, 0]),
            "odds_ratio": float(estimate[group, 1]),
            "odds_low": float(low[group, 1]),
            "odds_high": float(high[group, 1]),
            "corrected": bool((cells[group] == 0).any() and not np.isnan(estimate[group, 1])),
            "expected": float(test.expected[number, group]),
            "exchangeable": int(test.exchangeable[number, group]),
            "p": float(test.p[number, group]),
        }
        for group, name in enumerate(kind.names)
        if edges[group]
    ]
