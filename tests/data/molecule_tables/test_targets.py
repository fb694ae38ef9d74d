"""Columns of targets: numbers, words and units as a whole."""

from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from edgescope.data.molecule_tables.targets import TargetColumn
from edgescope.lib.errors import InputError


def read(*cells, name="y", decimal=None, elsewhere=None):
    column = pl.Series(list(cells), strict=False)
    return TargetColumn(column, name, "a table").read(decimal, elsewhere, 2)


def values(target):
    return [None if np.isnan(value) else round(float(value), 4) for value in target.values]


READ = {
    "points": (["0.5", "1.234", "12"], [0.5, 1.234, 12]),
    "commas": (["0,5", "1,234", "12"], [0.5, 1.234, 12]),
    "both, clear": (["1,234.5", "1,234", "7"], [1234.5, 1234, 7]),
    "both the other way, clear": (["1.234,5", "1.234", "7"], [1234.5, 1234, 7]),
    "spaces": (["1 234", "5"], [1234, 5]),
    "apostrophes": (["1'234.5", "0.5"], [1234.5, 0.5]),
    "groups of three": (["1,234,567", "2,000"], [1234567, 2000]),
    "exponents": (["1,5e3", "2,5"], [1500, 2.5]),
    "one unit": (["5 mg/L", "7 mg/l", "?"], [5, 7, None]),
    "words": (["Active", "inactive", "ACTIVE", "-"], [1, 0, 1, None]),
    "negated words": (["binder", "non-binder", "Binder"], [1, 0, 1]),
    "words in two lengths": (["yes", "n", "No", "Y"], [1, 0, 0, 1]),
    "booleans": ([True, False, None], [1, 0, None]),
    "a unit behind commas": (["1,5 nM", "1.234,5 nM"], [1.5, 1234.5]),
    "signs": (["+", "-", "+"], [1, 0, 1]),
    "zeros and ones": (["1", "0", "", "-"], [1, 0, None, None]),
    "decimals": ([Decimal("1.50"), None], [1.5, None]),
}


@pytest.mark.parametrize("case", READ)
def test_a_column_is_read_as_a_whole(case):
    cells, expected = READ[case]
    target = read(*cells)
    assert values(target) == expected
    assert target.lost == {}


LOST = {
    "two marks": (["0.5", "1,5", "0.7", "1.234"], [0.5, None, 0.7, None], "decimal mark"),
    "no certain group": (["0.5", "1,234"], [0.5, None], "may be 1234 or 1.234"),
    "space beside long numbers": (["1 234", "12345", "5"], [None, 12345, 5], "two numbers"),
    "another unit": (["5 mg/L", "7 mg/L", "3 nM"], [5, 7, None], "in nM, most are in mg/L"),
    "a unit beside none": (["5", "7", "3 nM"], [5, 7, None], "most are without one"),
    "no unit beside one": (["5 nM", "7 nM", "3"], [5, 7, None], "without a unit, most are in nM"),
    "a third word": (["active", "inactive", "unclear"], [1, 0, None], "neither of the words"),
    "a number among words": (["active", "inactive", "0.7"], [1, 0, None], "a column of words"),
    "a word among numbers": (["1", "0", "active"], [1, 0, None], "not a number"),
    "too large": (["1e39", "1"], [None, 1], "too large"),
    "too small": (["1e-60", "1"], [None, 1], "too close to zero"),
    "much too large": (["1e400", "1"], [None, 1], "not a finite number"),
    "infinite": ([float("inf"), 1.0], [None, 1], "not a finite number"),
    "beyond float32": ([1e39, 1.0], [None, 1], "too large"),
}


@pytest.mark.parametrize("case", LOST)
def test_the_cells_that_do_not_fit_the_column_are_lost_with_the_reason(case):
    cells, expected, reason = LOST[case]
    target = read(*cells)
    assert values(target) == expected
    present = [row for row, value in enumerate(expected) if value is None]
    assert sorted(target.lost) == present
    assert any(reason in each for each in target.lost.values())


REFUSED = {
    "ambiguous": (["1,234", "12,345", "7"], "the decimal mark is .* '1,234'.*--decimal"),
    "as many of both marks": (["0.5", "1,5"], "cannot tell whether the decimal mark"),
    "as many of two units": (["5 mg/L", "3 nM"], "mixes numbers in mg/L and in nM"),
    "as many words as numbers": (["active", "3"], "as many words as numbers"),
    "text": (["red", "green"], "gives no number: row 2 holds 'red', not a number; expected"),
    "bounds alone": (["", ">5"], "gives no number: row 3 holds '>5', a bound"),
    "nothing": (["", "-", "nd"], "holds no value, only empty cells"),
    "null": ([None, None], "holds no value"),
    "lists": ([[1], [2]], r"holds List\(Int64\), expected text or numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_column_that_cannot_be_read_is_refused_in_one_line(case):
    cells, message = REFUSED[case]
    with pytest.raises(InputError, match=f"column 'y' of a table.*{message}|{message}") as error:
        read(*cells)
    assert "\n" not in str(error.value)


def test_the_mark_that_is_given_decides():
    assert values(read("1,234", "7", decimal=".")) == [1234, 7]
    assert values(read("1,234", "7", decimal=",")) == [1.234, 7]
    assert values(read("1.234", "7", decimal=",")) == [1234, 7]
    target = read("1.5", "7", decimal=",")
    assert values(target) == [None, 7]
    assert "decimal mark" in target.lost[0]


def test_the_other_columns_decide_where_this_one_does_not():
    assert values(read("1,234", "7", elsewhere=",")) == [1.234, 7]
    assert values(read("1.234", "7", elsewhere=",")) == [None, 7]
    assert values(read("1.5", "7", elsewhere=",")) == [1.5, 7]


def test_the_unit_of_the_name_decides_before_those_of_the_cells():
    assert read("5", "7", name="Ki (nM)").unit == "nM"
    target = read("5 uM", "7 uM", "3", name="Ki (nM)")
    assert values(target) == [None, None, 3]
    assert "in \u00b5M, the column's name says nM" in target.lost[0]
    assert read("5 nM", "7", name="Ki (nM)").lost == {}


def test_notes_say_what_was_read_in_another_way():
    assert read("0,5", "1.000,5").notes == [
        "commas in 'y' are read as decimal points: '0,5' is 0.5",
        "points in 'y' are read as separators of thousands: '1.000,5' is 1000.5",
    ]
    assert read("yes", "no", "?").notes == [
        "words in 'y' are read as labels: 'yes' as 1 and 'no' as 0",
        "missing values of 'y' are marked with '?' (1)",
    ]
    assert read("5 mg/L").notes == ["the numbers of 'y' are in mg/L, as their cells say"]
    assert read("5", "", None).notes == []


@pytest.mark.parametrize(
    "dtype", [pl.UInt64, pl.Int128, pl.Float32, pl.Decimal(10, 2), pl.Boolean, pl.String]
)
def test_every_type_of_number_is_read(dtype):
    column = pl.Series([0, 1, None]).cast(dtype)
    assert values(TargetColumn(column, "y", "t").read(None, None, 0)) == [0, 1, None]


@pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime, pl.Duration, pl.Time])
def test_dates_and_times_are_refused(dtype):
    with pytest.raises(InputError, match=r"column 'y' of t holds .*expected text or numbers"):
        TargetColumn(pl.Series([0, 1]).cast(dtype), "y", "t")


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["1.5", ">2"]), pl.Binary])
def test_cells_of_other_types_are_texts(dtype):
    target = TargetColumn(pl.Series(["1.5", ">2"]).cast(dtype), "y", "t").read(None, None, 0)
    assert values(target) == [1.5, None]
