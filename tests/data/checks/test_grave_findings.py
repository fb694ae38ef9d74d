"""What training says of a table before it begins, and what it does not say."""

import warnings
from dataclasses import replace

import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from edgescope.data import Splits, check_table, load
from edgescope.data.checks.grave_findings import grave_sentences, same_molecules, warn_of_grave
from edgescope.lib.errors import EdgescopeWarning
from edgescope.train import fit, recipe
from support.planted_tables import Planted, written_anew


def divided(table, **options):
    return load(
        table.frame(), target_columns="y", split="part", cache=False, progress=False, **options
    )


@settings(max_examples=15)
@given(st.integers(0, 2**20), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2))
def test_the_same_molecules_are_found_from_their_graphs(seed, conflicts, leaks, repeats):
    table = Planted(seed)
    for kind, count in (("conflict", conflicts), ("leak", leaks), ("repeat", repeats)):
        for _ in range(count):
            getattr(table, kind)()
    parts = list(divided(table))
    rows = torch.cat([part.row for part in parts])
    found = {frozenset(rows[group].tolist()) for group in same_molecules(parts)}
    planted = [pair for pairs in table.planted.values() for pair in pairs]
    assert found == {frozenset(table.number[id(row)] for row in pair) for pair in planted}
    sentences = grave_sentences(Splits(*parts))
    assert len(sentences) == bool(conflicts) + bool(leaks)
    assert not conflicts or f"{conflicts} molecule" in sentences[-1]
    assert not leaks or f"{leaks} molecule" in sentences[0]


def test_real_molecules_are_grouped_as_their_canonical_smiles(diverse_smiles):
    """Look-alikes, whose digests may be equal, are told apart."""
    more = [written_anew(text, 3) for text in diverse_smiles]
    twins = ["C1CCC2CCCCC2C1", "C1CCC(C1)C1CCCC1", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"]
    molecules = load(
        pl.DataFrame({"smiles": [*diverse_smiles, *more, *twins]}),
        split=(0, 0, 1),
        cache=False,
        progress=False,
    ).test
    groups = {}
    for place, text in enumerate(molecules.smiles):
        groups.setdefault(Chem.MolToSmiles(Chem.MolFromSmiles(text)), set()).add(place)
    wanted = sorted(sorted(each) for each in groups.values() if len(each) > 1)
    assert sorted(sorted(each) for each in same_molecules([molecules])) == wanted


def test_training_warns_once_for_every_grave_kind_and_not_when_it_is_done(tmp_path):
    table = Planted(1)
    table.leak()
    table.conflict()
    splits = divided(table)
    small = recipe("demo", num_layers=1, hidden_dim=8, num_heads=1, max_epochs=1)
    with pytest.warns(EdgescopeWarning) as caught:
        fit(small, splits, tmp_path, progress=False)
    said = [str(each.message) for each in caught if each.category is EdgescopeWarning]
    assert len(said) == 2
    assert said[0].startswith(
        "table: 1 molecule is in two parts (split: column part), so scores are too good; "
        "`edgescope data check TABLE`"
    )
    assert "1 molecule occurs more than once with conflicting labels" in said[1]
    assert caught[0].filename == __file__
    fit(small, splits, tmp_path, progress=False)  # finished: nothing is trained, nothing said


def test_published_sets_and_clean_tables_are_trained_in_silence():
    published = load("solubility", progress=False)
    assert grave_sentences(published)  # its card knows of the molecules in two parts
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_grave(published)
        warn_of_grave(divided(Planted(2)))


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (lambda y: torch.full_like(y, 3), "constant target", "same value everywhere: y"),
        (torch.zeros_like, "one class", "one class only: y"),
        (lambda y: torch.where(y > 0.5, y, 0.5), "one value dominates", r"y (0.5 in "),
    ],
)
def test_labels_are_judged_alike_by_training_and_by_the_check(change, kind, said):
    table = Planted(4)
    frame = table.frame()
    y = change(torch.tensor(frame["y"].to_numpy()))
    frame = frame.with_columns(y=pl.Series(y.numpy()))
    splits = load(frame, target_columns="y", split="part", cache=False, progress=False)
    (sentence,) = grave_sentences(splits)
    assert said in sentence
    found = check_table(frame, target_columns="y", split="part", cache=False, progress=False)
    assert [each.kind for each in found.grave] == [kind]


def test_a_task_with_one_class_in_a_part_is_named_with_its_part():
    splits = divided(Planted(6))
    labels = [
        replace(part, y=torch.arange(len(part)).remainder(2).view(-1, 1).float()) for part in splits
    ]
    alike = replace(labels[2], y=torch.ones(len(labels[2]), 1))
    assert not grave_sentences(Splits(*labels))
    (sentence,) = grave_sentences(Splits(labels[0], labels[1], alike))
    assert sentence == "1 target with one class or no label in a part: y (test)"
