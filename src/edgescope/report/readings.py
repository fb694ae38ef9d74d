"""How to read each figure: two plain sentences, printed below it."""

from typing import Any

from edgescope.report.words import above, thresholds

BIN_PRECISION = "0.4\N{NO-BREAK SPACE}%"
"""How far the centre of a bin is from any value in it, at most (see statistics.bins)."""


def readings(numbers: dict[str, Any]) -> dict[str, str]:
    """Return the two sentences for every kind of figure."""
    scanned = numbers["scanned"]
    axis = scanned["axis"]
    limit = above(numbers).partition(" above ")[2]
    # A site that is judged by both is drawn by its magnitudes if only these are over.
    either = "ratio or magnitude" if numbers["by_magnitude"] else axis
    one = axis == "ratio" and scanned["threshold"] is not None
    left = "massive ones are left of the dashed threshold" if axis == "ratio" else "large ones left"
    elsewhere = (
        "the threshold of a site is drawn in its own figure below. "
        if axis == "ratio"
        else "the criterion does not look at ratios. "
    )
    measure = (
        "larger the ratio"
        if scanned["measure"] == "ratio"
        else "more times over its threshold the ratio or the magnitude"
    )
    compared = scanned["baseline"] is not None
    return {
        "glance": _glance(numbers, axis),
        "glance_magnitude": _glance(numbers, "magnitude"),
        "all_maxima": (
            "Each line sorts the graphs by their largest ratio at one site, the largest first; "
            + (
                "where a line is above the dashed threshold, that share of the graphs has a "
                "massive edge. "
                if one
                else elsewhere
            )
            + (
                "The blue band is where all untrained sites lie, and values"
                if compared
                else "Values"
            )
            + f" are centres of bins, so they are at most {BIN_PRECISION} off."
        ),
        "histogram": (
            "Each activation of the site counts once, by how many powers of ten it lies below the "
            f"median of its edge: {left}, and the right "
            "panel shows the same on a logarithmic scale so that rare ones can be seen (the spike "
            "at ratio 1 is the medians themselves). "
            "A broken curve is the gamma law fitted to the histogram of its colour; bars above "
            "the curve at the far left are activations that the law does not expect."
        ),
        "maxima": (
            "Graphs are sorted by their largest ratio, which is what a log of batch maxima at "
            "batch size 1 holds; "
            + (
                "the share of graphs left of the point where a line crosses the dashed threshold "
                "has a massive edge. "
                if axis == "ratio"
                else elsewhere
            )
            + f"The values are centres of bins and at most {BIN_PRECISION} off."
        ),
        "prevalence": (
            "A bar is the share of the directed edges of one type that hold at least one "
            f"activation with a {either} above {limit}, and the thin black line is its 95 % "
            "interval if edges were independent. "
            "Types whose intervals overlap are not told apart by this scan; edges of a graph are "
            "not independent, so a small gap between intervals proves nothing either."
        ),
        "heat": (
            "Each cell is one channel of one head, and its colour the share of edges of that type "
            f"whose {either} there exceeds the threshold; grey means never. "
            "Single dark cells mean that massive activations sit in fixed places, an even tint "
            "that they are spread out, and all panels of a site share one scale."
        ),
        "gallery": (
            "Coloured bonds hold a massive activation at the site named below the molecule, the "
            f"darker the {measure} of the stronger of their two directions. "
            "The small numbers in a drawing mark the two atoms of its most massive bond."
        ),
    }


def _glance(numbers: dict[str, Any], axis: str) -> str:
    """Explain the largest and the shares of all sites on one axis."""
    over = above(numbers, axis=axis)
    common = len(set(thresholds(numbers["sites"], axis))) == 1
    mark = "dashed line" if common else "upright stroke"
    first = (
        "the way from the blue dot (untrained) to the orange one (trained) is what training "
        f"changed, and sites with a dot right of the {mark} have"
        if numbers["scanned"]["baseline"] is not None
        else f"sites with a dot right of the {mark} have"
    )
    return (
        f"On the left, {first} at least one edge with a {over}. On the right, each mark is the "
        "share of the edges of one type that exceed it, so marks that lie apart hint that some "
        "types carry more massive activations than others."
    )
