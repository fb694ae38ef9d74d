"""The histogram of a site's ratios, with the gamma laws fitted to it."""

from typing import Any

from edgescope.plots.ratio_histogram import draw_ratio_histogram, say_failures
from edgescope.plots.svg import WIDE, figure, followed, render
from edgescope.report.words import ratio_threshold, state_labels
from edgescope.scanning.site_distributions import densities_of


def site_histogram(site: dict[str, Any], numbers: dict[str, Any]) -> str:
    """Draw the histogram of -log10(ratio), on a linear and on a logarithmic scale.

    Args:
        site: an entry of ``numbers["sites"]``.
        numbers: the numbers of the report.
    """
    drawn = figure(WIDE, 3.9, margins=(0.6, 0.15, 0.95, 0.5))
    linear, logarithmic = drawn.subplots(1, 2)
    threshold, labels = ratio_threshold(site, numbers), state_labels(numbers)
    y, densities = densities_of(site["histogram"])
    for axes in (linear, logarithmic):
        followed(axes, "x")
        draw_ratio_histogram(
            axes, y, densities, site["gamma"], threshold, labels, logarithmic=axes is logarithmic
        )
    say_failures(linear, site["gamma"])
    drawn.legend(*linear.get_legend_handles_labels(), loc="lower center", ncols=6)
    return render(drawn, f"{site['id']}-histogram", f"Histogram of -log10(ratio) at {site['site']}")
