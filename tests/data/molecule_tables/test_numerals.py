"""Numbers in every way of writing them."""

from hypothesis import given
from hypothesis import strategies as st

from edgescope.data.molecule_tables.numerals import MARKS, Numeral, convention, evidence

MARK = st.sampled_from(MARKS)
NUMBER = st.decimals(0, 9_999_999, places=2)


def written(number, mark, by):
    text = f"{number:,}".replace(",", "g").replace(".", mark).replace("g", by)
    return Numeral("", text, "")


@given(number=NUMBER, mark=MARK, by=st.sampled_from(["", " ", "'", ".", ","]), sign=st.booleans())
def test_a_number_has_its_value_under_the_mark_it_was_written_with(number, mark, by, sign):
    by = "" if by == mark else by
    numeral = Numeral("-" if sign else "", written(number, mark, by).body, "")
    assert numeral.under(mark).value == (-1 if sign else 1) * float(number)
    # Two decimals are never three: it cannot have been meant in another way.
    assert numeral.only == mark
    assert not numeral.ambiguous


@given(numbers=st.lists(NUMBER, min_size=1), mark=MARK, given_mark=MARK | st.none())
def test_the_convention_of_a_column_is_found_unless_it_is_given(numbers, mark, given_mark):
    counted = [(written(number, mark, ""), 1) for number in numbers]
    found = convention(counted, evidence(counted), given_mark, None)
    assert found is not None
    assert found.mark == (given_mark or mark)


def test_one_separator_before_three_digits_tells_nothing():
    numeral = Numeral("", "1,234", "")
    assert numeral.ambiguous
    assert convention([(numeral, 3)], evidence([(numeral, 3)]), None, None) is None
    # Nobody writes 0 as the first of two groups, nor groups before an exponent.
    assert Numeral("", "0,234", "").only == ","
    assert Numeral("", "1,234", "e5").only == ","
    # A point alone stands before decimals unless the column shows something else.
    alone = [(Numeral("", "1.234", ""), 1)]
    assert convention(alone, evidence(alone), None, None).mark == "."
