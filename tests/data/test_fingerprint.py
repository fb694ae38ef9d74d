"""Fingerprints notice what a model is given, and nothing else."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import edgescope as es
from edgescope.data.fingerprint import Hasher, digests_of_graphs, fingerprint
from support.data_layouts import proteins


def with_values(dataset, field, change):
    """Return the data set with one of its tensors changed in place."""
    tensor = getattr(dataset, field).clone()
    change(tensor)
    return replace(dataset, **{field: tensor})


def bump(tensor):
    tensor.view(-1)[-1] += 1


def swapped(names):
    return (names[1], names[0], *names[2:])


GRAPHS = {
    "another order": lambda d: d[[*range(1, len(d)), 0]],
    "a graph less": lambda d: d[1:],
    "an atom of another type": lambda d: with_values(d, "x", bump),
    "a bond of another type": lambda d: with_values(d, "edge_attr", bump),
    "a bond elsewhere": lambda d: with_values(d, "edge_index", bump),
    "an atom in the next graph": lambda d: with_values(d, "node_ptr", lambda p: p[1].sub_(1)),
    "numbers of another type": lambda d: replace(d, x=d.x.int()),
    "numbers of another shape": lambda d: replace(d, edge_attr=d.edge_attr[:, None]),
    "another order of atom types": lambda d: replace(d, vocabulary=swapped(d.vocabulary)),
    "another order of edge types": lambda d: replace(d, edge_type_names=swapped(d.edge_type_names)),
    "random edges": lambda d: es.data.rewire(d, "random_edges", share=0.1, progress=False),
    "shuffled types": lambda d: es.data.rewire(d, "shuffle_types"),
    "a virtual node": lambda d: es.data.rewire(d, "virtual_node"),
}
TARGETS = {
    "another target": lambda d: with_values(d, "y", bump),
    "a missing target": lambda d: with_values(d, "y", lambda y: y[0].fill_(torch.nan)),
    "targets in another order": lambda d: replace(d, y=d.y.flip(0)),
    "another name": lambda d: replace(d, target_names=("other",)),
    "another shape": lambda d: replace(d, y=d.y.T),
    "another type": lambda d: replace(d, y=d.y.double()),
    "true edges": lambda d: replace(d, edge_truth=torch.zeros(len(d.edge_attr), 1)),
}
NEITHER = {
    "another path": lambda d: d.renamed("elsewhere/test"),
    "other rows of a table": lambda d: replace(d, row=d.row + 7),
    "another way of saying how it was split": lambda d: replace(d, split="by hand"),
    "another way of writing the molecules": lambda d: replace(d, smiles=["?"] * len(d)),
    "other rejected rows": lambda d: replace(d, rejected=d.rejected.clear()),
    "zero with a sign": lambda d: with_values(d, "y", lambda y: y[0].mul_(-1.0)),  # it is 0
    "the same again": lambda d: d[:],
}


@pytest.mark.parametrize("name", GRAPHS)
def test_other_graphs_have_another_fingerprint(diverse, name):
    changed = GRAPHS[name](diverse)
    assert fingerprint(changed).graphs != fingerprint(diverse).graphs


@pytest.mark.parametrize("name", TARGETS)
def test_other_targets_have_another_fingerprint_of_the_same_graphs(diverse, name):
    changed = TARGETS[name](diverse)
    before, after = fingerprint(diverse), fingerprint(changed)
    assert (before.graphs == after.graphs, before.targets == after.targets) == (True, False)


@pytest.mark.parametrize("name", NEITHER)
def test_what_no_model_sees_changes_nothing(diverse, name):
    assert fingerprint(NEITHER[name](diverse)) == fingerprint(diverse)


def test_the_digest_of_a_graph_does_not_depend_on_the_others(diverse):
    whole, targets = digests_of_graphs(diverse)
    contents = {
        tuple(tuple(g[name].flatten().tolist()) for name in ("x", "edge_index", "edge_attr"))
        for g in diverse
    }
    assert len(set(whole.tolist())) == len(contents)
    order = torch.randperm(len(diverse), generator=torch.Generator().manual_seed(0))
    again, moved = digests_of_graphs(diverse[order])
    assert np.array_equal(again, whole[order.numpy()])
    assert np.array_equal(moved, targets[order.numpy()])


@given(st.data())
def test_any_one_number_of_a_graph_changes_its_digest_and_no_other(diverse, data):
    field = data.draw(st.sampled_from(["x", "edge_attr", "edge_index", "y"]))
    size = getattr(diverse, field).numel()
    place = data.draw(st.integers(0, size - 1))
    changed = with_values(diverse, field, lambda t: t.view(-1)[place].add_(1))
    before, after = digests_of_graphs(diverse), digests_of_graphs(changed)
    others = sum(int((one != other).sum()) for one, other in zip(before, after, strict=True))
    assert others == 1


def test_a_large_graph_has_fingerprints_that_share_all_but_the_targets(tmp_path):
    splits = es.data.load("ogbn-proteins", proteins(tmp_path), progress=False)
    of = Hasher()
    prints = [of(part) for part in splits]
    assert len({each.graphs for each in prints}) == 1
    assert len({each.targets for each in prints}) == 3
    assert prints == [fingerprint(part) for part in splits]


def test_columns_that_are_not_used_change_nothing(tmp_path):
    frame = pl.DataFrame({"smiles": ["CC", "CCO", "CCN"], "y": [1.0, 2.0, 3.0]})
    frame.write_csv(tmp_path / "plain.csv")
    more = frame.with_columns(name=pl.lit("a"), z=pl.Series([9, 8, 7]))
    more.select("z", "y", "name", "smiles").write_parquet(tmp_path / "other.parquet")
    prints = [
        fingerprint(es.data.load(path, target_columns="y", split=(0, 0, 1), progress=False).test)
        for path in (tmp_path / "plain.csv", tmp_path / "other.parquet")
    ]
    assert prints[0] == prints[1]
