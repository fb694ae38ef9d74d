"""Batches cut out of the flat tensors, compared with PyG's own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader

from edgescope.lib.errors import InputError

positions = st.lists(st.integers(0, 20), min_size=1, max_size=12)


def assert_same(ours, theirs):
    assert set(ours.keys()) == set(theirs.keys())
    for key in theirs.keys():  # noqa: SIM118  (a PyG batch iterates over pairs)
        if isinstance(theirs[key], torch.Tensor):
            assert ours[key].dtype == theirs[key].dtype, key
            assert torch.equal(ours[key], theirs[key]), key
        else:
            assert ours[key] == theirs[key], key


@given(chosen=positions)
def test_a_batch_equals_pygs_field_by_field(chosen, diverse):
    ours, theirs = diverse.batch(chosen), Batch.from_data_list([diverse[i] for i in chosen])
    assert type(ours) is type(theirs)
    assert ours.num_graphs == theirs.num_graphs == len(chosen)
    assert ours.graph.tolist() == chosen
    assert_same(ours, theirs)


@given(chosen=positions)
def test_molecules_can_be_taken_out_of_a_batch_again(chosen, diverse):
    for molecule, position in zip(diverse.batch(chosen).to_data_list(), chosen, strict=True):
        assert_same(molecule, diverse[position])


def test_reverse_edge_stays_within_its_molecule_in_a_batch(diverse):
    batch = diverse.batch([3, 1, 3, 7])
    assert torch.equal(batch.edge_index[:, batch.reverse_edge], batch.edge_index.flip(0))


def test_pygs_data_loader_gives_the_same_batches(diverse):
    theirs = list(DataLoader(diverse, batch_size=16))
    for start, batch in zip(range(0, len(diverse), 16), theirs, strict=True):
        assert_same(diverse.batch(slice(start, start + 16)), batch)


def test_a_batch_of_nothing_is_refused(diverse):
    with pytest.raises(InputError, match="expected at least one"):
        diverse.batch([])
