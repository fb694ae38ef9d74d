"""Molecules whose bonds are coloured by several methods: which are drawn, and how."""

from typing import Any

import numpy as np
import polars as pl

from edgescope.attribute import Leaderboard
from edgescope.attribute.board import NAMELESS
from edgescope.lib.graph_names import called
from edgescope.plots.axes import SKY, colour_bar
from edgescope.plots.molecules import SHADES, bond_of, draw_bonds, parse, rgb, shade
from edgescope.plots.svg import figure, render
from edgescope.report.names import titled

MOLECULES = 4
"""Molecules that are drawn for every subject."""

SMALL = (230, 170)
"""Width and height of a drawing, in its own units."""

TRUE_BOND = "*"
"""What stands beside a bond that is known to matter."""


STAR_SIZE = 2.2
"""How large it is, as part of the size of letters."""


def choose_compared(board: Leaderboard, data: str, recipe: str) -> list[dict[str, Any]]:
    """Pick molecules at equal steps through the data, of the first training of a model.

    Where the data say for some which bonds matter, only those are drawn of which they do, and of
    which some bonds matter and others do not.

    Args:
        board: the leaderboard.
        data: name of the data.
        recipe: name of the model.

    Returns:
        Per molecule ``graph``, ``smiles``, its ``identifiers`` by column if it has any,
        ``training``, and per bond of the SMILES, None where no
        edge runs along it: ``truth``, whether it matters in some explanation, None if that is not
        known; ``methods``, the importance of every bond by method, the mean of its directions; and
        ``auroc``, that of each method on this molecule, or None.

    Raises:
        InputError: if a SMILES does not parse, or an edge runs along no bond of it.
        MissingExtraError: if there is a SMILES and RDKit is not installed.
    """
    of = (pl.col("data") == data) & (pl.col("recipe") == recipe)
    edges = board.importances.filter(of)
    edges = edges.filter(pl.col("training") == edges["training"].min())
    molecules = {row["graph"]: row for row in board.molecules.filter(of).to_dicts()}
    truth = [
        name for name, kind in edges.schema.items() if name.startswith("truth_") and kind.is_float()
    ]
    # A row of nothing but nulls has no maximum.
    edges = edges.with_columns(
        (pl.max_horizontal(truth) if truth else pl.lit(None, dtype=pl.Float64)).alias("truth")
    ).filter(pl.col("graph").is_in(list(molecules)))
    known = edges.filter(pl.col("truth").is_not_null())
    both = known.group_by("graph").agg(pl.col("truth").n_unique()).filter(pl.col("truth") > 1)
    graphs = (both if both.height else edges)["graph"].unique().sort()
    steps = np.linspace(0, graphs.len() - 1, min(MOLECULES, graphs.len())).round().astype(int)
    scores = board.graphs.filter(of)
    return [
        _molecule(edges, scores, molecules[int(graphs[place])], int(graphs[place]))
        for place in steps.tolist()
    ]


def _molecule(
    edges: pl.DataFrame, scores: pl.DataFrame, named: dict[str, Any], graph: int
) -> dict[str, Any]:
    own = edges.filter(pl.col("graph") == graph)
    training = own["training"][0]
    judged = scores.filter((pl.col("graph") == graph) & (pl.col("training") == training))
    auroc = dict(judged.select("method", "auroc").rows())
    text = named["smiles"]
    identifiers = {name: value for name, value in named.items() if name not in NAMELESS}
    molecule = parse(text, called(graph, identifiers))
    where = called(graph, {**identifiers, "smiles": text})
    bonds = [
        bond_of(molecule, source, target, where)
        for source, target in own.select("source", "target").rows()
    ]
    by_bond = (
        own.with_columns(pl.Series("bond", bonds, dtype=pl.Int64))
        .group_by("bond", maintain_order=True)
        .agg(pl.col("truth").max(), pl.col(*auroc).mean())
    )
    whole = pl.DataFrame({"bond": range(molecule.GetNumBonds())}, schema={"bond": pl.Int64}).join(
        by_bond, on="bond", how="left", maintain_order="left"
    )
    truth = whole["truth"].to_list()
    return {
        "graph": graph,
        "smiles": text,
        **({"identifiers": identifiers} if identifiers else {}),
        "training": training,
        "truth": None if whole["truth"].is_null().all() else truth,
        "methods": {name: whole[name].to_list() for name in auroc},
        "auroc": auroc,
    }


def draw_compared(entry: dict[str, Any], name: str) -> dict[str, str]:
    """Draw a molecule once per method, its bonds coloured from least to most important.

    Args:
        entry: the molecule, as from :func:`choose_compared`.
        name: what the figures' names begin with.

    Returns:
        The drawings, by ``name`` and the place of the method; and ``truth`` in its place, if some
        bonds are known to matter.
    """
    true = {bond for bond, value in enumerate(entry["truth"] or ()) if value}
    marks = dict.fromkeys(true, TRUE_BOND)
    drawn = {}
    if true:
        drawn[f"{name}-truth"] = draw_bonds(
            entry["smiles"],
            dict.fromkeys(true, rgb(SKY)),
            f"{name}-truth",
            f"{titled(entry)}, with the bonds that are known to matter in blue",
            size=SMALL,
        )
    for place, (method, values) in enumerate(entry["methods"].items()):
        title = f"{titled(entry)}, bonds coloured by their importance by {method}"
        if true:
            title += f"; those that matter: {', '.join(map(str, sorted(true)))}"
        drawn[f"{name}-{place}"] = draw_bonds(
            entry["smiles"],
            _shades(values),
            f"{name}-{place}",
            title,
            bond_notes=marks,
            note_size=STAR_SIZE,
            size=SMALL,
        )
    return drawn


def _shades(values: list[float | None]) -> dict[int, tuple[float, float, float]]:
    """Return the colour of every bond, from the least to the most important; none if all agree."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if low == high:
        return {}
    return {
        bond: shade((value - low) / (high - low))
        for bond, value in enumerate(values)
        if value is not None
    }


def compared_legend() -> str:
    """Draw which colour means what."""
    drawn = figure(4.2, 0.66, margins=(0.3, 0.3, 0.42, 0.05))
    axes = drawn.subplots()
    colour_bar(axes, 0, 1, upright=False, part=SHADES)
    axes.set_xticks([0, 1], ["least", "most"])
    axes.set_xlabel("importance of the bond within its molecule")
    return render(drawn, "compared-legend", "Colours of the bonds, from least to most important")
