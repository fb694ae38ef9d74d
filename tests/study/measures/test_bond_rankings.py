"""Places of bonds: what two trainings share can be told from their rows alone."""

from dataclasses import replace

import polars as pl
import pytest
import torch

import edgescope as es
from edgescope.attribute.bonds import bonds
from edgescope.study.claims.attribution_claims import agreements
from edgescope.study.measures.attribution_quality import METHODS
from edgescope.study.measures.bond_rankings import GRAPHS, rankings


@pytest.fixture(scope="module")
def cells(cell_on):
    """Three trainings that differ in their weights; the first is that of the others' data."""
    first, found = cell_on(), []
    for seed in range(3):
        torch.manual_seed(seed)
        sizes = {"num_layers": 2, "hidden_dim": 8, "num_heads": 2}
        model = es.models.GraphTransformer(**first.part.model_sizes, **sizes).eval()
        found.append(replace(first, model=model))
    return found


@pytest.fixture(scope="module")
def tables(cells):
    return [rankings(of)["rankings"] for of in cells]


def test_every_bond_has_a_place_below_the_number_of_its_graph_by_every_method(cells, tables):
    some = cells[0].part.subset(torch.arange(len(cells[0].part)))
    most = max(bonds(some).count.tolist())
    for table in tables:
        assert set(table["method"]) == set(METHODS)
        assert table["graph"].n_unique() == GRAPHS
        of = table.group_by("method", "graph").agg(
            pl.len(), first=pl.col("place").min(), last=pl.col("place").max()
        )
        assert (of["first"] == 0).all()
        assert (of["last"] < of["len"]).all()
        assert of["len"].max() <= most


def test_what_trainings_share_is_told_as_from_the_importances_themselves(cells, tables):
    order = torch.randperm(len(cells[0].part), generator=torch.Generator().manual_seed(0))
    some = replace(cells[0].part.subset(order[:GRAPHS].sort().values), task="regression")
    edges = [
        es.attribute.importances(of.model, some, ["massive", "occlusion"], progress=False)
        for of in cells
    ]
    named = pl.DataFrame({"cell": ["a", "b", "c"], "seed": [41, 42, 43]})
    rows = [
        table.select(pl.lit(cell).alias("cell"), pl.all())
        for cell, table in zip(named["cell"], tables, strict=True)
    ]
    found = agreements(pl.concat(rows).sample(fraction=1.0, shuffle=True, seed=3), named)
    for method in ("massive", "occlusion"):
        one, _, other = (each[method].edge for each in edges)
        expected = es.attribute.rank_correlation(one, other, some)
        mean = es.attribute.mean_over_graphs(expected).value
        assert found[method][41, 43] == pytest.approx(mean)


def test_of_one_large_graph_there_are_none(cells):
    assert rankings(replace(cells[0], part=None)) == {}
