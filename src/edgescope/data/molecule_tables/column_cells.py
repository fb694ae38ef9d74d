"""The different cells of a column of text, read as numbers or as words for two classes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from edgescope.data.molecule_tables.cell_contents import Cell
from edgescope.data.molecule_tables.numerals import Convention, Mark, Numeral, convention, evidence
from edgescope.lib.errors import InputError

PAIRS = (
    (("yes", "y"), ("no", "n")),
    (("true", "t"), ("false", "f")),
    (("positive", "pos", "+"), ("negative", "neg", "-")),
    (("active",), ("inactive",)),
    (("toxic",), ("nontoxic",)),
    (("soluble",), ("insoluble",)),
    (("mutagenic",), ("nonmutagenic",)),
    (("mutagen",), ("nonmutagen",)),
)
"""Words for 1 and for 0 that are known also where only one of the two occurs; without hyphens."""

NEGATIONS = ("non", "not", "in", "un", "im")
"""What makes a word for 0 of one for 1 where both occur: binder and non-binder."""


class Pair(NamedTuple):
    """Words for 1 and for 0.

    Attributes:
        positive: those for 1.
        negative: those for 0.
    """

    positive: tuple[str, ...]
    negative: tuple[str, ...]

    def value(self, word: str) -> float | None:
        """Return 1 or 0, or None for another word."""
        return 1.0 if word in self.positive else 0.0 if word in self.negative else None


def pair(words: Mapping[str, int]) -> Pair | None:
    """Find the words for two classes among those of a column.

    Args:
        words: how often each occurs, in lower case and without hyphens and spaces.

    Returns:
        The pair whose words occur most often; None if there is none, or two as often.

    Example:
        >>> from edgescope.data.molecule_tables.column_cells import pair
        >>> pair({"binder": 3, "nonbinder": 2, "maybe": 1})
        Pair(positive=('binder',), negative=('nonbinder',))
    """
    known = {Pair(*each) for each in PAIRS} | {
        Pair((word,), (other,))
        for word in words
        for prefix in NEGATIONS
        if (other := prefix + word) in words
    }
    counts = {each: sum(words.get(word, 0) for side in each for word in side) for each in known}
    most = max(counts.values())
    best = [each for each in known if counts[each] == most]
    return best[0] if most and len(best) == 1 else None


Result = float | str | None
"""A number, why there is none, or None where a value is missing."""

_SEPARATORS = ((",", "commas"), (".", "points"), (" ", "spaces"), ("'", "apostrophes"))
_SHOWN = 3  # marks and words named in a note


@dataclass(frozen=True)
class Different:
    """The different cells of a column.

    Attributes:
        where: the column, as errors call it.
        name: the column, as notes call it; they are kept with the molecules, whatever the table is
            called the next time.
        stated: the unit that its name states, or an empty text.
        cells: what each different text is.
        counts: how often each occurs.
    """

    where: str
    name: str
    stated: str
    cells: Mapping[str, Cell]
    counts: Mapping[str, int]

    @cached_property
    def numbers(self) -> list[tuple[Numeral, int]]:
        """Return the different numbers, each with how often it occurs."""
        return [
            (found.number, self.counts[text])
            for text, found in self.cells.items()
            if found.number is not None
        ]

    @cached_property
    def marks(self) -> dict[Mark, int]:
        """Count the numbers that tell which mark is the decimal mark."""
        return evidence(self.numbers)

    def words(self) -> Counter[str]:
        """Return the words, without marks of missing values.

        A minus sign alone is such a mark, unless plus signs stand in the column too.
        """
        words = Counter[str]()
        for text, found in self.cells.items():
            if found.word:
                words[found.word] += self.counts[text]
        if "+" not in words:
            del words["-"]
        return words


class ColumnReading(NamedTuple):
    """What the cells of a column are read as.

    Attributes:
        results: by text.
        unit: of the numbers; empty if none is stated.
        notes: what was read in another way than it stands there.
    """

    results: dict[str, Result]
    unit: str
    notes: list[str]


def as_words(column: Different, chosen: Pair) -> ColumnReading:
    """Read words for 1 and 0; another text gives no label."""
    known = column.words()
    shown = " and ".join(side[0] for side in chosen)
    results: dict[str, Result] = {}
    texts: dict[float, set[str]] = {1.0: set(), 0.0: set()}
    for text, found in column.cells.items():
        value = chosen.value(found.word)
        if value is not None and found.word in known:
            results[text] = value
            texts[value].add(text.strip())
        elif found.word in known:
            results[text] = f"neither of the words {shown}"
        elif found.number is not None:
            results[text] = "a number in a column of words"
        else:
            results[text] = found.reason or None
    told = (
        f"{few([repr(text) for text in sorted(texts[value])])} as {value:.0f}"
        for value in texts
        if texts[value]
    )
    notes = [f"words in {column.name} are read as labels: {' and '.join(told)}"]
    return ColumnReading(results, "", [*notes, *_missing(column, results)])


def as_numbers(column: Different, given: Mark | None, elsewhere: Mark | None) -> ColumnReading:
    """Read numbers of one unit; another text gives no label.

    Args:
        column: the cells.
        given: the decimal mark, if it was said.
        elsewhere: the mark in other columns of the table.

    Raises:
        InputError: if it cannot be told what commas or points mean, or two units are as frequent.
    """
    written = convention(column.numbers, column.marks, given, elsewhere)
    if written is None:
        numbers = {text: found.number for text, found in column.cells.items() if found.number}
        shown = [text for text, number in numbers.items() if number.ambiguous] or [*numbers]
        raise InputError(
            f"cannot tell whether the decimal mark is a comma or a point in {column.where}, "
            f"such as {shown[0].strip()!r}; set decimal=',' or decimal='.' (--decimal)"
        )
    unit = _unit(column)
    known = column.words()
    results = {
        text: _number(found, written, unit, column.stated)
        if not found.word or found.word in known
        else None
        for text, found in column.cells.items()
    }
    notes = _separators(column, written, results)
    if unit and any(found.unit for found in column.cells.values()):
        notes.append(f"the numbers of {column.name} are in {unit}, as their cells say")
    return ColumnReading(results, unit, [*notes, *_missing(column, results)])


def few(words: Sequence[str]) -> str:
    """List a few of the words and count the rest."""
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def _unit(column: Different) -> str:
    """Return the unit that the name of the column states, or else the one most numbers have."""
    counts = Counter[str]()
    for text, found in column.cells.items():
        if found.number is not None:
            counts[found.unit] += column.counts[text]
    if len(counts) <= 1 or column.stated:
        return column.stated or next(iter(counts), "")
    (most, first), (other, second) = counts.most_common(2)
    if first == second:
        one, two = sorted((most or "no unit", other or "no unit"))
        raise InputError(
            f"{column.where} mixes numbers in {one} and in {two}, as many of each; convert them to "
            "one unit"
        )
    return most


def _number(found: Cell, written: Convention, unit: str, stated: str) -> Result:
    if found.number is None:
        return found.reason or ("not a number" if found.word else None)
    if found.unit != unit and (found.unit or not stated):
        here = f"in {found.unit}" if found.unit else "without a unit"
        others = f"the column's name says {stated}" if stated else f"most are in {unit}"
        return f"{here}, {others if unit else 'most are without one'}"
    return written.read(found.number)


def _separators(column: Different, written: Convention, results: Mapping[str, Result]) -> list[str]:
    """Say which marks were not taken as they stand, with an example of each."""
    examples: dict[str, str] = {}
    for text, found in column.cells.items():
        value = None if found.number is None else found.number.under(written.mark)
        if found.number is None or value is None or not isinstance(results[text], float):
            continue
        examples.setdefault(value.separator, text)
        if written.mark == "," and "," in found.number.body:
            examples.setdefault("decimal", text)
    told = {"decimal": f"commas in {column.name} are read as decimal points"} | {
        by: f"{name} in {column.name} are read as separators of thousands"
        for by, name in _SEPARATORS
    }
    return [
        f"{sentence}: {examples[by].strip()!r} is {results[examples[by]]:.12g}"
        for by, sentence in told.items()
        if by in examples
    ]


def _missing(column: Different, results: Mapping[str, Result]) -> list[str]:
    """Say which cells that are not empty are read as missing."""
    marks = Counter[str]()
    for text, value in results.items():
        if value is None and text.strip():
            marks[text.strip()] += column.counts[text]
    if not marks:
        return []
    shown = few([f"{mark!r} ({count})" for mark, count in sorted(marks.items())])
    return [f"missing values of {column.name} are marked with {shown}"]
