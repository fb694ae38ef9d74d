"""Tables as text: nothing is lost, numbers stay whole, and what is dropped is said."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from edgescope.lib.text_tables import Column, fold, lay_out, styled

WORDS = st.text(
    st.characters(categories=["L", "P", "Sm"], exclude_characters="+-\u2212_.,%"), min_size=1
)
NUMBERS = st.one_of(
    st.integers(-(10**12), 10**12).map(str), st.floats(allow_nan=False).map("{:.4g}".format)
)
TEXTS = st.lists(st.one_of(WORDS, NUMBERS), max_size=8).map(" ".join)
NAMES = st.text("abcd _", min_size=1, max_size=20).filter(lambda name: name.strip() == name)


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 4))
    cells = {
        True: st.lists(NUMBERS, min_size=rows, max_size=rows),
        False: st.lists(TEXTS, min_size=rows, max_size=rows),
    }
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    return [
        Column(name, draw(cells[number]), number)
        for name, number in ((name, draw(st.booleans())) for name in names)
    ]


def without_blanks(text):
    return sorted(re.sub(r"\s", "", text))


@given(tables(), st.integers(1, 200), st.data())
def test_nothing_is_lost_but_what_is_said_to_be_dropped(columns, width, data):
    spare = data.draw(st.lists(st.sampled_from([each.name for each in columns]), unique=True))
    spare = spare[: len(columns) - 1]
    laid = lay_out(columns, width, spare)
    assert list(laid.dropped) == [each.name for each in columns if each.name in laid.dropped]
    assert set(laid.dropped) == set(spare[: len(laid.dropped)])
    shown = [each for each in columns if each.name not in laid.dropped]
    times = 1 if laid.head else len(columns[0].cells)
    held = "".join(times * each.name + "".join(each.cells) for each in shown)
    assert without_blanks("".join(laid.lines)) == without_blanks(held)


@given(tables(), st.integers(1, 200))
def test_numbers_stay_whole_and_only_they_make_a_line_too_long(columns, width):
    laid = lay_out(columns, width)
    text = "\n".join(laid.lines)
    tokens = [t for each in columns for cell in each.cells for t in cell.split(" ")]
    numbers = {token for token in tokens if re.fullmatch(r"-?[\d.]+(e[+-]\d+)?", token)}
    assert [each for each in numbers if each not in text] == []
    longest = max(map(cell_len, numbers), default=0)
    widest = max(map(cell_len, laid.lines), default=0)
    assert widest <= max(width, longest + 2, 2)


@given(tables())
def test_without_a_width_every_row_is_one_line_in_columns(columns):
    laid = lay_out(columns)
    assert (laid.head, laid.dropped) == (1, ())
    assert len(laid.lines) == 1 + len(columns[0].cells)


@given(TEXTS, st.integers(1, 80))
def test_folding_is_stable(text, width):
    lines = fold(text, width)
    assert fold(" ".join(lines[:1]), width) == lines[:1]
    assert without_blanks("".join(lines)) == without_blanks(text)


def test_a_narrower_terminal_first_folds_then_drops_then_stacks():
    columns = [
        Column("site", ["layers.0.attention:score"]),
        Column("largest ratio", ["1.234e+04"], number=True),
        Column("title", ["what a text of some words is about in the end"]),
    ]

    def shape(width):
        laid = lay_out(columns, width, ["title"])
        return len(laid.lines), laid.head, laid.dropped

    assert shape(100) == (2, 1, ())
    assert shape(70) == (3, 1, ())
    assert shape(40) == (2, 1, ("title",))
    assert lay_out(columns, 25).head == 0


@pytest.mark.parametrize(
    ("word", "width", "lines"),
    [
        ("layers.0.attention:score", 20, ["layers.0.attention:", "score"]),
        ("share=0.05,unproven=1e-05", 12, ["share=0.05,", "unproven=", "1e-05"]),
        ("CCCCCCCC", 3, ["CCC", "CCC", "CC"]),
    ],
)
def test_a_long_word_is_broken_where_it_can_be_read(word, width, lines):
    assert fold(word, width) == lines


def test_a_style_is_that_of_the_head_alone():
    laid = lay_out([Column("a", ["1"], number=True)])
    assert styled(laid, "<{}>".format) == "<a>\n1"
