"""Removed edges of either kind: as many of both, and a model whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from edgescope.attribute.bonds import bonds
from edgescope.study.measures.edge_removal import drawn_bonds, importance

NODE = {"how": "virtual_node"}


class Counts(nn.Module):
    """Predicts how many edges of some types a graph has."""

    def __init__(self, types):
        super().__init__()
        self.types = types

    def forward(self, x, edge_index, edge_attr, batch):  # noqa: ARG002  (by name)
        hit = torch.isin(edge_attr, torch.tensor(self.types))
        graphs = int(batch.max()) + 1
        return batch[edge_index[0]].bincount(hit.double(), graphs).unsqueeze(1)


def measured(cell_on, names):
    of = cell_on(None, NODE)
    types = [of.part.edge_type_names.index(name) for name in names]
    return importance(replace(of, model=Counts(types).eval()))["importance"]


@pytest.mark.parametrize(
    ("names", "added", "own"),
    [(["virtual"], 1, 0), (["single", "double", "triple"], 0, 1), ([], 0, 0)],
)
def test_a_model_that_counts_edges_loses_two_directions_of_every_one(cell_on, names, added, own):
    table = measured(cell_on, names)
    for row in table.filter(table["group"].is_in(["added", "own"])).iter_rows(named=True):
        lost = 2 * row["edges_removed_per_graph"] * (added if row["group"] == "added" else own)
        assert row["change"] == pytest.approx(lost)
        assert row["low"] <= row["change"] + 1e-12
        assert row["change"] <= row["high"] + 1e-12


def test_both_kinds_lose_as_many_in_the_same_graphs(cell_on):
    table = measured(cell_on, ["single"])
    for amount in ("one", "half"):
        rows = table.filter(table["group"].is_in(["added", "own"]), amount=amount)
        assert rows["edges_removed_per_graph"].n_unique() == rows["graphs"].n_unique() == 1
        assert rows.height == 2
    assert set(table["group"]) == {"added", "own", "single", "double", "triple", "virtual"}


def test_draws_take_what_is_asked_from_the_group_alone(cell_on):
    held = bonds(cell_on(None, NODE).part)
    random = np.random.default_rng(0)
    group = random.random(len(held.graph)) < 0.5
    sizes = np.bincount(held.graph[group], minlength=held.graphs)
    count = np.minimum(sizes, random.integers(0, 4, held.graphs))
    chosen = drawn_bonds(held, group, count, random)
    assert not (chosen & ~group).any()
    assert np.bincount(held.graph[chosen], minlength=held.graphs).tolist() == count.tolist()


def test_data_that_are_not_rewired_have_no_table(cell_on):
    assert importance(cell_on()) == {}
