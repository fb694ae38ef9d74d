"""Numbers as people write them: which mark is the decimal mark, which between thousands."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

Mark = Literal[".", ","]

MARKS: tuple[Mark, Mark] = (".", ",")
"""Marks that may stand before decimals."""

_OTHER: dict[Mark, Mark] = {".": ",", ",": "."}
_PLAIN = {
    ".": re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"),
    ",": re.compile(r"[0-9]+(?:,[0-9]+)?|,[0-9]+"),
}
_GROUPS = r"[1-9][0-9]{{0,2}}(?P<by>[{other}' ])[0-9]{{3}}(?:(?P=by)[0-9]{{3}})*(?:\{mark}[0-9]+)?"
_GROUPED = {mark: re.compile(_GROUPS.format(mark=mark, other=_OTHER[mark])) for mark in MARKS}
_LONG = re.compile(r"[0-9]{5,}(?![0-9])")


class Value(NamedTuple):
    """What a number is, if a certain mark stands before its decimals.

    Attributes:
        value: the number.
        separator: what separates its thousands, or an empty text.
    """

    value: float
    separator: str


@dataclass(frozen=True)
class Numeral:
    """A number as it is written.

    Attributes:
        sign: ``""``, ``"+"`` or ``"-"``.
        body: digits with whatever stands between them.
        exponent: of ten, with ``e``; or an empty text.

    Example:
        >>> from edgescope.data.molecule_tables.numerals import Numeral
        >>> number = Numeral("-", "1.234,5", "")
        >>> number.only, number.under(",").value, number.under(".")
        (',', -1234.5, None)
    """

    sign: str
    body: str
    exponent: str

    def under(self, mark: Mark) -> Value | None:
        """Return its value if ``mark`` stands before decimals; None if it cannot."""
        return self._values[mark]

    @property
    def only(self) -> Mark | None:
        """The decimal mark if only one is possible."""
        possible = [mark for mark in MARKS if self._values[mark] is not None]
        return possible[0] if len(possible) == 1 else None

    @property
    def ambiguous(self) -> bool:
        """Whether its value depends on the mark, as that of 1,234 does."""
        points, commas = self._values["."], self._values[","]
        return points is not None and commas is not None and points.value != commas.value

    @cached_property
    def _values(self) -> dict[Mark, Value | None]:
        if self.body.isdigit():  # as many are
            whole = Value(float(self.sign + self.body + self.exponent), "")
            return {".": whole, ",": whole}
        return {mark: self._under(mark) for mark in MARKS}

    def _under(self, mark: Mark) -> Value | None:
        body, by = self.body, ""
        if not _PLAIN[mark].fullmatch(body):
            found = None if self.exponent else _GROUPED[mark].fullmatch(body)
            if found is None:
                return None
            by = found["by"]
            body = body.replace(by, "")
        return Value(float(self.sign + body.replace(mark, ".") + self.exponent), by)


class Convention(NamedTuple):
    """How the numbers of a column are written.

    Attributes:
        mark: what stands before decimals.
        groups: what certainly separates thousands; a number that could be read as having such a
            separator is lost where it is another.
        certain: whether the mark is the only one in the column, or was given.
        spaces: whether spaces may separate thousands: no number has five digits in a row.
    """

    mark: Mark
    groups: frozenset[str]
    certain: bool
    spaces: bool

    def read(self, numeral: Numeral) -> float | str:
        """Return the value of a number, or why it has none."""
        found = numeral.under(self.mark)
        if found is None:
            if numeral.under(_OTHER[self.mark]) is None:
                return "not a number"
            return f"not written with the decimal mark {self.mark!r} of the others"
        value, by = found
        if numeral.ambiguous and (not self.certain or (by and by not in self.groups)):
            both = [numeral.under(mark) for mark in MARKS]
            shown = " or ".join(f"{each.value:.12g}" for each in both if each is not None)
            return f"may be {shown}; set decimal to the decimal mark"
        if by == " " and not self.spaces:
            return "may be two numbers, as others have no spaces between thousands"
        return value


def evidence(numerals: Iterable[tuple[Numeral, int]]) -> dict[Mark, int]:
    """Count the numbers that can be written in one way only, by the decimal mark."""
    found = dict.fromkeys(MARKS, 0)
    for numeral, count in numerals:
        if (mark := numeral.only) is not None:
            found[mark] += count
    return found


def convention(
    counted: Sequence[tuple[Numeral, int]],
    found: Mapping[Mark, int],
    given: Mark | None,
    elsewhere: Mark | None,
) -> Convention | None:
    """Find how the numbers of a column are written.

    Args:
        counted: the different numbers, each with how often it occurs.
        found: their :func:`evidence`.
        given: the decimal mark, if it was said.
        elsewhere: the mark in other columns of the table, which decides where this one has no
            number that tells.

    Returns:
        None if it cannot be told, and it matters.
    """
    told = [mark for mark in MARKS if found[mark]]
    mark: Mark | None
    if given is not None:
        mark = given
    elif len(told) > 1:
        more: Mark = "." if found["."] > found[","] else ","
        mark = more if found["."] != found[","] else None
    elif told:
        mark = told[0]
    elif elsewhere is None and not any(
        numeral.ambiguous and "," in numeral.body for numeral, _ in counted
    ):
        mark = "."
    else:
        mark = elsewhere
    if mark is None:
        return None
    clear = (n.under(mark) for n, _ in counted if given is not None or n.only == mark)
    groups = {each.separator for each in clear if each is not None}
    spaces = not any(_LONG.match(numeral.body) for numeral, _ in counted)
    certain = given is not None or len(told) < len(MARKS)
    return Convention(mark, frozenset(groups - {""}), certain, spaces)
