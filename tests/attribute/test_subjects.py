"""Runs are grouped by what they were trained on and by which recipe."""

import numpy as np
import pytest
import torch

import edgescope as es
from edgescope.attribute import subjects_of
from edgescope.lib.errors import InputError
from edgescope.train import RunFolder, recipe
from edgescope.train.preflight import describe, open_run


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "chains.csv"
    rows = [f"{'C' * size}O,{size}" for size in range(1, 41)]
    path.write_text("\n".join(["smiles,value", *rows]) + "\n")
    return path


@pytest.fixture
def run(table, tmp_path_factory, monkeypatch):
    """Make what ``subjects_of`` needs of a run folder."""
    monkeypatch.setattr(RunFolder, "model", lambda _: torch.nn.Linear(1, 1))
    data = {"source": str(table)}
    splits = es.data.load(**data, progress=False)

    def make(seed=0, data=data, **changes):
        folder = tmp_path_factory.mktemp("run")
        return open_run(folder, describe(recipe("demo", seed=seed, **changes), splits, data))

    return make


def test_runs_that_differ_in_their_seed_alone_are_trainings_of_one(run):
    found = subjects_of([run(1), run(2, num_layers=3), run(3)])
    assert [subject.seeds for subject in found] == [(1, 3), (2,)]
    assert [len(subject.models) for subject in found] == [2, 1]


def test_recipes_of_one_name_are_told_apart_in_tables(run):
    found = subjects_of([run(1), run(2, num_layers=3)])
    assert [subject.recipe for subject in found] == ["demo", "demo (2)"]
    assert found[0].data == "chains/test"


def test_graphs_are_drawn_by_the_seed_and_their_positions_kept(run):
    whole = subjects_of([run()], part="train")[0].dataset
    some, again, other = (
        subjects_of([run()], part="train", graphs=5, seed=seed)[0] for seed in (0, 0, 1)
    )
    assert some.positions.tolist() == again.positions.tolist() != other.positions.tolist()
    assert some.dataset.smiles == [whole.smiles[i] for i in some.positions]


def test_all_graphs_are_taken_where_more_are_asked_for(run):
    found = subjects_of([run()], graphs=1000)[0]
    assert np.array_equal(found.positions, np.arange(len(found.dataset)))


def test_equal_seeds_are_refused(run):
    with pytest.raises(InputError, match="have the seeds 1, 1, expected a different seed for each"):
        subjects_of([run(1), run(1)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "tset"}, "received the split 'tset', expected one of train, val, test"),
        ({"graphs": 0}, "received graphs=0, expected 1 or more"),
    ],
)
def test_parts_that_are_not_there_are_refused(run, options, message):
    with pytest.raises(InputError, match=message):
        subjects_of([run()], **options)


def test_no_run_and_a_run_without_data_are_refused(run):
    with pytest.raises(InputError, match="received no run to explain"):
        subjects_of([])
    lost = run(data=None)
    with pytest.raises(InputError, match="does not say where its data came from"):
        subjects_of([lost])
