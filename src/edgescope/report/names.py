"""What sites and graphs are called on the page: short, with what tells them apart."""

import re
from collections.abc import Sequence
from typing import Any

from edgescope.lib.graph_names import called, label
from edgescope.plots.formats import listing

_IN_FULL = 2
"""Up to so many sites are written out in a sentence."""


def short_names(sites: Sequence[str]) -> dict[str, str]:
    """Return, for every site, the part of its name in which the sites differ.

    Example:
        >>> short_names(["layers.0.attention:score", "layers.1.attention:score"])
        {'layers.0.attention:score': '0', 'layers.1.attention:score': '1'}
    """
    start, end = _common(sites)
    short = {site: "".join(_parts(site)[start : len(_parts(site)) - end]) for site in sites}
    usable = all(short.values()) and len(set(short.values())) == len(sites)
    return short if usable else {site: site for site in sites}


def site_pattern(sites: Sequence[str]) -> str:
    """Return what the sites have in common, with a star for the rest; empty if nothing."""
    if short_names(sites)[sites[0]] == sites[0]:
        return ""
    parts = _parts(sites[0])
    start, end = _common(sites)
    return f"{''.join(parts[:start])}*{''.join(parts[len(parts) - end :])}"


def site_list(sites: Sequence[str], every: Sequence[str], notes: Sequence[str] = ()) -> str:
    """List sites in a sentence, many of them by what differs.

    Args:
        sites: names of the sites to list.
        every: names of all sites.
        notes: what to add to each site, in brackets.

    Example:
        >>> site_list(["l.0:score", "l.2:score", "l.3:score"], [f"l.{n}:score" for n in range(9)])
        'l.*:score with * = 0, 2 and 3'
    """
    pattern = site_pattern(every) if len(sites) > _IN_FULL else ""
    short = short_names(every)
    named = [short[site] if pattern else site for site in sites]
    if notes:
        named = [f"{name} ({note})" for name, note in zip(named, notes, strict=True)]
    return f"{pattern} with * = {listing(named)}" if pattern else listing(named)


def named(row: dict[str, Any]) -> str:
    """Write the number of a row's graph, and its identifiers if it has any: "12 (TOX3021)"."""
    return called(row["graph"], row.get("identifiers", {})).removeprefix("graph ")


def titled(molecule: dict[str, Any]) -> str:
    """Write the SMILES of a molecule, after its identifiers if it has any."""
    known, smiles = label(molecule.get("identifiers", {})), molecule["smiles"]
    return f"{known}, {smiles}" if known else f"{smiles}"


def _common(sites: Sequence[str]) -> tuple[int, int]:
    """Return how many parts all names share at the start and, beyond those, at the end."""
    split = [_parts(site) for site in sites]
    shortest = min(len(parts) for parts in split)
    start = 0
    while start < shortest and len({parts[start] for parts in split}) == 1:
        start += 1
    end = 0
    while end < shortest - start and len({parts[-1 - end] for parts in split}) == 1:
        end += 1
    return start, end


def _parts(site: str) -> list[str]:
    return re.split(r"([.:])", site)
