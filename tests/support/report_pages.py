"""What a written report holds: its page, its sections, its tables and its numbers."""

import json
import re
from html import unescape


def page_of(path):
    return path.read_text(encoding="utf-8")


def numbers_of(path):
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def part(page, name):
    """Return one section of a page."""
    return page.partition(f'<section id="{name}">')[2].partition("</section>")[0]


def cells(row):
    """Return the texts of a row's cells; what stands below a number is a text of its own."""
    found = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
    return [
        tuple(unescape(text) for text in re.split(r"</?small>", cell) if text) for cell in found
    ]


def rows(section, caption):
    """Return the body of the table whose caption begins so, as lists of cells."""
    table = re.search(rf"<caption>{caption}.*?</table>", section, re.DOTALL)[0]
    body = table.partition("<tbody>")[2]
    return [cells(row) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)]
