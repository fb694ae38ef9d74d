"""One cell of a table: a number, a word, a mark of a missing value, or something else."""

import re
import unicodedata
from typing import NamedTuple

from edgescope.data.numerals import Numeral
from edgescope.data.units import unit

MISSING = frozenset(
    (
        *(
            "",
            "na",
            "n/a",
            "#n/a",
            "#na",
            "n.a.",
            "n.a",
            "<na>",
            "nan",
            "nat",
            "null",
            "none",
            "nil",
        ),
        *("-", "--", "---", "?", "??", "???", ".", "..", "...", "\\n", "n.d.", "n.d", "nd", "n/d"),
        *("not determined", "not tested", "not available", "not measured", "not applicable"),
        *("no data", "missing", "unknown", "blank", "(blank)", "empty", "tbd", "n.t.", "nt"),
    )
)
"""How tables write a missing value, in lower case."""

FAILED = ("#value!", "#ref!", "#div/0!", "#name?", "#num!", "#null!", "#spill!", "#calc!")
"""What a spreadsheet writes where a formula failed, in lower case."""

_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\t\r\n\v\f"
_UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
_PLAINER = str.maketrans(
    dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d", "-")
    | dict.fromkeys("\uff0b\ufe62", "+")
    | dict.fromkeys("\u2019\u2018\u02bc\u00b4", "'")
    | dict.fromkeys("\u223c\u2248\u2243\u2245\uff5e", "~")
    | dict.fromkeys("\u2265\u2a7e\u2267", ">=")
    | dict.fromkeys("\u2264\u2a7d\u2266", "<=")
    | dict.fromkeys("\uff1e\u226b", ">")
    | dict.fromkeys("\uff1c\u226a", "<")
    | {"\uff0e": ".", "\uff0c": ",", "\uff05": "%", "\u221e": "inf"}
)
_FAST = re.compile(r"([+-]?)([0-9]+(?:[.,][0-9]+)?)(?:[eE]([+-]?[0-9]+))?")
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)\s?(?P<body>[0-9](?:[0-9.,' ]*[0-9])?\.?|[.,][0-9]+)"
    r"(?:[eE](?P<power>[+-]?[0-9]+))?(?P<rest>\s*[^\s0-9.,].*)?"
)
_MONTH = "(?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|sept|oct|okt|nov|dec|dez)[a-z]*\\.?"
_VALUE = r"[+-]?[0-9][0-9.,]*(?:e[+-]?[0-9]+)?"
_ABOUT = "ca|circa|c|approx|about|around"
_BOUND = "at (?:least|most)|(?:less|more|greater) than|over|under|below|above|up to"
_DATES = (
    r"[0-9]{4}([/-])[0-9]{1,2}\1[0-9]{1,2}(?:[t ].*)?",
    r"[0-9]{1,2}([/.-])[0-9]{1,2}\2(?:[0-9]{4}|[0-9]{2})(?: .*)?",
    rf"[0-9]{{1,2}}[ .-]{{1,2}}{_MONTH}(?:[ -][0-9]{{2,4}})?",
    rf"{_MONTH}[ -][0-9]{{1,4}}(?:,? [0-9]{{2,4}})?",
    r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}.*)?",
)
_ODD = tuple(
    (reason, re.compile(pattern, re.DOTALL))
    for reason, pattern in (
        (
            "a bound, not a value (censored)",
            rf"[<>]=?.*|=[<>].*|(?:{_BOUND})\s*[0-9].*|{_VALUE}\s*[<>]=?",
        ),
        ("approximate, not a value", rf"~.*|(?:{_ABOUT})\b\.?\s*[0-9].*"),
        ("a value with its error, expected the value alone", r".*[0-9]\s*(?:\u00b1|\+/-|\+-).*"),
        ("a date, perhaps made of something else by a spreadsheet", "|".join(_DATES)),
        (
            "a range, not a value",
            rf"{_VALUE}\s*(?:-|to|bis|\.\.+|\u2026)\s*{_VALUE}(?:\s*[^0-9].*)?",
        ),
        ("a fraction or a date, not a value", r"[0-9]+\s*/\s*[0-9]+"),
        ("not a finite number", r"[+-]?\s?inf(?:inity)?|1\.#.*"),
    )
)


class Cell(NamedTuple):
    """What a cell of a target holds; one of the four, or none if a value is missing.

    Attributes:
        number: a number as it is written.
        unit: what stands behind the number, if it is a unit.
        word: a text that may be one of a pair, such as active.
        reason: why it gives no label.
    """

    number: Numeral | None = None
    unit: str = ""
    word: str = ""
    reason: str = ""


def trimmed(text: str) -> str:
    """Return a text without spaces around it and without what has no width; spaces are single."""
    return re.sub(f"[ {_SPACES}]+", " ", _UNSEEN.sub("", text)).strip()


def plainer(text: str) -> str:
    """Write digits, signs, quotes and spaces of other scripts as ASCII has them, and trim.

    Raised digits stay, as 10\u00b3 is not 103; characters without width are left out.
    """
    if not text.isascii():
        text = "".join(
            str(unicodedata.digit(each)) if unicodedata.category(each) == "Nd" else each
            for each in text.translate(_PLAINER)
        )
    return trimmed(text)


def cell(text: str) -> Cell:
    """Tell what a cell holds.

    Example:
        >>> from edgescope.data.cells import cell
        >>> cell("12 nM").unit, cell(">10").reason, cell("?") == cell("")
        ('nM', 'a bound, not a value (censored)', True)
    """
    if fast := _FAST.fullmatch(text):  # as almost all are
        power = fast[3]
        return Cell(Numeral(fast[1], fast[2], f"e{power}" if power else ""))
    plain = plainer(text)
    if plain[:1] == "'":  # how a spreadsheet is told that a cell is text
        plain = plain[1:].strip()
    if re.match(r"=\s*[\d.,+-]", plain):  # "equal to", beside < and > in databases of activities
        plain = plain[1:].strip()
    folded = plain.casefold()
    reason = next((reason for reason, odd in _ODD if odd.fullmatch(folded)), "")
    if folded in FAILED:
        reason = "a formula that failed in the spreadsheet"
    if folded in MISSING or reason:
        return Cell(word="-" if folded == "-" else "", reason=reason)
    found = _NUMBER.fullmatch(plain)
    if found is None:
        return Cell(word=re.sub(r"[\s_-]+", "", folded) or folded)
    power, rest = found["power"], (found["rest"] or "").strip()
    known = unit(rest)
    if rest and not known:
        return Cell(reason=f"a number followed by {rest!r}, which is no known unit")
    return Cell(Numeral(found["sign"], found["body"], f"e{power}" if power else ""), known)
