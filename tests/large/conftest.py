"""Pieces and chunks so small that little graphs have many of them."""

from support.large_cases import small_pieces, threads

__all__ = ["small_pieces", "threads"]
