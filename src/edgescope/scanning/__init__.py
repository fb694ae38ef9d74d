"""The parts of a scan: which sites it takes, what its edge types are, and what it counts."""

SHARD_EVERY = 60.0
"""Seconds between shards by default: writing one takes about half a second for ten layers."""
