"""Units, and what a cell holds."""

import pytest

from edgescope.data.molecule_tables.cell_contents import (
    MISSING,
    Cell,
    cell,
    plainer,
    unit,
    unit_of_name,
)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("sol [mg/L]", "mg/L"), ("IC50 (nM)", "nM"), ("Ki / nM", "nM"), ("Ki/\u03bcM", "\u00b5M"),
        ("logS (mol/L)", "log mol/L"), ("logS [log mol/l]", "log mol/L"), ("yield (%)", "%"),
        ("log10 S (log10(mol/L))", "log10 mol/L"), ("Tm (\u00b0C)", "\u00b0C"),
        ("dG [kcal/mol]", "kcal/mol"),
        ("CL (mL/min/kg)", "mL/min/kg"), ("t [h]", "h"), ("mg/L", ""), ("y", ""), ("score (A)", ""),
        ("NR-AR", ""), ("task (train)", ""), ("half_life_h", ""), ("a/b", ""), ("pIC50", ""),
        ("tox (0/1)", ""), ("sol [mg/L] (exp)", ""), ("()", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_name_of_a_column_may_state_a_unit(column, expected):
    assert unit_of_name(column) == expected


@pytest.mark.parametrize("text", ["", "mice", "k", "active", "n", "A", "x10", "mg/L (n=2)"])
def test_other_texts_are_no_units(text):
    assert unit(text) == ""


def value(text):
    found = cell(text)
    assert found.number is not None, found
    return found.number.under(".").value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5), ("+5", 5), ("-3.5", -3.5), ("\u22123", -3), (".5", 0.5), ("5.", 5),
        ("1e-3", 1e-3),
        ("1E5", 1e5), ("1e\u22123", 1e-3), ("'7", 7), ("=5", 5), (" 5 ", 5), ("\u00a05\u200b", 5),
        ("\uff15\uff0e\uff15", 5.5), ("\u0665", 5), ("1'234", 1234), ("1 234", 1234),
        ("1\u202f234", 1234), ("1\u2019234.5", 1234.5), ("1,234.5", 1234.5),
    ],
)  # fmt: skip
def test_numbers_are_read_however_their_signs_and_spaces_are_typed(text, number):
    assert value(text) == number


@pytest.mark.parametrize("text", ["", " ", "NA", "n/a", "#N/A", "-", "\u2014", "?", "n.d.", "NaN"])
def test_marks_of_missing_values_are_no_labels_that_are_lost(text):
    assert plainer(text).casefold() in MISSING
    assert not cell(text).reason
    assert cell(text).number is None


REASONS = {
    "censored": [">10", "<0.5", ">=3", "\u22644", "=>5", "> 5 nM", "10>", "less than 5", "\u226b3"],
    "approximate": ["~5", "\u2248 5", "ca. 5", "about 7 mg/L"],
    "with its error": ["10 \u00b1 2", "10+/-2", "5.1 +- 0.2 nM"],
    "range": ["1-5", "1 \u2013 5", "1.5 to 3", "1..5", "-5--3", "1e-3-1e-2", "5-10 nM"],
    "date": ["2021-03-04", "03/04/2021", "4.3.21", "4-Mar", "Mar-04", "12 Dec 2020", "12:30:00",
             "2021-03-04 00:00:00", "2021/3/4"],
    "fraction": ["1/2"],
    "finite": ["inf", "-Infinity", "\u221e", "1.#INF"],
    "formula that failed": ["#VALUE!", "#REF!", "#DIV/0!", "#name?"],
    "not a known unit": ["5 k", "0x1F", "1_000", "10\u00b3", "5.2*", "5 (n=3)", "1x10^-5",
                        "3 mice"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in REASONS.items() for text in texts]
)
def test_what_is_no_number_says_why(kind, text):
    found = cell(text)
    assert kind in found.reason
    assert found.number is None
    assert not found.word


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("5.2 mg/L", "mg/L"),
        ("12nM", "nM"),
        ("3 ug/ml", "\u00b5g/mL"),
        ("50 %", "%"),
        ("1e-3 M", "M"),
    ],
)
def test_a_unit_stands_behind_a_number(text, unit):
    assert cell(text).unit == unit


def test_words_are_compared_without_case_hyphens_and_spaces():
    assert cell("Non-Toxic").word == cell("non toxic").word == "nontoxic"
    assert cell("red") == Cell(word="red")


def test_raised_digits_do_not_become_plain_ones():
    assert plainer("10\u00b3") == "10\u00b3"
