"""ZINC where there are only SMILES, or only PyG's graphs, or no network."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.datasets import ZINC

import edgescope as es
from edgescope.data import ZINC_VOCABULARY, load
from edgescope.data.sources import penalised_logp, zinc
from edgescope.lib.errors import EdgescopeWarning, InputError

SMILES = ["CCO", "c1ccccc1C", "CC(=O)N", "C1CCCCCCC1", "CC#N", "OCCO", "CCCCl", "c1ccncc1"]
FILES = {"train": SMILES[:4], "valid": SMILES[4:6], "test": SMILES[6:]}


@pytest.fixture
def repositories(tmp_path, monkeypatch):
    """Stand-ins for the two repositories that SMILES and positions are downloaded from."""
    for name, smiles in FILES.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(smiles) + "\n")
    for name, index in {"train": "2,0", "val": "1", "test": "0"}.items():
        (tmp_path / f"{name}.index").write_text(index + "\n")
    monkeypatch.setattr(zinc, "SMILES_URL", f"file://{tmp_path}/{{}}.txt")
    monkeypatch.setattr(zinc, "INDEX_URL", f"file://{tmp_path}/{{}}.index")
    monkeypatch.setattr(zinc.Zinc, "card", replace(zinc.Zinc.card, parts=(4, 2, 2)))
    monkeypatch.setattr(zinc.Zinc12k, "card", replace(zinc.Zinc12k.card, parts=(2, 1, 1)))
    return tmp_path


def test_the_full_set_is_downloaded_once_with_targets_in_training_deviations(repositories):
    splits = load("zinc", progress=False, vocabulary=["C", "O", "N", "Cl", "N H1", "N H2"])
    assert [part.smiles for part in splits] == list(FILES.values())
    (repositories / "train.txt").unlink()
    again = load("zinc", progress=False, vocabulary=splits.train.vocabulary)
    assert torch.equal(again.test.y, splits.test.y)


def test_the_subset_is_the_full_set_at_the_positions_of_the_benchmark(repositories):
    keys = ["C", "O", "N", "Cl", "N H1", "N H2"]
    full = load("zinc", progress=False, vocabulary=keys)
    subset = load("zinc12k", progress=False, vocabulary=keys)
    assert [part.smiles for part in subset] == [["CC(=O)N", "CCO"], ["OCCO"], ["CCCCl"]]
    assert torch.equal(subset.train.y, full.train.y[[2, 0]])


def test_a_download_of_another_size_is_refused_and_not_kept(repositories, monkeypatch):
    monkeypatch.setattr(zinc.Zinc, "card", replace(zinc.Zinc.card, parts=(5, 2, 2)))
    for _ in range(2):
        with pytest.raises(InputError, match=r"train\.txt holds 4 molecules, expected 5; it is"):
            load("zinc", progress=False)


@pytest.mark.parametrize("name", ["zinc", "zinc12k"])
def test_without_a_network_the_folder_to_give_is_described(name, repositories):
    (repositories / "valid.txt").unlink()
    with pytest.raises(InputError, match="where there is no network, pass root, a folder") as error:
        load(name, progress=False)
    assert "\n" not in str(error.value)


@pytest.fixture
def pyg(tmp_path):
    """PyG's ZINC subset as it lies after processing: a ring of three atoms per part."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "subset" / "processed").mkdir(parents=True)
    for number, part in enumerate(("train", "val", "test")):
        for end in ("pickle", "index"):
            (tmp_path / "raw" / f"{part}.{end}").write_bytes(b"not read")
        edge_index = torch.tensor([[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]])
        graph = Data(
            x=torch.tensor([[0], [1], [27]]),
            edge_index=edge_index,
            edge_attr=torch.tensor([1, 2, 1, 3, 2, 3]),
            y=torch.tensor([float(number)]),
        )
        ZINC.save([graph, graph], tmp_path / "subset" / "processed" / f"{part}.pt")
    return tmp_path


def test_pygs_graphs_without_smiles_can_be_scanned_and_a_warning_says_what_not(pyg):
    with pytest.warns(EdgescopeWarning, match="has no SMILES: its molecules cannot be drawn"):
        splits = load("zinc12k", pyg)
    assert list(map(len, splits)) == [2, 2, 2]
    assert splits.test.y.tolist() == [[2.0], [2.0]]
    assert splits.test.vocabulary == ZINC_VOCABULARY
    assert splits.test[1].x.tolist() == [0, 1, 27]
    model = es.models.GraphTransformer(
        **splits.test.model_sizes, hidden_dim=8, num_heads=2, num_layers=1
    )
    found = es.scan(model, es.data.loader(splits.test), progress=False)
    assert found.info.edge_type_names == ("none", "single", "double", "triple")
    assert not found.smiles


def test_the_three_terms_are_those_of_the_published_column(shared):
    table = pl.read_csv(shared / "data" / "zinc12k" / "test.csv")
    terms = penalised_logp._terms(table["smiles"].to_list(), progress=False)
    design = np.column_stack([terms, np.ones(len(terms))])
    published = table["penalized_logp"].to_numpy()
    weights, *_ = np.linalg.lstsq(design, published)
    np.testing.assert_allclose(design @ weights, published, atol=2e-6)
    # The deviations over the 220,011 training molecules; those of any large sample are close.
    np.testing.assert_allclose(1 / weights[:3], [1.4334, -0.8347, -0.2891], atol=1e-3)


def test_targets_are_in_deviations_of_the_first_part():
    train, test = penalised_logp.penalised_logp([SMILES[:5], SMILES[5:]], progress=False)
    terms = penalised_logp._terms(SMILES, progress=False)
    scaled = (terms - terms[:5].mean(axis=0)) / terms[:5].std(axis=0)
    expected = scaled[:, 0] - scaled[:, 1] - scaled[:, 2]
    np.testing.assert_allclose(np.concatenate([train, test]), expected)
