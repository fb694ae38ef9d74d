"""Rows and cells, numbered as a spreadsheet numbers them."""

import pytest

from edgescope.data.molecule_tables.csv_text import rows_of
from edgescope.lib.errors import InputError


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
