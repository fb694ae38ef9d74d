"""What a cell holds: a number with its unit, a word, a mark of a missing value, or else."""

import re
import unicodedata
from typing import NamedTuple

from edgescope.data.molecule_tables.numerals import Numeral

_PREFIX = "(?:da|[fpnumcdkMGT\u00b5])?"
_PREFIXED = ("mol", "M", "g", "L", "Da", "m", "s", "J", "eV", "V", "Pa", "Hz", "cal", "IU", "bar")
_ALONE = (
    *("%", "ppm", "ppb", "ppt", "min", "h", "hr", "hrs", "hour", "hours", "d", "day", "days"),
    *("K", "\u00b0C", "\u00b0F", "\u00c5", "D", "RU", "U", "atm", "Torr", "mmHg", "wt%", "mol%"),
)
_POWER = "(?:\\^?[-+]?[1-4]|[\u207b]?[\u00b9\u00b2\u00b3\u2074])?"
_FACTOR = f"(?:{_PREFIX}(?:{'|'.join(_PREFIXED)})|{'|'.join(map(re.escape, _ALONE))}|sec){_POWER}"
_UNIT = re.compile(rf"{_FACTOR}(?:\s*[/*\u00b7 ]\s*{_FACTOR})*")
_AMBIGUOUS = frozenset("ALVJUDKmd")
"""Letters that may be the label of a series, a multiplier or a footnote as well as a unit."""

_LOG = re.compile(r"-?\s*(?P<log>log10|log|lg|ln)\s*[( ]?\s*(?P<unit>[^()]+?)\s*\)?", re.IGNORECASE)
_BRACKETS = re.compile(
    r"(?P<name>.*?\S)\s*(?:\[(?P<square>[^\[\]]+)\]|\((?P<round>(?:[^()]|\([^()]*\))+)\))\s*"
)
_SLASH = re.compile(r"(?P<name>.*\S)(?:\s+/\s+|/)(?P<unit>\S.*)")
_LOG_NAME = re.compile(r"(?P<log>(?i:log10|log|lg|ln))(?![a-z])")


def unit(text: str) -> str:
    """Return a unit in one writing, or an empty text if it is none that is known.

    Known are products and quotients of the units of concentration, mass, volume, time, length,
    energy, pressure and temperature with their prefixes, per cent and parts per million.

    Example:
        >>> from edgescope.data.molecule_tables.cell_contents import unit
        >>> unit("ug/ml"), unit("nM"), unit("mice")
        ('\u00b5g/mL', 'nM', '')
    """
    written = " ".join(text.split()).replace("\u03bc", "\u00b5")
    # Litres are written with either letter, micro with a u where there is no Greek one.
    written = re.sub(r"(?<![A-Za-z])([fpnumcd\u00b5]?)l(?![A-Za-z])", r"\1L", written)
    written = re.sub(r"(?<![A-Za-z])u(?=(?:mol|M|g|L|m|s)(?![A-Za-z]))", "\u00b5", written)
    if written in _AMBIGUOUS or not _UNIT.fullmatch(written):
        return ""
    return re.sub(r"\s*([/*\u00b7])\s*", r"\1", written)


def unit_of_name(column: str) -> str:
    """Return the unit that the name of a column states, or an empty text.

    It stands at the end, in brackets or behind a slash, as in ``sol [mg/L]``, ``IC50 (nM)``,
    ``Ki / nM``. Of a quantity whose name begins with log or ln it is the unit of the number whose
    logarithm was taken, and is called so.

    Example:
        >>> from edgescope.data.molecule_tables.cell_contents import unit_of_name
        >>> unit_of_name("IC50 (nM)"), unit_of_name("logS (mol/L)"), unit_of_name("score (A)")
        ('nM', 'log mol/L', '')
    """
    found = _BRACKETS.fullmatch(column)
    name, written = (
        ("", "") if found is None else (found["name"], found["square"] or found["round"])
    )
    if found is None:
        slash = _SLASH.fullmatch(column)
        # mg/L by itself is a unit and says nothing of a quantity.
        if slash is not None and not unit(slash["name"]):
            name, written = slash["name"], slash["unit"]
    known = unit(written)
    if known:
        log = _LOG_NAME.match(name)
        # A negative logarithm such as pIC50 has no unit that could be named shortly.
        return f"{log['log'].lower()} {known}" if log else known
    inner = _LOG.fullmatch(written)
    if inner is not None and unit(inner["unit"]) and not written.lstrip().startswith("-"):
        return f"{inner['log'].lower()} {unit(inner['unit'])}"
    return ""


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
        >>> from edgescope.data.molecule_tables.cell_contents import cell
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
        return Cell(reason=f"a number followed by {rest!r}, which is not a known unit")
    return Cell(Numeral(found["sign"], found["body"], f"e{power}" if power else ""), known)
