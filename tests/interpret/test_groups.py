"""Kinds by name, for molecules and for any graph."""

import numpy as np
import pytest
import torch

from edgescope.interpret import CHEMISTRY, GENERAL, edge_groups
from edgescope.lib.errors import InputError
from support.graph_sets import both_ways, dataset_of, random_multigraph


@pytest.fixture(scope="module")
def graphs():
    random = np.random.default_rng(0)
    return dataset_of([random_multigraph(random, size, 3 * size) for size in (1, 4, 9, 12)])


def test_graphs_without_smiles_get_the_general_kinds(graphs):
    assert list(edge_groups(graphs, progress=False).kinds) == list(GENERAL)


def test_molecules_get_all_kinds():
    import edgescope as es

    molecules = es.data.load("solubility", progress=False).test[:3]
    assert list(edge_groups(molecules, progress=False).kinds) == [*CHEMISTRY, *GENERAL]


def test_every_edge_is_in_one_group_or_in_none(graphs):
    for kind in edge_groups(graphs, progress=False):
        assert kind.member.shape == (graphs.edge_index.size(1), len(kind.names))
        assert (kind.member.sum(1) == kind.applicable).all()


def test_nothing_topological_can_be_told_of_a_self_loop(graphs):
    loop = graphs.edge_index[0] == graphs.edge_index[1]
    assert loop.any()
    for kind in edge_groups(graphs, progress=False):
        if kind.name != "bond_type":
            assert not kind.applicable[loop].any()


def test_the_two_directions_of_an_edge_go_opposite_ways():
    import networkx as nx

    kind = edge_groups(dataset_of([both_ways(nx.star_graph(3))]))["degree_direction"]
    assert [kind.names[code] for code in kind.codes[:2].tolist()] == [
        "to the lower degree",
        "to the higher degree",
    ]
    assert kind.null == "reversal"


def test_labels_of_the_user_come_after_the_kinds_asked_for(graphs):
    edges = graphs.edge_index.size(1)
    labels = {"mine": ["x"] * edges, "other": torch.zeros(edges, dtype=torch.long)}
    groups = edge_groups(graphs, ["bond_type"], labels=labels, progress=False)
    assert list(groups.kinds) == ["bond_type", "mine", "other"]
    assert groups["mine"].names == ("x",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": ["rings"]}, "unknown kind 'rings', expected some of aromaticity"),
        ({"bins": 1}, "bins=1, expected 2 or more"),
        ({"labels": {"ring": []}}, "which is a kind of its own"),
    ],
)
def test_what_cannot_be_asked_is_refused(graphs, options, message):
    with pytest.raises(InputError, match=message):
        edge_groups(graphs, **options)


def test_an_unknown_kind_is_answered_with_those_there_are(graphs):
    with pytest.raises(InputError, match="unknown kind 'ring', expected one of bond_type"):
        edge_groups(graphs, ["bond_type"])["ring"]
