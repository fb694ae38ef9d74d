"""Tables on disk and in memory: a column is read or refused, never half wrong."""

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.data import load
from edgescope.data.molecule_tables.molecule_table import frame_source, table_source
from edgescope.data.molecule_tables.table_molecules import Reading, parse
from edgescope.lib.errors import InputError
from support import trouble_tables

GROUPS = {"": "", ",": ",", ".": ".", " ": " ", "nbsp": "\u00a0", "'": "'"}
ODD = (
    ">10",
    "<0.5",
    "~5",
    "1-5",
    "2 \u00b1 1",
    "4-Mar",
    "2021-03-04",
    "inf",
    "#REF!",
    "1e39",
    "5 zz",
)
MISSING = ("", "NA", "-", "?", "#N/A", "n.d.", "NaN")


@st.composite
def tables(draw):
    """Numbers, and the bytes of a table that holds them in some way of writing."""
    decimal = draw(st.sampled_from(".,"))
    groups = GROUPS[draw(st.sampled_from(sorted(set(GROUPS) - {decimal})))]
    numbers: list[Decimal | None] = [Decimal("0.5")]
    cells, odd = ["0" + decimal + "5"], []
    for row in range(1, draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(["number", "number", "missing", "odd"]))
        if kind == "number":
            number = draw(st.decimals(-99999, 99999, places=draw(st.integers(0, 4))))
            text = f"{number:,}".replace(",", "g").replace(".", decimal).replace("g", groups)
        else:
            number, text = None, draw(st.sampled_from(MISSING if kind == "missing" else ODD))
            odd += [row] if kind == "odd" else []
        numbers.append(number)
        cells.append(text)
    stream = io.StringIO()
    writer = csv.writer(
        stream,
        delimiter=draw(st.sampled_from([",", ";", "\t", "|"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    writer.writerows([["Name", "smiles", "y"], *(["S\u00e4ure", "CC", text] for text in cells)])
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"]))
    return decimal, numbers, odd, cells, stream.getvalue().encode(encoding)


def read(content: bytes, folder: Path, **options):
    path = folder / "a.csv"
    path.write_bytes(content)
    return table_source(path, "smiles", ["y"], None, **options).read()


@given(drawn=tables())
def test_numbers_come_back_exactly_and_only_odd_cells_are_lost(drawn, tmp_path_factory):
    decimal, numbers, odd, cells, content = drawn
    folder = tmp_path_factory.mktemp("tables")
    table = read(content, folder, decimal=decimal)
    expected = np.array([np.nan if n is None else float(n) for n in numbers], dtype=np.float32)
    lost = dict(table.lost_labels.select("row", "cell").rows())
    assert table.identifiers == {"Name": ["S\u00e4ure"] * len(cells)}
    assert lost == {row + 2: cells[row] for row in odd}
    np.testing.assert_array_equal(table.y[:, 0], expected)


@given(drawn=tables())
def test_without_the_mark_a_number_is_right_or_listed(drawn, tmp_path_factory):
    _, numbers, odd, _, content = drawn
    table = read(content, tmp_path_factory.mktemp("tables"))
    lost = set(table.lost_labels["row"] - 2)
    assert {*odd} <= lost
    for row, number in enumerate(numbers):
        if row not in lost:
            expected = np.float32(np.nan if number is None else float(number))
            np.testing.assert_array_equal(table.y[row, 0], expected)


@pytest.mark.parametrize("make", trouble_tables.TROUBLES[:-1], ids=lambda make: make.__name__)
def test_a_table_of_real_trouble_loses_what_is_unusable_and_nothing_else(make, tmp_path):
    trouble = make()
    (tmp_path / trouble.file).write_bytes(trouble.content)
    splits = load(tmp_path / trouble.file, progress=False, **trouble.options)
    assert splits.rejected.height == trouble.rejected
    assert splits.lost_labels.height == trouble.lost
    # The lines that are quoted are those of the file, as a spreadsheet counts them.
    if trouble.name != "encodings" and trouble.file.endswith(".csv"):
        lines = trouble.content.decode("utf-8-sig").splitlines()
        for row, cell in splits.lost_labels.select("row", "cell").rows():
            assert cell in lines[row - 1]
        for row, smiles in splits.rejected.select("row", "smiles").rows():
            assert (smiles or "") in lines[row - 1]


def test_fifty_thousand_rows_are_read_with_the_few_that_are_unusable(tmp_path):
    trouble = trouble_tables.large()
    (tmp_path / trouble.file).write_bytes(trouble.content)
    table = table_source(tmp_path / trouble.file, "smiles", ["y"], None).read()
    assert len(table.smiles) == 50_000
    assert len(table.problems) == trouble.rejected
    assert table.lost_labels.height == trouble.lost
    assert table.identifiers["id"][-1] == "M049999"


def test_a_label_is_lost_and_the_molecule_kept_for_its_other_tasks(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("smiles,a,b\nCC,>1,2\nCCO,3,4\nbad,x,5\n")
    table = table_source(path, "smiles", ["a", "b"], None).read()
    parsed = parse(table, "a", Reading(), progress=False)
    np.testing.assert_equal(parsed.molecules.y.numpy(), [[np.nan, 2], [3, 4]])
    assert parsed.molecules.rejected["row"].to_list() == [4]
    # The row that cannot be used is not listed a second time for its label.
    assert parsed.molecules.lost_labels.rows() == [
        (2, "a", ">1", "a bound, not a value (censored)")
    ]


@given(
    content=st.binary(max_size=60)
    | st.text(alphabet='smile,y;\t|"#\n\r CO1.5->', max_size=60).map(lambda text: text.encode())
)
def test_whatever_stands_in_a_file_it_is_read_or_refused_in_one_line(content, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    for start in (b"", b"smiles,y\n", b"smiles;y\nCC;1\n"):
        try:
            table = read(start + content, folder)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017  (either is right)
        else:
            assert len(table.smiles) == len(table.y)


REFUSED = {
    "smiles,y,y\nCC,1,2\n": "has 2 columns called 'y'",
    "smiles,smiles,y\nCC,CC,2\n": "has 2 columns called 'smiles'",
    "Smiles,y\nCC,1\n": "has no column 'smiles', only Smiles, y; did you mean 'Smiles'",
    "Smiles;y\nCC;1\n": "has no column 'smiles', only Smiles, y; did you mean 'Smiles'",
    "canonical_smiles,y\nCC,1\n": "did you mean 'canonical_smiles'?",
    "CCO,1.5\nCC,2\n": "the first row looks like molecules and numbers, expected a header line",
    "Data of 2020,\n,\nsmiles,y\nCC,1\n": "row 3 looks like the header; delete the lines above",
    "smiles y\nCC 1\n": "separate the columns by commas",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_header_that_lacks_the_columns_says_what_may_be_wrong(text, tmp_path):
    with pytest.raises(InputError, match=re.escape(REFUSED[text])) as error:
        read(text.encode(), tmp_path)
    assert "\n" not in str(error.value)


def test_columns_that_are_not_asked_for_may_be_alike_and_names_may_have_spaces(tmp_path):
    table = read(b"\xef\xbb\xbf smiles , y\t,x,x\nCC,1,2,3\n", tmp_path)
    assert table.y.tolist() == [[1]]


def test_a_row_that_ends_early_loses_the_labels_behind_its_end(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("smiles,a,b\nCC,1,2\nCCO,3\nCCC\n\nCCCC,5,6\n")
    table = table_source(path, "smiles", ["a", "b"], None).read()
    assert table.lost_labels.select("row", "column").rows() == [(3, "b"), (4, "a"), (4, "b")]
    assert set(table.lost_labels["reason"]) == {"the row ends before this column"}


@pytest.mark.parametrize(
    ("name", "advice"),
    [("a.xlsx", "save the sheet"), ("a.sdf", "RDKit"), ("a.smi", "header line"), ("a", "convert")],
)
def test_files_of_other_kinds_are_refused_with_how_to_convert_them(name, advice, tmp_path):
    with pytest.raises(InputError, match=advice):
        table_source(tmp_path / name, "smiles", [], None)


def test_a_parquet_file_with_a_flipped_bit_or_a_lost_end_is_read_or_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"smiles": ["CC", "CCO"] * 50, "y": [1.5, 2] * 50}).write_parquet(path)
    content = path.read_bytes()
    damages = [content[:end] for end in range(0, len(content), 40)]
    for place in range(0, len(content), 8):  # some of these make polars panic
        flipped = content[place] ^ 4
        damages.append(content[:place] + bytes([flipped]) + content[place + 1 :])
    refused = 0
    for damaged in damages:
        path.write_bytes(damaged)
        try:
            table_source(path, "smiles", ["y"], None).read()
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017  (either is right)
            refused += 1
    assert refused > 20


def frame(values, **columns):
    smiles = ["C" * (number + 2) for number in range(len(values))]
    return pd.DataFrame({"smiles": smiles, "y": values, **columns})


FRAMES = {
    "mixed": (pd.Series([1.5, ">10", None, 2, "3"], dtype=object), [1.5, None, None, 2, 3], [1]),
    "nullable": (pd.Series([1, None, 3], dtype="Int64"), [1, None, 3], []),
    "categories": (pd.Categorical(["yes", "no", None]), [1, 0, None], []),
    "decimals": (pd.Series([Decimal("1.5"), None], dtype=object), [1.5, None], []),
    "booleans": (pd.Series([True, None, False], dtype=object), [1, None, 0], []),
    "infinite": (pd.Series([np.inf, 2.0, np.nan]), [None, 2, None], [0]),
    "large": (pd.Series([2**64 - 1, 1], dtype=object), [float(np.float32(2**64)), 1], []),
}


@pytest.mark.parametrize("case", FRAMES)
def test_columns_of_pandas_are_read_whatever_they_hold(case):
    values, expected, lost = FRAMES[case]
    table = frame_source(frame(values), "smiles", ["y"], None).read()
    found = [None if np.isnan(value) else float(value) for value in table.y[:, 0]]
    assert found == expected
    assert table.lost_labels["row"].to_list() == lost  # positions, from 0


def test_columns_of_a_data_frame_with_names_alike_or_of_several_levels_are_refused():
    twice = pd.DataFrame([["CC", 1, 2]], columns=["smiles", "y", "y"])
    with pytest.raises(InputError, match="the DataFrame has 2 columns called 'y'"):
        frame_source(twice, "smiles", ["y"], None)
    levels = pd.DataFrame([["CC"]], columns=pd.MultiIndex.from_tuples([("smiles", "a")]))
    with pytest.raises(InputError, match="names of 2 levels"):
        frame_source(levels, "smiles", [], None)


def test_identifiers_are_taken_by_name_by_choice_or_not_at_all():
    data = frame([1, 2], mol_id=["007", None], batch=["a", "b"], id=[[1], [2]])
    assert frame_source(data, "smiles", ["y"], None).read().identifiers == {"mol_id": ["007", None]}
    for none in ([], False):
        source = frame_source(data, "smiles", ["y"], None, id_columns=none)
        assert source.read().identifiers == {}
    source = frame_source(data, "smiles", ["y"], None, id_columns="batch")
    assert source.read().identifiers == {"batch": ["a", "b"]}
    with pytest.raises(InputError, match=r"has no column 'bach'.*did you mean 'batch'"):
        frame_source(data, "smiles", ["y"], None, id_columns=["bach"])


def test_a_name_behind_the_smiles_is_an_identifier_beside_a_column_called_name():
    data = pl.DataFrame({"smiles": ["CC ethane", "CCO"], "name": ["a", "b"]})
    table = frame_source(data, "smiles", [], None).read()
    assert table.identifiers == {"name": ["a", "b"], "name in SMILES": ["ethane", None]}
    assert table.smiles == ["CC", "CCO"]


def test_the_fingerprint_follows_the_options():
    data = frame([1, 2], mol_id=["a", "b"])
    options = [{}, {"id_columns": []}, {"decimal": ","}]
    prints = [frame_source(data, "smiles", ["y"], None, **each).fingerprint for each in options]
    assert len({*prints}) == len(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"decimal": "x"}, "received decimal='x'"), ({"id_columns": 3}, r"received 3 \(int\) as id")],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        frame_source(frame([1]), "smiles", ["y"], None, **options)
