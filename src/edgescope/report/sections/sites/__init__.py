"""Every site by itself: histogram, maxima per graph, prevalence by edge type and heat maps."""

from typing import Any

from edgescope.report.section_protocol import Section
from edgescope.report.section_registry import section
from edgescope.report.sections.sites import figures
from edgescope.report.sections.sites.histogram import site_histogram
from edgescope.report.words import BIN_PRECISION


@section
class Sites(Section):
    """Site by site; on a screen, buttons choose one."""

    name, title, place = "by-site", "Site by site", 400
    key = None

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw the figures of every site; one that would be empty is left out."""
        drawn: dict[str, str] = {}
        for site in numbers["sites"]:
            name = site["id"]
            if site["histogram"]["trained"]["total"]:
                drawn[f"{name}-histogram"] = site_histogram(site, numbers)
                drawn[f"{name}-maxima"] = figures.maxima(site, numbers)
            if figures.site_rows(site, numbers):
                drawn[f"{name}-prevalence"] = figures.prevalence(site, numbers)
            if site["heat_maps"]["largest"]:
                drawn[f"{name}-heat"] = figures.heat_maps(site)
        return drawn

    def context(self, numbers: dict[str, Any]) -> dict[str, Any]:
        """Say whether sites are judged by chance."""
        significant = [site["judged"]["significant"] for site in numbers["sites"]]
        return {"judged_by_chance": any(found is not None for found in significant)}

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Return how to read them."""
        axis = numbers["scanned"]["axis"]
        # A site that is judged by both is drawn by its magnitudes if only these are over.
        either = "ratio or magnitude" if numbers["by_magnitude"] else axis
        left, crossed = "large ones left", "the criterion does not look at ratios. "
        if axis == "ratio":
            left = "massive ones are left of the dashed threshold"
            crossed = (
                "the share of graphs left of the point where a line crosses the dashed threshold "
                "has a massive edge. "
            )
        rings = (
            "; single and double bonds have those of aromatic rings among them, as the data write "
            "such rings"
            if numbers["scanned"]["kekulised"]
            else ""
        )
        return {
            "histogram": (
                "Each activation of the site counts once, by how many powers of ten it lies below "
                f"the median of its edge: {left}, and the right "
                "panel shows the same on a logarithmic scale so that rare ones can be seen (the "
                "spike at ratio 1 is the medians themselves). "
                "A broken curve is the gamma law fitted to the histogram of its colour; bars above "
                "the curve at the far left are activations that the law does not expect."
            ),
            "maxima": (
                "Graphs are sorted by their largest ratio, which is what a log of batch maxima at "
                f"batch size 1 holds; {crossed}The values are centres of bins and at most "
                f"{BIN_PRECISION} off."
            ),
            "prevalence": (
                "A bar is the share of the directed edges of one type that hold at least one "
                f"activation whose {either} exceeds the threshold, and the thin line is its 95 % "
                "interval if edges were independent. "
                "Types whose intervals overlap are not told apart by this scan; edges of a graph "
                "are not independent, so a small gap between intervals proves nothing either"
                f"{rings}."
            ),
            "heat": (
                "Each cell is one channel of one head, and its colour the share of edges of that "
                f"type whose {either} there exceeds the threshold; grey means never. "
                "Single dark cells mean that massive activations sit in fixed places, an even tint "
                "that they are spread out, and all panels of a site share one scale."
            ),
        }
