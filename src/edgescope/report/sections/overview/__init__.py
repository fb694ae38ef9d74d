"""All sites at a glance, and their tables."""

from typing import Any

from edgescope.report.section_protocol import Section
from edgescope.report.section_registry import section
from edgescope.report.sections.overview import figures
from edgescope.report.words import BIN_PRECISION, thresholds


@section
class Overview(Section):
    """All sites: what is largest, how much is over the threshold, and the maxima per graph."""

    name, title, place = "sites", "All sites", 200
    key = None

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw all sites, by their ratios and by their magnitudes, and all maxima."""
        drawn = {
            "glance": figures.at_a_glance(numbers, numbers["scanned"]["axis"]),
            "all_maxima": figures.all_maxima(numbers),
        }
        if numbers["by_magnitude"]:
            drawn["glance_magnitude"] = figures.at_a_glance(numbers, "magnitude")
        return drawn

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Return how to read them."""
        scanned = numbers["scanned"]
        axis, compared = scanned["axis"], scanned["baseline"] is not None
        if axis == "ratio" and scanned["threshold"] is not None:
            line = (
                "where a line is above the dashed threshold, that share of the graphs has a "
                "massive edge. "
            )
        elif axis == "ratio":
            line = "the threshold of a site is drawn in its own figure below. "
        else:
            line = "the criterion does not look at ratios. "
        values = (
            "The blue band is where all untrained sites lie, and values" if compared else "Values"
        )
        return {
            "glance": _glance(numbers, axis),
            "glance_magnitude": _glance(numbers, "magnitude"),
            "all_maxima": (
                "Each line sorts the graphs by their largest ratio at one site, the largest first; "
                f"{line}{values} are centres of bins, so they are at most {BIN_PRECISION} off."
            ),
        }


def _glance(numbers: dict[str, Any], axis: str) -> str:
    """Explain the largest and the shares of all sites on one axis."""
    common = len(set(thresholds(numbers["sites"], axis))) == 1
    mark = "dashed line" if common else "upright stroke"
    first = (
        "the way from the blue dot (untrained) to the orange one (trained) is what training "
        f"changed, and sites with a dot right of the {mark} have"
        if numbers["scanned"]["baseline"] is not None
        else f"sites with a dot right of the {mark} have"
    )
    return (
        f"On the left, {first} at least one edge over the threshold. On the right, each mark is "
        "the share of the edges of one type that exceed it, so marks that lie apart hint that some "
        "types carry more massive activations than others."
    )
