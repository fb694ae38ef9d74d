"""A card of a notebook as a browser reads it: its text, and that it asks for nothing."""

from html.parser import HTMLParser
from typing import Any

HOSTILE = '</p></table><script>alert(1)</script><img src=x onerror="x">&amp;\x1b[31m\u202e$a$'
"""A name that would leave its cell, run a script, turn the text round and start a formula."""

_VOID = {"img", "br", "hr", "input", "meta", "link"}


class Card(HTMLParser):
    """What a page of HTML holds; raises if it is broken, runs something or fetches something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []
        assert not {"script", "img", "iframe", "link", "object", "form"} & set(self.tags)
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert "url(http" not in page
        assert "@import" not in page

    @property
    def text(self) -> str:
        """All text in its order, without styles."""
        return " ".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = {name for name, _ in attrs}
        assert not any(name.startswith("on") for name in names)
        links = [value or "" for name, value in attrs if name in {"href", "xlink:href", "src"}]
        assert all(link.startswith(("#", "data:image/png")) for link in links)
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.words.append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data


def card(result: Any) -> Card:
    """Return the card of a result."""
    return Card(result._repr_html_())
