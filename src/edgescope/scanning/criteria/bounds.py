"""What a criterion asks of an activation: bounds on its ratio and its magnitude."""

from math import inf
from typing import NamedTuple

import polars as pl

EDGE = ("site", "edge_type", "graph", "edge", "source", "target")
"""Columns that together tell one edge from another. Rules that count per edge use them for nothing
else, as types of edges have names in a scan and numbers in an ablation."""


class Bounds(NamedTuple):
    """What an activation must exceed to be massive, perhaps: one of the two, or both."""

    ratio: float = inf
    magnitude: float = inf


class Thresholds(NamedTuple):
    """What an activation must exceed to be massive: both; zero where nothing is asked."""

    ratio: float = 0.0
    magnitude: float = 0.0


def exceeds(value: str | pl.Expr, bound: float | pl.Expr) -> pl.Expr:
    """Return whether a column exceeds a bound; polars takes NaN as larger than any number."""
    of = pl.col(value) if isinstance(value, str) else value
    return (of > bound) & of.is_not_nan()
