"""All claims, and the verdicts on them by the result tables of a study."""

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from edgescope.study.claims import (
    article_claims,
    attribution_claims,
    cause_claims,
    edge_claims,
    node_claims,
    ratio_claims,
)
from edgescope.study.claims.claim import Claim
from edgescope.study.claims.result_set import ResultSet
from edgescope.study.claims.rulings import Ruling, corrected

_ROOMS = (
    ratio_claims,
    cause_claims,
    edge_claims,
    attribution_claims,
    node_claims,
    article_claims,
)
_EVERY = [claim for room in _ROOMS for claim in room.CLAIMS]
_EVERY.sort(key=lambda claim: ("CA".index(claim.key[0]), int(claim.key[1:])))

CLAIMS: Mapping[str, Claim] = MappingProxyType({claim.key: claim for claim in _EVERY})
"""Every claim by its key: C1 to C12 of the paper and its sequels, A1 to A11 of the article.

Example:
    >>> import edgescope as es
    >>> len(es.study.CLAIMS), es.study.CLAIMS["A4"].command
    (23, 'edgescope study twins a')
"""


def rulings(tables: Mapping[str, pl.DataFrame]) -> dict[str, Ruling]:
    """Return the verdict on every claim by the result tables of a study.

    Args:
        tables: the tables by name. Any may be absent: what needs it is undecided then.

    Returns:
        Claim to verdict, corrected after Holm over all claims that have a p-value.

    Raises:
        InputError: if a table lacks a column, or if two cells answer the same.

    Example:
        >>> import edgescope as es
        >>> {ruling.verdict for ruling in es.study.rulings({}).values()}
        {'undecided at this budget'}
    """
    results = ResultSet(tables)
    return corrected({key: claim.judge(results) for key, claim in CLAIMS.items()})
