"""Twins: those that are planted are found, and a GCN ties all of them."""

import polars as pl
import pytest

from edgescope.study.node_classes.class_task import class_task
from edgescope.study.node_classes.twin_shares import tutorial_shares, twin_shares


@pytest.fixture(scope="module")
def shares(root):
    return twin_shares(class_task("chameleon", root), seed=0, max_epochs=2)


def test_a_gcn_ties_every_pair_before_and_after_training(shares):
    gcn = shares.filter(model="GCN")
    assert set(gcn["state"]) == {"untrained", "trained"}
    assert (gcn["tied"] == gcn["pairs"]).all()


def test_all_planted_pairs_are_found(shares):
    # Seventeen pairs look at the same three nodes; the five that look at all of each other are
    # twins of each other where self-loops count, which are the only ones then.
    pairs = dict(shares.group_by("self_loops").agg(pl.col("pairs").max()).iter_rows())
    assert pairs[True] == 4
    assert pairs[False] >= 17


def test_what_is_tied_is_nearly_tied(shares):
    assert (shares["tied"] <= shares["near"]).all()
    assert (shares.filter(model="GATv2", place="layer 1")["tied"] == 0).all()


def test_fewer_layers_tie_the_tutorial_s_twins_with_more_heads():
    found = tutorial_shares(0)
    share = {
        (model, heads): share for model, heads, share in found["model", "heads", "share"].rows()
    }
    assert share["GCN", None] == 1
    assert share["GAT", 1] > share["GAT", 2] > share["GAT", 8] > share["GATv2", 8] == 0
