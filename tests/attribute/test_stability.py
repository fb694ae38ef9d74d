"""Agreement of importances, against scipy on every graph alone."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from edgescope.attribute.stability import agreement, between_methods, rank_correlation, top_overlap
from support.judging_cases import bond_of_every_edge, datasets, graph_dataset, simple_dataset


def two(dataset, seed):
    """Return two importances that are the same for both directions, with ties."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(2):
        value = {bond: random.integers(4) for bond in bond_of_every_edge(dataset)}
        found.append(torch.tensor([float(value[bond]) for bond in bond_of_every_edge(dataset)]))
    return found


def at_random(dataset, seed):
    return torch.rand(len(dataset.edge_attr), generator=torch.Generator().manual_seed(seed))


@given(datasets(), st.integers(0, 2**16))
def test_rank_correlation_is_spearmans_of_scipy(dataset, seed):
    first, second = two(dataset, seed)
    found = rank_correlation(first, second, dataset)
    for graph, rho in enumerate(found.tolist()):
        bonds = {}
        for edge, bond in enumerate(bond_of_every_edge(dataset)):
            if bond[0] == graph:
                bonds[bond] = float(first[edge]), float(second[edge])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a constant
            pairs = np.array(list(bonds.values())).reshape(-1, 2)
            expected = spearmanr(*pairs.T).statistic if len(pairs) > 1 else np.nan
        assert rho == pytest.approx(expected, nan_ok=True)


@given(datasets(), st.integers(0, 99))
def test_importances_have_all_of_their_top_in_common_with_themselves(dataset, seed):
    first, _ = two(dataset, seed)
    overlap = top_overlap(first, first, dataset)
    assert np.isin(overlap[~np.isnan(overlap)], [1.0]).all()


def test_the_top_is_what_sorting_every_graph_gives():
    path = (4, [(0, 1), (1, 2), (2, 3), (3, 0)], [0] * 4)
    dataset = graph_dataset([path, (1, [], [])])
    first, second = torch.tensor([4.0, 3, 2, 1]), torch.tensor([4.0, 1, 3, 2])
    assert top_overlap(first, second, dataset, top=0.5).tolist()[0] == 0.5
    assert np.isnan(top_overlap(first, second, dataset, top=0.5)[1])


def test_by_chance_the_overlap_is_the_share_of_bonds_that_is_compared():
    dataset = simple_dataset(300)
    found = top_overlap(at_random(dataset, 1), at_random(dataset, 2), dataset, top=0.5)
    count = np.bincount([graph for graph, *_ in set(bond_of_every_edge(dataset))])
    assert found.mean() == pytest.approx(np.mean(np.ceil(count / 2) / count), abs=0.04)


def test_agreement_of_several_is_the_mean_over_pairs():
    dataset = simple_dataset(10)
    three = [at_random(dataset, seed) for seed in range(3)]
    pairs = [(three[0], three[1]), (three[0], three[2]), (three[1], three[2])]
    expected = np.mean([rank_correlation(*pair, dataset) for pair in pairs], axis=0)
    np.testing.assert_allclose(agreement(three, dataset).correlation, expected)


def test_a_single_training_has_no_agreement():
    dataset = simple_dataset(3)
    found = agreement([torch.rand(len(dataset.edge_attr))], dataset)
    assert np.isnan(found.correlation).all()
    assert np.isnan(found.overlap).all()


def test_methods_that_rank_backwards_disagree_fully():
    dataset = simple_dataset(20)
    one = torch.arange(len(dataset.edge_attr)).float()
    table = between_methods({"one": one, "back": -one, "same": torch.zeros_like(one)}, dataset)
    assert table["method"].to_list() == ["one", "back", "same"]
    assert table["one"].to_list()[:2] == pytest.approx([1, -1])
    assert table["same"].to_list() == [None, None, None]
