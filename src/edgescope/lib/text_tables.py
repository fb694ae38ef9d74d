"""Tables as text: within a width they fold, then drop columns by rank, then stack; never a number.

A number stands whole on one line, also where that line is then wider than asked for.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.cells import cell_len

GAP = 2
"""Columns of a terminal between two cells."""

NARROW = 20
"""Columns that a folded text has at least."""

_ATOMS = re.compile(r"[+\-\u2212]?\d(?:[\d.,]*\d)?(?:[eE][+\-]?\d+)?%?|.", re.DOTALL)
"""Pieces of a word that stay whole: numbers, and characters."""

_SOFT = frozenset("._:/=,;|)]}-@")
"""Characters after which a long word is broken sooner than elsewhere."""


class Column(NamedTuple):
    """A column of a table."""

    name: str
    cells: Sequence[str]
    """As many as the table has rows."""
    number: bool = False
    """Whether they are numbers, which stand to the right."""


class TextTable(NamedTuple):
    """A table laid out: lines, how many of them are its head, and what is not shown."""

    lines: list[str]
    head: int
    dropped: tuple[str, ...]


def lay_out(
    columns: Sequence[Column], width: int | None = None, spare: Sequence[str] = ()
) -> TextTable:
    """Lay a table out within a width.

    What fits stays as it is. Else texts are folded between words, each in at least 20 columns of
    the terminal; if that is too wide, spare columns are dropped one after the other; then long
    words are broken; and at last the rows are stacked, each with all its columns, one per line.

    Args:
        columns: the columns; all have the same number of cells.
        width: columns of the terminal; None for no limit.
        spare: names of the columns that may be dropped, the first one first.
    """
    if width is None:
        return _side_by_side(columns, [_natural(each) for each in columns], ())
    for whole_words in (True, False):
        for count in range(len(spare) + 1) if whole_words else (len(spare),):
            dropped = set(spare[:count])
            shown = [each for each in columns if each.name not in dropped]
            widths = _shared_out(shown, width - GAP * (len(shown) - 1), whole_words=whole_words)
            if widths is not None:
                names = tuple(each.name for each in columns if each.name in dropped)
                return _side_by_side(shown, widths, names)
    return TextTable(_stacked(columns, width), 0, ())


def fold(text: str, width: int, *, breaking: bool = True) -> list[str]:
    """Break a text into lines of a width, between words; numbers stay whole.

    Args:
        text: the text.
        width: columns of a line.
        breaking: whether longer words are broken; else their lines are longer.
    """
    lines, line = [], ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        parts = _broken(word, width) if breaking else [word]
        lines += parts[:-1]
        line = parts[-1]
    return [*lines, line]


def _broken(word: str, width: int) -> list[str]:
    """Break a word, after a sign if there is one in the second half of a line."""
    lines: list[str] = []
    line: list[str] = []
    for atom in _ATOMS.findall(word):
        if line and cell_len("".join(line)) + cell_len(atom) > width:
            soft = [n for n, piece in enumerate(line, 1) if piece in _SOFT]
            readable = soft and 2 * cell_len("".join(line[: soft[-1]])) >= width
            end = soft[-1] if readable else len(line)
            lines.append("".join(line[:end]))
            line = line[end:]
        line.append(atom)
    return [*lines, "".join(line)]


def _natural(column: Column) -> int:
    return max(map(cell_len, (column.name, *column.cells)))


def _name_lines(name: str, width: int) -> list[str]:
    """Fold the name of a column, after its underscores as well."""
    if cell_len(name) <= width:
        return [name]
    return [line.replace("_ ", "_") for line in fold(name.replace("_", "_ "), width)]


def _least(column: Column, *, whole_words: bool) -> int:
    """Return the columns of the terminal that a column needs at least."""
    words = re.split(r" |(?<=_)", column.name)
    head = max(map(cell_len, words))
    natural = max(map(cell_len, column.cells), default=0)
    if column.number:
        return max(head, natural)
    tokens = {token for cell in column.cells for token in cell.split(" ")}
    longest = max(map(cell_len, tokens), default=0)
    if not whole_words and longest > NARROW:
        atoms = (cell_len(atom) for token in tokens for atom in _ATOMS.findall(token))
        longest = max(NARROW, *atoms)
    return max(head, longest, min(natural, NARROW))


def _shared_out(columns: Sequence[Column], room: int, *, whole_words: bool) -> list[int] | None:
    """Share the columns of a terminal out; None if there are too few.

    What is over goes to the narrowest first, so that the longest texts are folded.
    """
    most = [_natural(each) for each in columns]
    widths = [_least(each, whole_words=whole_words) for each in columns]
    over = room - sum(widths)
    if over < 0:
        return None
    while over:
        growing = [n for n, width in enumerate(widths) if width < most[n]]
        if not growing:
            break
        widths[min(growing, key=widths.__getitem__)] += 1
        over -= 1
    return widths


def _side_by_side(
    columns: Sequence[Column], widths: Sequence[int], dropped: tuple[str, ...]
) -> TextTable:
    sized = list(zip(columns, widths, strict=True))
    head = _row([_name_lines(column.name, width) for column, width in sized], sized)
    lines = list(head)
    for cells in zip(*(column.cells for column in columns), strict=True):
        folded = [
            [cell] if column.number else fold(cell, width)
            for cell, (column, width) in zip(cells, sized, strict=True)
        ]
        lines += _row(folded, sized)
    return TextTable(lines, len(head), dropped)


def _row(cells: Sequence[Sequence[str]], sized: Sequence[tuple[Column, int]]) -> list[str]:
    """Write the lines of a row; cells with fewer than others are blank below."""
    lines = []
    for number in range(max(map(len, cells), default=0)):
        parts = []
        for cell, (column, width) in zip(cells, sized, strict=True):
            text = cell[number] if number < len(cell) else ""
            blank = " " * (width - cell_len(text))
            parts.append(blank + text if column.number else text + blank)
        lines.append((" " * GAP).join(parts).rstrip())
    return lines


def _stacked(columns: Sequence[Column], width: int) -> list[str]:
    """Write every row as a block, a line or more per column: its name, and what it holds."""
    names = max(cell_len(column.name) for column in columns)
    beside = width - names - GAP >= NARROW
    indent = names + GAP if beside else GAP
    lines: list[str] = []
    for cells in zip(*(column.cells for column in columns), strict=True):
        lines += [""] if lines else []
        for column, cell in zip(columns, cells, strict=True):
            parts = [cell] if column.number else fold(cell, max(width - indent, 1))
            if beside:
                blank = " " * (indent - cell_len(column.name))
                lines.append(f"{column.name}{blank}{parts[0]}".rstrip())
                parts = parts[1:]
            else:
                lines += fold(column.name, max(width, 1))
            lines += [f"{' ' * indent}{part}".rstrip() for part in parts if part]
    return lines


def styled(laid: TextTable, style: Callable[[str], str]) -> str:
    """Return a table as one text, with a style for the lines of its head."""
    head = [style(line) for line in laid.lines[: laid.head]]
    return "\n".join([*head, *laid.lines[laid.head :]])
