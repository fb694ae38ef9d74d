"""Scores against truth equal scikit-learn's on every graph alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from edgescope.attribute.truth import against_truth
from edgescope.lib.errors import InputError
from support.judging_cases import bond_of_every_edge, datasets, graph_dataset, simple_dataset


def by_hand(dataset, importance):
    """Return AUROC and average precision of every graph, one graph and explanation at a time."""
    found = []
    bond_of = bond_of_every_edge(dataset)
    for graph in range(len(dataset)):
        edges = [edge for edge, bond in enumerate(bond_of) if bond[0] == graph]
        names = sorted({bond_of[edge] for edge in edges})
        sides = {name: [edge for edge in edges if bond_of[edge] == name] for name in names}
        score = [float(importance[sides[name]].double().mean()) for name in names]
        best = [np.nan, np.nan]
        for column in dataset.edge_truth.T:
            true = [bool((column[sides[name]] > 0).any()) for name in names]
            if column[edges].isnan().any() or len(set(true)) < 2:
                continue
            scores = roc_auc_score(true, score), average_precision_score(true, score)
            best = [np.fmax(*pair) for pair in zip(best, scores, strict=True)]
        found.append(best)
    return np.array(found).T


def with_truth(dataset, columns, seed, missing=0.3):
    """Give a data set truth at random, the same for both directions, missing in some graphs."""
    random = np.random.default_rng(seed)
    truth = torch.zeros(len(dataset.edge_attr), columns)
    for column in range(columns):
        true, told = {}, {}
        for edge, bond in enumerate(bond_of_every_edge(dataset)):
            known = told.setdefault(bond[0], random.random() >= missing)
            value = true.setdefault(bond, float(random.random() < 0.5))
            truth[edge, column] = value if known else torch.nan
    return replace(dataset, edge_truth=truth)


@given(datasets(), st.integers(1, 3), st.integers(0, 2**16))
def test_scores_equal_those_of_scikit_learn_with_ties_and_alternatives(dataset, columns, seed):
    dataset = with_truth(dataset, columns, seed)
    random = torch.Generator().manual_seed(seed)
    importance = torch.randint(0, 4, dataset.edge_attr.shape, generator=random).float()
    found = against_truth(importance, dataset)
    expected = by_hand(dataset, importance)
    np.testing.assert_allclose(found.auroc, expected[0], rtol=1e-12)
    np.testing.assert_allclose(found.average_precision, expected[1], rtol=1e-12)


def test_graphs_without_truth_and_with_one_kind_of_edge_are_left_out_and_counted():
    pair = (2, [(0, 1), (1, 0)], [0, 0])
    path = (3, [(0, 1), (1, 0), (1, 2), (2, 1)], [0] * 4)
    truth = torch.tensor([torch.nan, torch.nan, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]).unsqueeze(1)
    dataset = graph_dataset([pair, pair, path, path], truth=truth)
    found = against_truth(torch.arange(12).float(), dataset)
    assert (found.without_truth, found.one_sided) == (1, 2)
    assert found.auroc.tolist()[2] == 0.0
    assert np.isnan(found.auroc[[0, 1, 3]]).all()


def test_both_directions_may_count_each_with_its_own_importance():
    truth = torch.tensor([1.0, 1, 0, 0]).unsqueeze(1)
    path = (3, [(0, 1), (1, 0), (1, 2), (2, 1)], [0] * 4)
    dataset = graph_dataset([path], truth=truth)
    importance = torch.tensor([5.0, 0, 1, 1])
    assert against_truth(importance, dataset).auroc.tolist() == [1.0]
    assert against_truth(importance, dataset, level="edge").auroc.tolist() == [0.5]


def test_importances_at_random_come_to_one_half():
    dataset = with_truth(simple_dataset(400), 1, 0, missing=0)
    size, random = len(dataset.edge_attr), torch.Generator().manual_seed(0)
    areas = [against_truth(torch.rand(size, generator=random), dataset).mean() for _ in range(10)]
    assert np.mean([mean.value for mean in areas]) == pytest.approx(0.5, abs=0.015)


def test_a_data_set_without_truth_is_refused():
    with pytest.raises(InputError, match="does not say which edges matter"):
        against_truth(torch.zeros(2), graph_dataset([(2, [(0, 1), (1, 0)], [0, 0])]))
