"""The parts of a scan: which sites it takes, what its edge types are, and what it counts."""
