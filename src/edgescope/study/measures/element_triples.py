"""Massive edges by the triple of source element, target element and bond.

At layer 0 a score is a function of the types of the two atoms and of the bond alone, so that a
table by bond shows which atoms it joins as much as what it is.
"""

import re

import numpy as np
import polars as pl
import torch

from edgescope.data.edges.directions import batched_edges
from edgescope.data.graphs import GraphDataset
from edgescope.interpret.topology import Ints
from edgescope.statistics.sketch_layout import PAPER_RATIO
from edgescope.study.measures.edge_crossings import crossings, graphs_of
from edgescope.study.measures.measured_cell import MeasuredCell

_ELEMENT = re.compile(r"[A-Z][a-z]?(?![a-z])")
"""How the name of an atom type begins, such as ``N H1 +``."""

_SCHEMA = {
    "site": pl.String,
    "layer": pl.Int64,
    "rule": pl.String,
    "threshold": pl.Float64,
    "source_element": pl.String,
    "target_element": pl.String,
    "bond": pl.String,
    "edges": pl.Int64,
    "massive": pl.Int64,
}


def elements(dataset: GraphDataset) -> tuple[Ints, list[str]]:
    """Return the element of every node ``[V]``, as a number, and the names of the elements.

    A node type whose name does not begin with the symbol of an element, such as ``virtual``, is
    an element of its own.
    """
    found = [_ELEMENT.match(name) for name in dataset.vocabulary]
    words = [
        name if match is None else match.group()
        for name, match in zip(dataset.vocabulary, found, strict=True)
    ]
    names = sorted(set(words))
    of_type = np.array([names.index(word) for word in words], dtype=np.int64)
    return of_type[dataset.node_types.numpy()], names


def triples(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return how many edges of every triple are massive, at every score site.

    Source and target are those of the data set's edge. Counted at the calibrated threshold, and at
    a ratio of 1000, or 300 where nothing exceeds 1000: more would take most of the room of all
    tables. A threshold that no edge of a site exceeds has no rows there; at the others every triple
    has one.
    """
    dataset = graphs_of(of)
    if dataset is None:
        return {}
    element, names = elements(dataset)
    source, target = element[batched_edges(dataset).numpy()]
    bond = dataset.edge_types.numpy()
    keys, triple = np.unique(np.stack([source, target, bond]), axis=1, return_inverse=True)
    place = torch.from_numpy(triple.reshape(-1))
    who = pl.DataFrame(
        {
            "source_element": [names[each] for each in keys[0]],
            "target_element": [names[each] for each in keys[1]],
            "bond": [dataset.edge_type_names[each] for each in keys[2]],
        },
        schema=dict.fromkeys(("source_element", "target_element", "bond"), pl.String),
    )
    rows = []
    for crossing in crossings(of):
        edges = place[crossing.defined].bincount(minlength=keys.shape[1])
        ratio = crossing.exceeded(PAPER_RATIO)
        for limit, massive in zip(crossing.limits, crossing.massive, strict=True):
            if (limit.rule == "ratio" and limit.threshold != ratio) or not bool(massive.any()):
                continue
            counts = place[massive].bincount(minlength=keys.shape[1])
            table = who.with_columns(
                **{name: pl.lit(value) for name, value in crossing.key.items()},
                rule=pl.lit(limit.rule),
                threshold=pl.lit(limit.threshold),
                edges=pl.Series(edges.numpy()),
                massive=pl.Series(counts.numpy()),
            )
            rows.append(
                table.filter(pl.col("edges") > 0).select(list(_SCHEMA)).cast(pl.Schema(_SCHEMA))
            )
    return {"triples": pl.concat(rows) if rows else pl.DataFrame(schema=_SCHEMA)}
