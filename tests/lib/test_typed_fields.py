"""Plain values of files: types are checked, and one changed bit never passes."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.lib.typed_fields import record, sealed, unsealed

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.text().filter(lambda key: key not in {"format", "checksum"}), PLAIN, max_size=4
)


@given(FIELDS, st.data())
def test_one_changed_bit_is_noticed_or_changes_nothing(fields, data):
    text = bytearray(json.dumps(sealed(fields, 2), indent=1).encode())
    assert repr(unsealed(json.loads(text), 2)) == repr((fields, True))
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found, checked = unsealed(json.loads(text), 2)
    except ValueError:
        return
    assert checked
    assert repr(found) == repr(fields)


@given(FIELDS)
def test_files_of_earlier_versions_are_told_from_newer_ones(fields):
    assert unsealed({"format": 1, **fields}, 2, (1,))[1] is False
    assert unsealed(fields, 2)[1] is False
    for lost in ("checksum", "format"):
        plain = sealed(fields, 2)
        plain.pop(lost)
        with pytest.raises(ValueError, match=r"checksum|format"):
            unsealed(plain, 2)


@dataclass
class Sample:
    name: str
    count: int
    share: float | None
    parts: tuple[str, ...] = ()
    sizes: dict[str, int] | None = None


GOOD = {"name": "a", "count": 1, "share": 0.5, "parts": ["x", "y"], "sizes": {"b": 2}}


def test_a_record_is_built_of_plain_values():
    assert record(Sample, GOOD) == Sample("a", 1, 0.5, ("x", "y"), {"b": 2})
    assert record(Sample, {"name": "a", "count": 1, "share": 2}) == Sample("a", 1, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"name": 1},
        {"count": "1"},
        {"count": True},
        {"count": 1.0},
        {"share": "x"},
        {"share": False},
        {"parts": "xy"},
        {"parts": [1]},
        {"parts": {"x": 1}},
        {"sizes": {"b": "2"}},
        {"sizes": [2]},
        {"stranger": 1},
    ],
    ids=str,
)
def test_wrong_types_are_named(change):
    with pytest.raises(
        TypeError, match=f"{next(iter(change))}.*Sample|Sample.{next(iter(change))}"
    ):
        record(Sample, GOOD | change)


@pytest.mark.parametrize("fields", [[], None, 3, "x"])
def test_what_holds_no_fields_is_refused(fields):
    with pytest.raises(TypeError, match="in place of the fields of Sample"):
        record(Sample, fields)
