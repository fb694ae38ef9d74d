"""Axes, molecules and numbers as people read them: what reports, studies and notebooks share."""
