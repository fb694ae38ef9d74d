"""A card shows every text as it is, asks for nothing, and can be read in any theme."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.lib.errors import shortened
from edgescope.lib.visible_text import visible
from edgescope.plots import notebook_card
from edgescope.plots.notebook_card import (
    LONGEST,
    Html,
    badge,
    card,
    code,
    folded,
    joined,
    paragraph,
    see,
    table,
)
from support.cards import HOSTILE, Card

WORDS = st.text(min_size=1) | st.just(HOSTILE)


def words(text):
    return " ".join(visible(shortened(text, LONGEST)).split())


@given(what=WORDS, lead=WORDS, column=WORDS, cell=WORDS, mark=WORDS)
def test_a_text_is_shown_as_it_is_wherever_it_stands(what, lead, column, cell, mark):
    page = card(
        what,
        lead,
        table([column], [[cell]]),
        folded(mark, paragraph(joined(code(cell), badge(mark, "bad")), "soft")),
        see(column),
    )
    found = Card(page)
    order = (what, lead, column, cell, mark, cell, mark, "see", column)
    assert found.text == " ".join(filter(None, map(words, order)))
    assert found.rows[0] == [visible(column)]


def test_what_is_html_is_not_escaped_twice():
    assert Card(card("a", joined(code("<x>"), Html("<b>y</b>")))).text == "a <x> y"


def test_a_table_says_what_it_leaves_out():
    found = Card(card("a", "b", table(["n"], [[n] for n in range(15)], more="all()")))
    assert len(found.rows) == 1 + 12
    assert "3 more rows: all()" in found.text
    assert "more" not in Card(card("a", "b", table(["n"], [[1]] * 12))).text


def test_numbers_are_written_as_in_reports_and_stand_at_the_right():
    page = card("a", "b", table(["w", "n"], [["x", 12345.6], ["y", None]], words=1))
    assert Card(page).rows[1:] == [["x", "12,346"], ["y", "\N{EN DASH}"]]
    assert page.count('class="n"') == 3


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["_LIGHT", "_DARK"])
def test_every_colour_can_be_read_on_its_background(theme):
    colours = dict(re.findall(r"--(\w+):(#\w{6})", getattr(notebook_card, theme)))
    inks = set(colours) - {"paper", "wash", "line"}
    assert inks == {"ink", "soft", "good", "bad", "warn", "plain"}
    for ink, ground in itertools.product(inks, ("paper", "wash")):
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def test_themes_that_say_so_win_over_what_the_browser_prefers():
    names = ["prefers-color-scheme:dark", "jp-theme-light=true", "jp-theme-light=false"]
    names += [".vscode-light", ".vscode-dark", "[data-theme=dark]"]
    places = [notebook_card.STYLE.index(name) for name in names]
    assert min(places) == places[0]
