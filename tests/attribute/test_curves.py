"""Curves over sparsity, against removing the edges of one graph at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgescope.attribute.curves import SHARES, Removal
from edgescope.attribute.fidelity import characterisation
from edgescope.lib.errors import InputError
from support.judging_cases import (
    SumOfTypes,
    bond_of_every_edge,
    datasets,
    graph_dataset,
    simple_dataset,
)

MODEL = SumOfTypes(1.0, 3.0, -2.0, bias=0.5)


def distinct(dataset, seed):
    """Return importances that are the same for both directions and different for all bonds."""
    names = sorted(set(bond_of_every_edge(dataset)))
    order = np.random.default_rng(seed).permutation(len(names))
    value = dict(zip(names, order.tolist(), strict=True))
    return torch.tensor([float(value[bond]) for bond in bond_of_every_edge(dataset)])


def predicted_without(dataset, graph, gone):
    """Return what MODEL predicts for a graph without some bonds, by adding up the rest."""
    numbers = MODEL.numbers.detach().flatten().tolist()
    edges = [
        numbers[kind]
        for bond, kind in zip(bond_of_every_edge(dataset), dataset.edge_attr.tolist(), strict=True)
        if bond[0] == graph and bond not in gone
    ]
    return sum(edges) + 0.5


@settings(max_examples=12, deadline=None)
@given(datasets(max_graphs=3), st.integers(0, 99))
def test_curves_equal_removing_bonds_of_one_graph_after_another(dataset, seed):
    importance = distinct(dataset, seed)
    shares = (0, 0.25, 0.6, 1)
    curves = Removal(MODEL, dataset, shares=shares, scale=2.0).curves(importance, progress=False)
    value = dict(zip(bond_of_every_edge(dataset), importance.tolist(), strict=True))
    for graph in range(len(dataset)):
        ranked = sorted((b for b in value if b[0] == graph), key=value.__getitem__, reverse=True)
        whole = predicted_without(dataset, graph, ())
        for row, share in enumerate(shares):
            removed = int(share * len(ranked) + 0.5)
            kept = int((1 - share) * len(ranked) + 0.5)
            for side, gone in (("plus", ranked[:removed]), ("minus", ranked[kept:])):
                found = curves.moved[side]["change"][row, graph]
                if not ranked:
                    assert np.isnan(found)
                    continue
                assert found == pytest.approx(
                    abs(whole - predicted_without(dataset, graph, gone)) / 2
                )


def test_both_sides_begin_with_the_whole_graph_and_end_without_edges():
    dataset = simple_dataset(12)
    curves = Removal(MODEL, dataset).curves(distinct(dataset, 0), progress=False)
    plus, minus = (curves.moved[side]["change"] for side in ("plus", "minus"))
    assert not plus[0].any()
    assert not minus[0].any()
    assert (plus[-1] == minus[-1]).all()


def test_the_area_is_the_mean_of_the_curve():
    dataset = simple_dataset(5)
    removal = Removal(MODEL, dataset, scale=1.0)
    curves = removal.curves(distinct(dataset, 0), progress=False)
    steps = curves.moved["plus"]["change"]
    by_hand = sum((steps[i] + steps[i + 1]) / 2 * 0.05 for i in range(len(SHARES) - 1))
    np.testing.assert_allclose(curves.area("plus"), by_hand)


def test_the_edges_that_a_model_sums_are_found_by_their_numbers():
    dataset = simple_dataset(30)
    removal = Removal(MODEL, dataset)
    known = MODEL.numbers.detach().flatten()[dataset.edge_attr].abs()
    good, bad = (removal.curves(each, progress=False) for each in (known, -known))
    assert good.area("plus").mean() > bad.area("plus").mean()


def test_the_sides_change_places_if_importances_are_turned_around():
    dataset = simple_dataset(10)
    removal = Removal(MODEL, dataset, shares=(0, 0.5, 1))
    importance = distinct(dataset, 0)
    count = np.bincount([bond[0] for bond in set(bond_of_every_edge(dataset))])
    even = count % 2 == 0  # else a half is not the same number of bonds from either side
    there, back = (removal.curves(each, progress=False) for each in (importance, -importance))
    np.testing.assert_array_equal(
        there.moved["plus"]["change"][:, even], back.moved["minus"]["change"][:, even]
    )


def test_the_score_of_the_top_is_that_of_the_means_at_that_share():
    dataset = simple_dataset(10, task="labels")
    curves = Removal(MODEL, dataset).curves(distinct(dataset, 0), progress=False)
    plus, minus = curves.at("plus", 0.2).mean(), curves.at("minus", 0.8).mean()
    assert curves.characterisation(0.2) == pytest.approx(characterisation(plus, minus))


def test_a_table_has_the_mean_of_every_measure_by_side_and_share():
    dataset = simple_dataset(6, task="labels")
    curves = Removal(MODEL, dataset).curves(distinct(dataset, 0), progress=False)
    table = curves.table()
    assert table.columns == ["side", "share", "change", "drop", "label", "unfaithful"]
    assert table["drop"].to_numpy()[: len(SHARES)] == pytest.approx(
        curves.moved["plus"]["drop"].mean(1)
    )


def test_equal_importances_are_removed_in_an_order_drawn_with_the_seed():
    dataset = simple_dataset(10)
    same = torch.zeros(len(dataset.edge_attr))
    areas = [
        Removal(MODEL, dataset, seed=seed).curves(same, progress=False).area("plus").mean()
        for seed in (0, 0, 1)
    ]
    assert areas[0] == areas[1] != areas[2]


class NeedsEdges(nn.Module):
    """Cannot take a batch without edges."""

    def forward(self, edge_index, edge_attr, batch):
        """Return ``[G, 1]``."""
        edge_attr.max()
        return MODEL(edge_index, edge_attr, batch)


def test_a_model_that_needs_edges_is_judged_up_to_another_share():
    dataset = simple_dataset(4)
    importance = distinct(dataset, 0)
    with pytest.raises(InputError, match=r"cannot predict graphs without edges .* end below 1"):
        Removal(NeedsEdges(), dataset).curves(importance, progress=False)
    curves = Removal(NeedsEdges(), dataset, shares=(0, 0.5)).curves(importance, progress=False)
    assert np.isfinite(curves.area("plus")).all()


def test_a_model_is_left_as_it_was():
    dataset = simple_dataset(4)
    model = SumOfTypes(1, 2, 3).train()
    Removal(model, dataset).curves(distinct(dataset, 0), progress=False)
    assert model.training
    assert model.numbers.grad is None


@pytest.mark.parametrize("shares", [(0.5,), (0, 0), (0, 1.2), (1, 0)])
def test_shares_that_do_not_ascend_from_0_to_1_are_refused(shares):
    with pytest.raises(InputError, match="two or more from 0 to 1, ascending"):
        Removal(MODEL, graph_dataset([(2, [(0, 1)], [0])]), shares=shares)
