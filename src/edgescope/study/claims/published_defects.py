"""What the published experiments cannot show, and what a reader of a dossier should know."""

LIMITS: tuple[tuple[str, str], ...] = (
    (
        "One seed",
        (
            "The published numbers are of one seed each. A first look at two trainings of the "
            "published ablation that differ in their seed alone gave opposite answers, so the unit "
            "of every verdict is a training; with fewer than 3 nothing is decided."
        ),
    ),
    (
        "Kolmogorov-Smirnov",
        (
            "The distance of a state to its own fit does not compare trained with untrained, its "
            "p-value is not valid, and it cannot see rare events: moving a share of the points "
            "moves it by that share at most."
        ),
    ),
    (
        "One threshold for all sites",
        (
            "What chance reaches depends on the site: among 1,500 edges of Gaussian factors the "
            "largest ratio is about 8 for one factor and 64 values, 127 for three factors, and 502 "
            "for three factors and 4 values. Calibrated thresholds stand beside 1000."
        ),
    ),
    (
        "Growth",
        (
            "The ratio compares values within an edge and cannot see whole vectors grow. Growth "
            "over the untrained model stands beside it."
        ),
    ),
    (
        "Layer 0",
        (
            "At layer 0 a score is a function of the two elements and the bond: the published heat "
            "maps are of that layer, and show a table of about a hundred triples. Deeper layers "
            "stand apart."
        ),
    ),
    (
        "Exchanged labels",
        "The published heat maps label heads as channels and channels as heads.",
    ),
    (
        "The explicit bias term as released",
        (
            "In the released SAN and GraphiT it overwrites the attention of the scores, which then "
            "reach nothing. What vanishes there is shown and not counted."
        ),
    ),
    (
        "SAN and GraphiT",
        (
            "In the published setting, without full graph and positional encoding, they are the "
            "same function; where both are shown they differ in width, batch and learning rate "
            "only, and are no independent confirmations of each other."
        ),
    ),
    (
        "PROTEINS",
        (
            "PROTEINS (TU) are 1,113 whole proteins as graphs of the TU collection. The paper "
            "trains on ogbn-proteins, one graph of associations between proteins. Neither speaks "
            "for the other."
        ),
    ),
    (
        "Further differences",
        (
            "The published code takes torch's lower median in one place and numpy's in another, "
            "looks at the first 50,000 edges, drops ratios that are not finite, draws the split of "
            "TOX21 before seeding, and logs PROTEINS through a random sampler of neighbours; the "
            "preset paper2025 reproduces its detection."
        ),
    ),
    (
        "Saturated attention",
        (
            "Beyond the clamp of the logits attention has equal weights and no gradient. It is a "
            "possible cause of massive activations that no claim here tests."
        ),
    ),
    (
        "Budget",
        (
            "A verdict holds at the budget of its cells: widths, epochs and data are in the table "
            "of cells. More epochs can turn it, also back, since largest ratios can fall while "
            "magnitudes grow."
        ),
    ),
)
"""What it is about, and the text."""
