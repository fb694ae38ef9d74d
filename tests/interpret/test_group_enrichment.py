"""The table of enrichment."""

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import false_discovery_control

import edgescope as es
from edgescope.interpret import ANY, edge_groups, enrichment, enrichment_of, massive_edges
from edgescope.interpret.group_enrichment import SCHEMA
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.graph_sets import dataset_of

FEW = {"permutations": 50, "resamples": 50, "progress": False}


@pytest.fixture(scope="module")
def groups(molecules):
    return edge_groups(molecules, ["bond_type", "ring_size", "functional_group"], progress=False)


@pytest.fixture(scope="module")
def table(scan, groups):
    return enrichment(scan, groups, **FEW)


def test_there_is_a_row_for_every_site_and_group_with_edges(table, groups, scan):
    held = sum(int(kind.member.any(0).sum()) for kind in groups)
    assert table.height == held * (len(scan.sites) + 1)
    assert table.schema == pl.Schema(SCHEMA)
    assert table["edges"].min() > 0


def test_counts_are_those_of_the_masks(table, groups, scan, molecules):
    masks = massive_edges(scan, molecules)
    whole = {site: masks[site] for site in masks.sites} | {ANY: masks.mask.any(0)}
    for row in table.iter_rows(named=True):
        kind = groups[row["kind"]]
        member = kind.member[:, kind.names.index(row["group"])]
        assert row["edges"] == member.sum()
        assert row["massive"] == (member & whole[row["site"]]).sum()
        assert row["prevalence"] == row["massive"] / row["edges"]


def test_q_values_are_over_all_rows_that_are_tests(table):
    tested = table.filter(pl.col("exchangeable") > 0)
    np.testing.assert_allclose(tested["q"], false_discovery_control(tested["p"].to_numpy()))
    rest = table.filter(pl.col("exchangeable") == 0)
    assert rest.height > 0
    assert (rest["p"] == 1).all()
    assert (rest["q"] == 1).all()


def test_a_corrected_odds_ratio_is_marked(table):
    cells = table.with_columns(
        all_massive=pl.col("massive").sum().over("site", "kind"),
        all_edges=pl.col("edges").sum().over("site", "kind"),
    ).filter(pl.col("kind") == "bond_type")
    empty = (cells["massive"] == 0) | (cells["massive"] == cells["edges"])
    empty |= cells["massive"] == cells["all_massive"]
    others = cells["all_edges"] - cells["edges"], cells["all_massive"] - cells["massive"]
    empty |= others[0] == others[1]
    assert cells["corrected"].to_list()[: len(empty)] == empty.to_list()


def test_the_same_seed_gives_the_same_table(scan, groups, table):
    assert enrichment(scan, groups, **FEW).equals(table)


def test_a_planted_preference_has_a_small_q():
    groups = edge_groups(es.data.load("solubility").train, ["ring"], progress=False)
    random = torch.Generator().manual_seed(0)
    ring = groups["ring"].codes
    mask = torch.rand(len(ring), generator=random) < torch.where(ring == 1, 0.5, 0.1)
    table = enrichment_of({"mine": mask}, groups, permutations=200, resamples=50, progress=False)
    chain, rings = table.rows(named=True)
    assert max(chain["q"], rings["q"]) <= 0.05
    assert rings["odds_high"] > rings["odds_ratio"] > rings["odds_low"] > 1 > chain["odds_ratio"]
    assert rings["massive"] > rings["expected"]
    assert chain["massive"] < chain["expected"]
    assert ANY not in table["site"]


def test_few_graphs_give_a_warning_and_no_intervals(molecules):
    groups = edge_groups(molecules[:4], ["bond_type"], progress=False)
    mask = torch.arange(groups.dataset.edge_index.size(1)) % 2 == 0
    with pytest.warns(EdgescopeWarning, match="4 graphs have edges, which is too few"):
        table = enrichment_of({"mine": mask}, groups, **FEW)
    assert table["low"].is_nan().all()


def test_marks_that_do_not_fit_are_refused(groups):
    with pytest.raises(InputError, match=r"received marks of shape \[3\]"):
        enrichment_of({"mine": torch.ones(3, dtype=torch.bool)}, groups)
    with pytest.raises(InputError, match="received 0 sites"):
        enrichment_of({}, groups)


def test_a_data_set_without_edges_has_an_empty_table():
    groups = edge_groups(dataset_of([(2, [])] * 9), progress=False)
    with pytest.warns(EdgescopeWarning, match="0 graphs have edges"):
        table = enrichment_of({"mine": torch.zeros(0, dtype=torch.bool)}, groups, **FEW)
    assert table.schema == pl.Schema(SCHEMA)
    assert table.height == 0
