"""A run's own data: loaded again as they were, or refused with what is different."""

import copy
import json
from dataclasses import replace

import polars as pl
import pytest
import torch

import edgescope as es
from edgescope.data.fingerprint import fingerprint
from edgescope.data.splits import cut
from edgescope.lib.errors import InputError
from edgescope.lib.tensors import write_tensors
from edgescope.train import RunFolder, own_data, recipe, run_graphs
from edgescope.train.preflight import describe, open_run
from edgescope.train.run_graphs import GRAPHS, joint_fingerprint
from support.data_layouts import wikipedia


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGESCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def frame():
    """Forty different molecules; the first 32 are to train on."""
    size = list(range(1, 41))
    return pl.DataFrame(
        {
            "smiles": [f"{'C' * n}{'=O' if n % 2 else 'N'}" for n in size],
            "y": [n / 2 for n in size],
            "part": ["train"] * 32 + ["val"] * 4 + ["test"] * 4,
        }
    )


@pytest.fixture
def begun(frame, tmp_path):
    """Make a run of a table, given as load's arguments, and say where the table is."""

    def make(**options):
        path = tmp_path / "molecules.csv"
        frame.write_csv(path)
        spec = {"source": str(path), "target_columns": ["y"], **options}
        splits = es.data.load(**spec, progress=False)
        return open_run(tmp_path / "run", describe(recipe("demo"), splits, spec), splits), path

    return make


def test_an_unchanged_table_gives_the_graphs_of_the_training(begun):
    run, _ = begun(split="part")
    again = RunFolder(run.path).splits()
    assert list(map(len, again)) == [32, 4, 4]
    assert again.train.vocabulary == run.vocabulary


@pytest.mark.parametrize(
    "harmless",
    [
        lambda f: f.with_columns(name=pl.lit("an identifier")),
        lambda f: f.select("part", "y", "smiles"),
        lambda f: f.with_columns(z=pl.lit(0.5)),
    ],
)
def test_what_is_not_trained_on_may_change(begun, frame, harmless):
    run, path = begun(split="part")
    harmless(frame).write_csv(path)
    assert list(map(len, run.splits())) == [32, 4, 4]


def other_smiles(row, smiles):
    return pl.when(pl.int_range(pl.len()) == row).then(pl.lit(smiles)).otherwise("smiles")


CHANGES = {
    "a row less": (
        lambda f: f[1:],
        ["32/4/4 graphs (train/val/test) then, 31/4/4 now", "1 of the 40 graphs"],
    ),
    "a row more": (lambda f: pl.concat([f, f[-1:]]), ["32/4/5 now", "1 are new"]),
    "another molecule": (
        lambda f: f.with_columns(smiles=other_smiles(3, "CCCCCCO")),
        ["1 of the 40 graphs of the training are gone or changed, 1 are new"],
    ),
    "other targets": (
        lambda f: f.with_columns(y=pl.when(pl.col("y") > 19).then(0).otherwise("y")),
        ["the targets of 2 graphs differ"],
    ),
    "another order": (
        lambda f: pl.concat([f[:32].reverse(), f[32:]]),
        ["the same graphs in another order"],
    ),
    "other parts": (
        lambda f: f.with_columns(part=pl.col("part").reverse()),
        ["16 graphs are in another part, and 4 that were trained on are in test"],
    ),
    "an unknown atom": (
        lambda f: f.with_columns(smiles=other_smiles(3, "CC[Si]")),
        ["31/4/4 now", "1 of the 40 graphs of the training are gone or changed, 0 are new"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_table_is_refused_with_what_changed_and_what_to_do(begun, frame, name):
    run, path = begun(split="part")
    change, told = CHANGES[name]
    change(frame).write_csv(path)
    with pytest.raises(InputError) as caught:
        run.splits()
    message = str(caught.value)
    assert "\n" not in message
    assert f"{path} does not give the graphs that {run.path} was trained on" in message
    assert message.endswith(f"or look at them as they are now, all of them, with --data {path}")
    for words in told:
        assert words in message


def test_a_sorted_table_would_put_molecules_that_were_trained_on_into_test(begun, frame):
    """The parts are drawn by the number of a row, so that other rows land in them."""
    run, path = begun()
    frame.sort("y", descending=True).write_csv(path)
    with pytest.raises(InputError, match=r"graphs are in another part, and \d+ that were trained"):
        run.splits()


def test_a_changed_column_or_part_is_refused_by_name(begun, frame):
    run, path = begun(split="part")
    frame.rename({"y": "z"}).write_csv(path)
    with pytest.raises(InputError, match="has no column 'y'"):
        run.splits()
    path.unlink()
    with pytest.raises(InputError, match=r"molecules\.csv"):
        run.splits()


def test_a_moved_table_is_found_in_its_new_folder(begun, frame, tmp_path):
    run, path = begun(split="part")
    (tmp_path / "moved").mkdir()
    path.rename(tmp_path / "moved" / path.name)
    assert len(run.splits(tmp_path / "moved").train) == 32
    frame[1:].write_csv(tmp_path / "moved" / path.name)
    with pytest.raises(InputError, match="31/4/4 now"):
        run.splits(tmp_path / "moved")


@pytest.mark.parametrize("how", ["random_edges", "shuffle_types", "virtual_node"])
def test_rewired_graphs_are_rewired_again_or_refused(begun, how):
    run, _ = begun(split="part", rewire={"how": how, "seed": 1})
    assert run.splits().train.edge_type_names == run.edge_type_names
    if how == "virtual_node":
        return
    config = copy.deepcopy(run.config)
    config["data"]["rewire"]["seed"] = 2
    with pytest.raises(InputError, match="of the 40 graphs of the training are gone or changed"):
        RunFolder.create(run.path, config).splits()


def test_another_version_of_what_reads_molecules_is_named(begun, monkeypatch):
    run, _ = begun(split="part")
    prints = run.config["splits"]["fingerprints"]
    for module in (own_data, run_graphs):
        monkeypatch.setattr(module, "fingerprints", lambda _: {**prints, "val": {}})
    here = run_graphs.versions()
    then = {"RDKit": ("rdkit", "2025.03.1"), "featuriser": ("featuriser", 1)}
    run.config["versions"] |= dict(then.values())
    with pytest.raises(InputError) as caught:
        run.splits()
    for called, (name, version) in then.items():
        assert f"trained with {called} {version}, here {here[name]}" in str(caught.value)
    del run.config["versions"]["featuriser"]  # as of a run of an earlier version
    with pytest.raises(InputError, match="which featuriser was used in training is not"):
        run.splits()


def test_a_run_of_an_earlier_version_is_compared_by_its_one_fingerprint(begun, frame):
    run, path = begun(split="part")
    config = {**run.config, "splits": dict(run.config["splits"])}
    config["splits"]["fingerprint"] = joint_fingerprint(run.splits())
    del config["splits"]["fingerprints"], config["versions"]
    (run.path / GRAPHS).unlink()
    earlier = RunFolder.create(run.path, config)
    splits = earlier.splits()
    open_run(run.path, describe(recipe("demo"), splits, earlier.data), splits)  # it goes on
    (run.path / GRAPHS).unlink()
    frame.with_columns(smiles=other_smiles(3, "CCCCCCO")).write_csv(path)
    with pytest.raises(InputError, match="graphs, targets or their order differ; which"):
        RunFolder(run.path).splits()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"damaged"),
        lambda path: path.unlink(),
        lambda path: write_tensors(path, {"train.graphs": torch.zeros(32)}, {}),
        lambda path: write_tensors(path, {"val.targets": torch.zeros(2, 2)}, {}),
    ],
)
def test_without_the_digests_of_graphs_the_parts_are_named(begun, frame, damage):
    run, path = begun(split="part")
    damage(run.path / GRAPHS)
    frame.with_columns(smiles=other_smiles(34, "CCCCCCO")).write_csv(path)
    with pytest.raises(InputError, match="the graphs of val differ"):
        run.splits()


def test_a_training_does_not_go_on_with_other_data(begun, frame):
    run, path = begun(split="part")
    frame.with_columns(y=0 - pl.col("y")).write_csv(path)
    splits = es.data.load(**run.data, progress=False)
    with pytest.raises(InputError, match=r"What differs: the targets of 40 graphs differ"):
        open_run(run.path, describe(recipe("demo"), splits, run.data), splits)


def test_the_table_and_the_versions_are_recorded(begun):
    run, path = begun(split="part")
    assert run.config["table"]["bytes"] == path.stat().st_size
    assert len(run.config["table"]["sha256"]) == 64
    versions = run.config["versions"]
    assert {"edgescope", "featuriser", "rdkit", "polars", "python", "torch"} <= set(versions)
    json.dumps(versions)


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    from edgescope.train import run_graphs as versions

    monkeypatch.setattr(versions, "_PACKAGES", ("torch", "not-a-package"))
    assert versions.versions()["not-a-package"] is None


def test_a_run_that_does_not_say_where_its_data_are_is_refused(splits, tmp_path):
    run = open_run(tmp_path, describe(recipe("demo"), splits))
    with pytest.raises(InputError, match="does not say where its data came from; give it with"):
        run.splits()


@pytest.mark.parametrize(
    ("data", "told"),
    [({"source": "solubility", "colour": 1}, "unknown key 'colour'"), ({"seed": 1}, "no source")],
)
def test_a_description_of_data_that_means_nothing_is_refused(splits, tmp_path, data, told):
    run = open_run(tmp_path, describe(recipe("demo"), splits, data), splits)
    with pytest.raises(InputError, match=told):
        run.splits()


def test_a_description_of_data_may_hold_a_vocabulary(begun):
    run, _ = begun(split="part", vocabulary=["C", "N", "O", "S"])
    assert run.splits().train.vocabulary == ("C", "N", "O", "S")


def test_the_built_in_data_have_no_folder(tmp_path):
    splits = es.data.load("solubility", progress=False)
    run = open_run(tmp_path, describe(recipe("demo"), splits, {"source": "solubility"}), splits)
    assert len(run.splits().test) == len(splits.test)
    with pytest.raises(InputError, match="solubility, which comes with an installed package"):
        run.splits(tmp_path)


def test_one_large_graph_is_compared_as_a_whole(tmp_path):
    wikipedia(tmp_path / "chameleon_directed.npz")
    spec = {"source": "chameleon", "root": str(tmp_path), "split": 0}
    splits = es.data.load(**spec, progress=False)
    config = describe(recipe("demo"), splits, spec)
    run = open_run(tmp_path / "run", config, splits)
    assert len(run.splits().train) == 1
    assert not (run.path / GRAPHS).exists()
    other = RunFolder.create(run.path, {**config, "data": {**spec, "split": 1}})
    with pytest.raises(InputError, match="the targets of train differ"):
        other.splits()


def test_a_cut_study_cell_is_cut_again(begun):
    run, _ = begun(split="part")
    spec = {**run.data, "subset": 3}
    splits = cut(run.splits(), 3)
    cell = open_run(run.path.parent / "cell", describe(recipe("demo"), splits, spec), splits)
    assert list(map(len, cell.splits())) == [3, 3, 3]


# Other data, read as the run reads its own.


def test_other_molecules_are_read_like_the_run_s_own(begun, tmp_path):
    run, _ = begun(split="part", kekulize=False)
    other = tmp_path / "other.csv"
    other.write_text("smiles\nCCO\nCC[SiH3]\nCCN\n")
    splits = run.read(other, split=(0, 0, 1))
    assert splits.test.smiles == ["CCO", "CCN"]
    assert splits.test.vocabulary == run.vocabulary
    assert splits.test.edge_type_names == run.edge_type_names
    assert "aromatic" in run.edge_type_names
    assert splits.rejected["row"].to_list() == [3]


def test_several_features_are_read_for_a_model_of_several_features(begun, tmp_path):
    run, path = begun(split="part", features="ogb")
    splits = run.read(path, split=(0, 0, 1))
    assert splits.test.x.shape[1] == 9
    assert len(splits.test) == 40


@pytest.mark.parametrize("features", ["types", "ogb"])
def test_rewired_runs_are_given_rewired_molecules(begun, features):
    run, path = begun(split="part", rewire={"how": "virtual_node"}, features=features)
    assert run.read(path, split=(0, 0, 1)).test.edge_type_names == run.edge_type_names


def test_data_with_types_of_another_meaning_are_refused(begun, tmp_path):
    run, _ = begun(split="part")
    run.config["edge_types"] = ["none", "near", "far"]
    with pytest.raises(InputError, match=r"has the edge types none, single, .* knows none, near"):
        run.read("solubility")


def test_a_scan_says_of_which_graphs_it_is(begun):
    run, _ = begun(split="part")
    splits = run.splits()
    model = es.models.GAT(**splits.test.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)

    def scan(dataset):
        return es.scan(model, es.data.loader(dataset), baseline=model, progress=False)

    own = scan(splits.test)
    assert run.said_of_scan(own.info) is None
    assert own.baseline.info.data_fingerprint == own.info.data_fingerprint != ""
    fewer = scan(splits.test[[3, 2]])
    assert run.said_of_scan(fewer.info) == "2 graphs, not the 4 of molecules/test in training"
    stale = scan(splits.test[[3, 2, 1, 0]])
    with pytest.raises(InputError, match="of molecules/test with other graphs than the run was"):
        run.said_of_scan(stale.info)
    other = scan(splits.test[[3, 2, 1, 0]].renamed("given"))
    assert run.said_of_scan(other.info) == "given, which is no part of the run's own data"
    for use in (
        lambda: es.interpret.interpret(stale, splits.test, by=["bond_type"], progress=False),
        lambda: es.ablate(model, es.data.loader(splits.test), where=stale, progress=False),
    ):
        with pytest.raises(InputError, match="are not those of"):
            use()
    with pytest.raises(InputError, match=r"different graphs .* with same_graphs=True"):
        es.merge_scans([own, stale], same_graphs=True)
    plain = es.scan(model, list(es.data.loader(splits.test)), progress=False)
    assert plain.info.data_fingerprint == ""  # a list of batches does not say


def test_targets_do_not_matter_to_what_a_scan_is_of(begun):
    run, _ = begun(split="part")
    test = run.splits().test
    without = replace(test, y=torch.zeros(len(test), 0), target_names=())
    assert fingerprint(without).graphs == fingerprint(test).graphs
