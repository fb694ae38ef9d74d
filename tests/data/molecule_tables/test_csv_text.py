"""Text files of tables: encodings, rows and cells."""

import gzip

import pytest

from edgescope.data.molecule_tables.csv_text import read_text, rows_of
from edgescope.lib.errors import InputError

TEXT = "smiles,Name\nCC,S\u00e4ure \u00b5\n"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"],
)
@pytest.mark.parametrize("packed", [True, False])
def test_the_text_is_the_same_in_every_encoding(tmp_path, encoding, packed):
    content = TEXT.encode(encoding)
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_text(path)
    assert found.text == TEXT
    assert len(found.notes) == (not encoding.startswith("utf-8"))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_name_that_is_wrong_about_packing_is_noted(tmp_path, name):
    path = tmp_path / name
    content = TEXT.encode()
    path.write_bytes(content if name.endswith("gz") else gzip.compress(content))
    found = read_text(path)
    assert found.text == TEXT
    assert "unlike its name" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04xyz", "is an Excel workbook .* save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0xyz", "is an old Excel workbook"),
        (b"PAR1xyz", "is Parquet"),
        (b"<!DOCTYPE html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (
            gzip.compress(TEXT.encode(), mtime=0)[:-5],
            "cannot read .* check that the file is complete",
        ),
        (b"\x1f\x8bxyz", "cannot read .* check that the file is complete"),
        (b"smiles,y\nCC,1\nC\x00C,2\n", "NUL character in line 3"),
        (TEXT.encode("utf-16")[:-1], "cannot read .* as UTF-16"),
    ],
)
def test_what_is_no_text_is_refused_with_what_it_is(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_text(path)
    assert "\n" not in str(error.value)


def test_a_file_that_unfolds_beyond_the_memory_is_refused_before_it_is_unfolded(
    tmp_path, monkeypatch
):
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"smiles\n" + b"C" * 2**26, mtime=0))
    monkeypatch.setattr("edgescope.lib.input_files._free_memory", lambda: 2**26)
    with pytest.raises(InputError, match=r"unfold to .* needs .* of memory"):
        read_text(path)


def rows(text, usual=",", wanted=("smiles",)):
    return rows_of(text, "a.csv", usual, wanted)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("usual", [",", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_separator_is_found_by_the_columns_that_are_wanted(mark, usual, end):
    found = rows(f"smiles{mark}y{end}CC{mark}1{end}".replace("\n\n", "\n"), usual)
    assert (found.header, found.rows) == (["smiles", "y"], [["CC", "1"]])
    assert len(found.notes) == (mark != usual)


def test_a_line_that_names_the_separator_is_obeyed_and_not_counted():
    found = rows("sep=;\nsmiles;y\nCC;1\n")
    assert (found.rows, found.first_row, found.notes) == ([["CC", "1"]], 2, ())


def test_comments_and_blank_lines_before_the_header_are_counted():
    found = rows("# mine\n\nsmiles,y\nCC,1\n")
    assert (found.header, found.first_row) == (["smiles", "y"], 4)
    assert rows("#smiles,y\nCC,1\n").header == ["smiles", "y"]


def test_blank_lines_and_line_breaks_in_quotes_are_counted_as_rows_are():
    found = rows('smiles,name\nCC,"a\nb"\n\nCCC,c\n\n,\n')
    assert found.rows == [["CC", "a\nb"], [], ["CCC", "c"]]
    assert found.first_row == 2


def test_rows_with_too_many_cells_are_problems_and_empty_cells_too_many_are_not():
    found = rows("smiles,y\nCC,1,5\nCCC,2,,\nC\n")
    assert list(found.problems) == [0]
    assert "has 3 cells, expected 2 as in the header" in found.problems[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('smiles,y\nCC,1\n"CCO,2\nCCC,3\n', "row 3 of a.csv .a quote that begins there is not"),
        ('smiles,y\n"CC"x,1\n', "row 2 of a.csv .text follows a closing quote"),
        ('"smiles,y\nCC,1\n', "row 1 of a.csv .a quote that begins there"),
        ("\n \n# only a comment\n", "only blank lines and comments"),
    ],
)  # fmt: skip
def test_what_cannot_be_split_names_the_row(text, message):
    with pytest.raises(InputError, match=message):
        rows(text)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_that_a_stray_quote_swallowed_are_a_problem(end):
    found = rows('smiles,y,z\nCC,1,"a\nCCC,2,b\nC,3,c"\nCCCC,4,d\n'.replace("\n", end))
    assert list(found.problems) == [0]
    assert "a quote is missing or too many" in found.problems[0]
