"""ogbn-proteins in OGB's raw layout, on a small folder that the tests write."""

import gzip

import numpy as np
import pytest
import torch

import edgescope as es
from edgescope.data import load, loader
from edgescope.data.splits import PARTS
from edgescope.lib.errors import InputError
from edgescope.models import GraphTransformer
from support.data_layouts import pack, proteins


@pytest.fixture
def folder(tmp_path):
    return proteins(tmp_path)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    return load("ogbn-proteins", proteins(tmp_path_factory.mktemp("proteins")))


@pytest.fixture(scope="module")
def model(splits):
    torch.manual_seed(0)
    sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 2, "readout": "node"}
    return GraphTransformer(**splits.train.model_sizes, **sizes).eval()


def read(path):
    return np.loadtxt(gzip.open(path), delimiter=",", ndmin=2)


def test_every_edge_of_the_file_is_followed_by_its_inverse_with_the_same_features(folder):
    train = load("ogbn-proteins", folder).train
    raw = folder / "ogbn_proteins" / "raw"
    pairs = torch.from_numpy(read(raw / "edge.csv.gz")).long().T
    assert torch.equal(train.edge_index[:, ::2], pairs)
    assert torch.equal(train.edge_index[:, 1::2], pairs.flip(0))
    features = torch.from_numpy(read(raw / "edge-feat.csv.gz")).float()
    assert torch.equal(train.edge_attr[::2], features)
    assert torch.equal(train.edge_attr[1::2], features)


def test_nodes_have_their_species_and_the_labels_of_their_part_only(folder):
    splits = load("ogbn-proteins", folder / "ogbn_proteins")
    raw = folder / "ogbn_proteins" / "raw"
    assert splits.train.vocabulary == (
        "Arabidopsis thaliana",
        "Saccharomyces cerevisiae",
        "Homo sapiens",
    )
    species = read(raw / "node_species.csv.gz")[:, 0]
    assert np.array_equal(np.array([3702, 4932, 9606])[splits.train.x], species)
    labels = torch.from_numpy(read(raw / "node-label.csv.gz")).float()
    for part in splits:
        assert torch.equal(part.y[part.mask], labels[part.mask])
        assert part.y[~part.mask].isnan().all()
    assert torch.equal(sum(part.mask.long() for part in splits), torch.ones(60).long())
    assert (splits.test.edge_type_names, splits.test.metric) == (("edge",), "roc_auc")


@pytest.mark.parametrize(
    ("file", "rows", "message"),
    [
        ("edge", [[0, 1]] * 299, "edge.csv.gz has 299 lines, expected one for each of 300 edges"),
        ("edge", [[0, 60]] * 300, "has edges between nodes 0 to 60, expected 0 to 59"),
        ("edge-feat", [[0.5] * 8] * 10, "edge-feat.csv.gz has 10 lines, expected one for each of"),
        (
            "edge-feat",
            [[0.5] * 7] * 300,
            "cannot read .*edge-feat.csv.gz .*expected 8 numbers per line",
        ),
        ("edge-feat", [[1.5] * 8] * 300, "features from 1.5 to 1.5, expected 0 to 1"),
        ("num-node-list", [61], "node_species.csv.gz has 60 lines, expected one for each of 61"),
        ("node-label", [[2] * 112] * 60, "has a label other than 0 and 1"),
        ("node_species", ["human"] * 60, "cannot read .*node_species"),
    ],
)
def test_wrong_counts_and_values_are_refused_in_one_line(folder, file, rows, message):
    pack(folder / "ogbn_proteins" / "raw" / f"{file}.csv.gz", rows)
    with pytest.raises(InputError, match=message) as error:
        load("ogbn-proteins", folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", ["edge", "edge-feat", "node-label"])
def test_a_truncated_file_is_refused(folder, file):
    path = folder / "ogbn_proteins" / "raw" / f"{file}.csv.gz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=f"{file}.csv.gz.*cut short"):
        load("ogbn-proteins", folder)


def test_a_node_in_two_parts_is_refused(folder):
    split = folder / "ogbn_proteins" / "split" / "species"
    both = [*read(split / "test.csv.gz")[:, 0], read(split / "train.csv.gz")[0, 0]]
    pack(split / "test.csv.gz", np.array(both, dtype=int))
    with pytest.raises(InputError, match="which is also in the train part; a split must not leak"):
        load("ogbn-proteins", folder)


def test_a_missing_file_is_named(folder):
    (folder / "ogbn_proteins" / "raw" / "edge-feat.csv.gz").unlink()
    with pytest.raises(InputError, match=r"found no raw/edge-feat\.csv\.gz; check root"):
        load("ogbn-proteins", folder)


def test_a_scan_of_sampled_parts_numbers_the_edges_of_the_whole(splits, model):
    found = es.scan(model, loader(splits.test, 8), keep_ratio=2, progress=False)
    assert found.info.edge_type_names == ("edge",)
    rows = next(iter(found.sites.values())).rows
    ends = splits.test.edge_index[:, rows["edge"].to_list()]
    assert rows.height
    assert ends.tolist() == [rows["source"].to_list(), rows["target"].to_list()]


def test_training_takes_sampled_parts_and_evaluation_takes_all_edges(splits, tmp_path):
    recipe = es.train.recipe(
        "demo", num_layers=1, hidden_dim=8, num_heads=2, readout="node", loss="masked_bce"
    )
    run = es.train.fit(recipe, splits, tmp_path, epochs=2, progress=False)
    assert 0 < run.metrics["test_roc_auc"] < 1
    model = run.model("trained")
    exact = es.train.evaluate_large(model, splits, progress=False)
    whole = splits.train
    with torch.no_grad():
        prediction = model(whole.x, whole.edge_index, whole.edge_attr)
    for name, part in zip(PARTS, splits, strict=True):
        expected = es.train.roc_auc(prediction[part.mask], part.y[part.mask])
        assert exact[name].mean == pytest.approx(expected.mean, abs=1e-3)


def test_exact_evaluation_is_for_one_large_graph(splits, model):
    molecules = load("solubility", progress=False)
    with pytest.raises(InputError, match="expected one large graph with labels of its nodes"):
        es.train.evaluate_large(model, molecules)
