"""Sketches of members with given edges, for the tests of calibration."""

import numpy as np
import torch

from edgescope.statistics import SiteSketch, SketchLayout

LAYOUT = SketchLayout(heads=2, channels=8)


def sketch(ratio, magnitude=None):
    """Return a sketch with these largest ratios and magnitudes of its edges."""
    counts = {}
    for name, values in (
        ("ratio", ratio),
        ("magnitude", ratio if magnitude is None else magnitude),
    ):
        bins = getattr(LAYOUT, name)
        index = bins.index(torch.tensor(np.asarray(values), dtype=torch.float32)).long()
        counts[f"edge_{name}"] = torch.bincount(index, minlength=bins.size)[None]
    return SiteSketch(LAYOUT, counts, torch.zeros(2, 1))
