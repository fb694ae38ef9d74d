"""``load`` on the user's own tables, good and bad."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from edgescope.data import load
from edgescope.lib.errors import InputError

ROWS = {
    "structure": ["CC", "CCO", "nonsense", "C", "CCN", "CCCl", "C#N", "C=O", "CC=O"],
    "logS": ["1.5", "", "3", "4", "high", "nan", " -7 ", "8e0", "inf"],
    "mass": ["1", "2", "3", "4", "5", "6", "7", "8", "9"],
    "fold": ["train", "train", "train", "val", "val", "valid", "test", "Test", "test"],
}


@pytest.fixture(params=["csv", "csv.gz", "tsv", "parquet"])
def table(request, tmp_path):
    path = tmp_path / f"my.set.{request.param}"
    frame = pl.DataFrame(ROWS)
    if request.param == "parquet":
        frame.with_columns(pl.col("mass").cast(pl.Int32)).write_parquet(path)
    else:
        separator = "\t" if request.param == "tsv" else ","
        compression = "gzip" if path.suffix == ".gz" else "uncompressed"
        frame.write_csv(path, separator=separator, compression=compression)
    return path


def test_a_table_is_read_with_its_columns_and_its_split(table):
    train, val, test = load(
        table, smiles_column="structure", target_columns=["logS", "mass"], split="fold"
    )
    assert train.smiles == ["CC", "CCO"]
    assert val.smiles == ["CCN", "CCCl"]
    assert test.smiles == ["C#N", "C=O", "CC=O"]
    assert test.row.tolist() == [8, 9, 10]
    assert test.target_names == ("logS", "mass")
    assert test.y[:2].tolist() == [[-7.0, 7.0], [8.0, 8.0]]
    assert train.y.isnan().tolist() == [[False, False], [True, False]]
    assert val.y.isnan().tolist() == [[True, False], [True, False]]
    assert train.name == "my.set/train"


def frames():
    """The rows as data frames of polars and pandas, with missing cells as these write them."""
    rows = {name: [value or None for value in column] for name, column in ROWS.items()}
    pandas = pd.DataFrame(ROWS).replace({"": np.nan}).astype({"mass": float})
    return {
        "polars": pl.DataFrame(rows),
        "polars with numbers": pl.DataFrame(rows).with_columns(pl.col("mass").cast(pl.Int32)),
        "polars, not computed": pl.DataFrame(rows).lazy(),
        "pandas": pandas,
        "pandas with another index": pandas.set_index(pandas.index[::-1] + 5),
    }


@pytest.mark.parametrize("kind", frames())
def test_a_data_frame_gives_what_its_file_gives(kind, write, tmp_path):
    options = {"smiles_column": "structure", "target_columns": ["logS", "mass"], "split": "fold"}
    path = tmp_path / "table.csv"
    pl.DataFrame(ROWS).write_csv(path)
    found, expected = load(frames()[kind], **options), load(path, **options)
    for one, other in zip(found, expected, strict=True):
        # The first row below the header of a file has the number 2, that of a data frame 0.
        assert (one.name, one.smiles, (one.row + 2).tolist()) == (
            other.name, other.smiles, other.row.tolist(),
        )  # fmt: skip
        np.testing.assert_equal(one.y.numpy(), other.y.numpy())
    assert (found.rejected["row"] + 2).to_list() == expected.rejected["row"].to_list()
    assert (found.lost_labels["row"] + 2).to_list() == expected.lost_labels["row"].to_list()
    changed = pl.DataFrame(ROWS).with_columns(structure=pl.lit("CCC"))
    assert load(changed, **options).train.smiles != found.train.smiles


@pytest.mark.parametrize("wrong", [None, 3, ["CC", "CCO"], {"smiles": ["CC"]}, pl.Series(["CC"])])
def test_what_is_neither_a_name_nor_a_table_is_refused(wrong):
    with pytest.raises(InputError, match="as the data, expected the name of a data set, the path"):
        load(wrong)


def test_a_column_that_a_data_frame_has_not_got_is_named():
    with pytest.raises(InputError, match="the DataFrame has no column 'smiles', only structure"):
        load(pd.DataFrame({"structure": ["CC"]}))


def test_rows_that_cannot_be_used_are_listed_with_number_smiles_and_reason(table):
    splits = load(table, smiles_column="structure", target_columns="logS", split="fold")
    assert splits.rejected.rows() == [
        ("train", 4, "nonsense", "does not parse: syntax error around position 5"),
        ("val", 5, "C", "no bonds (1 atoms)"),
    ]
    assert splits.lost_labels.rows() == [
        ("val", 6, "logS", "high", "not a number"),
        ("test", 10, "logS", "inf", "not a finite number"),
    ]


def test_a_table_without_target_columns_has_no_targets(write):
    train, _, _ = load(write("a.csv", "smiles\nCC\nCCC\nCCO\n"))
    assert train.target_names == ()
    assert train[0].y.shape == (1, 0)


def test_the_vocabulary_of_a_table_is_its_own_most_frequent_first(write):
    splits = load(write("a.csv", "smiles\nCCCO\nON\nC[SiH3]\n"))
    assert splits.train.vocabulary == ("C", "O", "N", "Si H3")
    assert {part.vocabulary for part in splits} == {splits.train.vocabulary}


def test_an_atom_outside_the_given_vocabulary_loses_its_row(write):
    path = write("a.csv", "smiles\nCCCO\nCC\nC[Si]\n")
    splits = load(path, vocabulary=["C", "O"], split=(0, 0, 1))
    assert splits.test.smiles == ["CCCO", "CC"]
    assert splits.rejected["row"].to_list() == [4]


def test_fractions_may_leave_parts_empty(write):
    splits = load(write("a.csv", "smiles\nCC\nCCC\n"), split=(0, 0, 1))
    assert list(map(len, splits)) == [0, 0, 2]
    assert splits.summary()["molecules"].to_list() == [0, 0, 2]


def test_the_same_seed_gives_the_same_parts(write):
    path = write("a.csv", "smiles\n" + "\n".join("C" * n for n in range(2, 40)))
    first, again, other = (load(path, seed=seed) for seed in (0, 0, 1))
    assert [part.smiles for part in first] == [part.smiles for part in again]
    assert first.test.smiles != other.test.smiles
    assert sorted(torch.cat([part.row for part in first]).tolist()) == list(range(2, 40))


def test_a_relative_path_starts_from_root(write):
    path = write("a.csv", "smiles\nCC\nCCC\nCCO\n")
    assert len(load("a.csv", path.parent).train) == 1


BAD_TABLES = {
    "column": (
        "Smiles,log_s\nCC,1\n",
        {"smiles_column": "smiles"},
        "has no column 'smiles', only Smiles, log_s; did you mean 'Smiles'?",
    ),
    "target": (
        "smiles,log_s\nCC,1\n",
        {"target_columns": ["log_p"]},
        "has no column 'log_p', only smiles, log_s; did you mean 'log_s'?",
    ),
    "spaces": ("smiles y\nCC 1\n", {}, "separate the columns by commas or semicolons or tabs"),
    "nothing parses": (
        "smiles\nfoo\nC\n",
        {},
        "none of the 2 rows of .* can be used (row 2, foo: does not parse",
    ),
    "no rows": ("smiles\n", {}, "has no rows, expected at least one molecule"),
    "empty": ("", {}, "is empty (0 bytes), expected a header line and rows"),
    "no header": ("CCO,1.5\nCCC,2\n", {}, "expected a header line with the names of the columns"),
    "ragged": ("smiles,y\nCC,1,2\n", {}, "row 2, CC: has 3 cells, expected 2 as in the header"),
    "labels": (
        "smiles,fold\nCC,train\nCCC,a\n",
        {"split": "fold"},
        "column 'fold' of .* holds 'a' (first in row 3), expected train, val",
    ),
    "no val": (
        "smiles,fold\nCC,train\nCCC,test\nC,val\n",
        {"split": "fold"},
        "leaves a part without a usable molecule (train 1, val 0, test 1)",
    ),
    "fractions": ("smiles\nCC\n", {"split": (0.5, 0.4)}, "expected three fractions"),
    "too few": ("smiles\nCC\nCCC\n", {}, "cannot divide 2 usable molecules"),
    "vocabulary": ("smiles\nCC\n", {"vocabulary": "atoms.json"}, "expected a list of atom keys"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_table_is_refused_in_one_line(write, case):
    text, options, message = BAD_TABLES[case]
    options = {"split": (1, 0, 0), **options} if case == "vocabulary" else options
    path = write("a.csv", text)
    with pytest.raises(InputError) as error:
        load(path, **options)
    assert "\n" not in str(error.value)
    for part in message.split(".*"):
        assert part.strip() in str(error.value)


def test_lists_in_a_parquet_column_are_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"smiles": [["CC"], ["CCO"]]}).write_parquet(path)
    with pytest.raises(InputError, match=r"column 'smiles' of .* holds List\(String\), expected"):
        load(path)


def test_an_unreadable_parquet_file_is_refused(write):
    with pytest.raises(InputError, match=r"a\.parquet cannot be read .*; expected Parquet"):
        load(write("a.parquet", "this is text"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected a table of molecules at .*, found nothing"):
        load(tmp_path / "a.csv")


def test_a_file_of_another_kind_is_refused(write):
    with pytest.raises(InputError, match=r"a\.xlsx as a table, expected a file that ends in \.csv"):
        load(write("a.xlsx", "x"))


def test_an_unknown_name_lists_the_known_ones_and_the_nearest():
    message = "unknown data set 'tox12', expected one of .*solubility, .* did you mean 'tox21'?"
    with pytest.raises(InputError, match=message):
        load("tox12")
