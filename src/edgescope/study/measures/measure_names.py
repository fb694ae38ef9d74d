"""Which measures there are, and which of them a study asks for."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from edgescope.lib.errors import InputError, did_you_mean
from edgescope.study.measures.measured_cell import Measure

MEASURES: Mapping[str, str] = {
    "sites": "site_counts",
    "thresholds": "site_counts",
    "types": "site_counts",
    "maxima": "ratio_laws",
    "histogram": "ratio_laws",
    "laws": "ratio_laws",
    "heat": "head_channels",
    "emergence": "first_steps",
    "triples": "element_triples",
    "type_tests": "type_permutation",
    "added": "added_share",
    "importance": "edge_removal",
    "curvature": "curvature_bins",
    "attack": "noise_levels",
    "attribution": "attribution_quality",
    "rankings": "bond_rankings",
    "precision": "format_losses",
}
"""Name of every measure, which is that of its function, to the module here that holds it."""

GENERIC = tuple(MEASURES)[:8]
"""What every cell is measured by unless its study says something else: read from its scan alone."""


def chosen_measures(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the measures that a study asks for; without any said, the generic ones.

    Raises:
        InputError: if one is unknown.
    """
    for name in names or ():
        if name not in MEASURES:
            hint = did_you_mean(name, list(MEASURES), f"expected some of {', '.join(MEASURES)}")
            raise InputError(f"measures: unknown measure {name!r}, {hint}")
    return GENERIC if names is None else tuple(names)


def measure(name: str) -> Measure:
    """Return a measure by its name."""
    found: Measure = getattr(import_module(f"{__package__}.{MEASURES[name]}"), name)
    return found
