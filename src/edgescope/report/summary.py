"""The few sentences on top of the report."""

from typing import Any

from edgescope.lib.plurals import plural
from edgescope.plots.formats import kind_of_edge, listing, number, percent, with_article
from edgescope.report.doubts import is_grown
from edgescope.report.names import named, site_list
from edgescope.report.sentence_templates import filled
from edgescope.report.words import exceeds, no_all_clear

KINDS_OF_DOUBT = {
    "nonfinite": "activations are not finite",
    "undefined": "no edge has a ratio",
    "grown": "magnitudes grew",
    "beyond": "magnitudes exceed 65,504, the largest number of half precision,",
}
"""What is said of all sites with a doubt of a kind; see :func:`edgescope.report.doubts.doubts`."""


def busiest(numbers: dict[str, Any]) -> str | None:
    """Return the site with the largest share of edges over a threshold, if any has one."""
    shares = {
        site["site"]: max(found["share"] or 0.0 for found in _counts(site))
        for site in marked(numbers)
        if _counts(site)
    }
    return max(shares, key=lambda site: shares[site]) if shares else None


def marked(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sites that the criterion calls massive: what the page sets off.

    Those are the sites where a calibrated criterion finds more than chance, or for another one
    those with a massive activation.
    """
    every: list[dict[str, Any]] = numbers["sites"]
    if numbers["scanned"]["plain"]:
        return [site for site in every if any(found["over"] for found in _counts(site))]
    if any(site["judged"]["significant"] is not None for site in every):
        return [site for site in every if site["judged"]["significant"]]
    return [site for site in every if site["judged"]["massive"]]


def unclear(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sites that are not called massive, and of which there is no all-clear either."""
    loud = {site["site"] for site in marked(numbers)}
    return [site for site in numbers["sites"] if site["doubts"] and site["site"] not in loud]


def summary(numbers: dict[str, Any]) -> list[str]:
    """Say what was found, in two or three sentences, and more if something is broken or unseen.

    That nothing is massive is only said where no site is in doubt: else it says first what is.
    """
    broken = _broken(numbers["table"])
    if not marked(numbers) and unclear(numbers):
        rule = filled("criterion", name=numbers["scanned"]["criterion"])
        first, broken = filled("doubt", doubt=doubt(numbers), rule=rule), []
    elif numbers["scanned"]["plain"]:
        first = _plain(numbers)
    elif any(site["judged"]["significant"] is not None for site in numbers["sites"]):
        first = _calibrated(numbers)
    else:
        first = _composed(numbers)
    grown = bool(marked(numbers))
    sentences = [first, _where(numbers), largest(numbers, grown=grown), *broken]
    sentences += no_all_clear(numbers)
    return [sentence for sentence in sentences if sentence]


def doubt(numbers: dict[str, Any]) -> str:
    """Say why it is no all-clear where no threshold is exceeded; nothing if it is one."""
    every, told = numbers["sites"], []
    for kind, what in KINDS_OF_DOUBT.items():
        sites = [site for site in every if kind in site["doubts"]]
        if sites:
            # The clause of a site stands for all of them where it says how large something is.
            top = max(sites, key=lambda site: _row(numbers, site)["max_magnitude"] or 0.0)
            own = f"; at {top['site']} {top['doubts'][kind]}" if what.endswith("grew") else ""
            told.append(f"{what} at {len(sites)} of {plural(len(every), 'site')}{own}")
    return f"This is no all-clear: {', and '.join(told)}." if told else ""


def _row(numbers: dict[str, Any], site: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a site in the table."""
    return next(row for row in numbers["table"] if row["site"] == site["site"])


def _plain(numbers: dict[str, Any]) -> str:
    """Count the sites with an edge over the one threshold."""
    every, over = numbers["sites"], marked(numbers)
    return filled(
        "over" if over else "none" if len(every) > 1 else "only",
        over=len(over),
        sites=plural(len(every), "site"),
        have="has" if len(over) == 1 else "have",
        exceeds=exceeds(numbers),
        before=_untrained(numbers),
    )


def _calibrated(numbers: dict[str, Any]) -> str:
    """Name the sites that the criterion's test calls massive."""
    every, over = [site["site"] for site in numbers["sites"]], marked(numbers)
    (found,) = numbers["calibration"]
    if not over:
        return f"At none of {plural(len(every), 'site')} do {found['words']}."
    names = site_list([site["site"] for site in over], every)
    return f"At {len(over)} of {plural(len(every), 'site')} {found['words']}: {names}."


def _composed(numbers: dict[str, Any]) -> str:
    """Count the edges that a rule of several parts calls massive."""
    every, over = numbers["sites"], marked(numbers)
    name = numbers["scanned"]["criterion"]
    edges = sum(site["judged"]["massive"] for site in every)
    least = "" if all(site["judged"]["complete"] for site in every) else "at least "
    first = (
        f"At {len(over)} of {plural(len(every), 'site')}, {name} calls an activation massive, on "
        f"{least}{plural(edges, 'edge')} altogether"
        if over
        else f"At none of {plural(len(every), 'site')} does {name} call an activation massive"
    )
    return f"{first}{_untrained(numbers, bound=True)}."


def _where(numbers: dict[str, Any]) -> str:
    """Say where massive activations are most common, and on what."""
    name, scanned = numbers["busiest"], numbers["scanned"]
    if name is None:
        return ""
    site = next(site for site in numbers["sites"] if site["site"] == name)
    if scanned["plain"]:
        rates = [
            filled(
                "rate",
                rate=percent(row["rate"]),
                kind=kind_of_edge(row["edge_type"], many=True),
            )
            for row in numbers["by_edge_type"]
            if row["site"] == name and row["edges"]
        ]
        rings = filled("rings") if scanned["kekulised"] else ""
        return filled("where", site=name, rates=listing(rates), rings=rings)
    shares = [
        f"{percent(found['share'])} of the edges exceed the {axis} {number(found['threshold'])}"
        for axis in ("ratio", "magnitude")
        if (found := site["judged"][axis]) is not None
    ]
    stated = [found["rate"] for found in numbers["calibration"] if found["rate"] is not None]
    if stated and site["judged"]["significant"]:
        rate = stated[0] / 2
        shares[-1] += f" (of an untrained model {percent(rate)} each)"
    return f"Most edges are over the bounds at {name}, where {listing(shares)}."


def _counts(site: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the counts over the thresholds of a site."""
    return [found for axis in ("ratio", "magnitude") if (found := site["judged"][axis])]


def untrained_over(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sites at which the untrained model exceeds a threshold."""
    return [
        site
        for site in numbers["sites"]
        if any(found.get("over_untrained") for found in _counts(site))
    ]


def _untrained(numbers: dict[str, Any], *, bound: bool = False) -> str:
    """Say at how many sites the untrained model exceeds a threshold.

    Args:
        numbers: the numbers of the report.
        bound: whether a rule of several bounds is meant, of which it exceeds one.
    """
    baseline = numbers["scanned"]["baseline"]
    if baseline is None:
        return filled("uncompared")
    over = len(untrained_over(numbers))
    members = baseline["members"]
    where = filled("models", members=members) if members else filled("model")
    if bound:
        verb = "exceeds" if over <= 1 else "exceed"
        many = f"{plural(over, 'site') if over else 'none'} {verb} a bound of it"
    elif over:
        many = filled("many", sites=plural(over, "site"), have="has" if over == 1 else "have")
    else:
        many = filled("none_before")
    return filled("before", where=where, many=many)


def largest(numbers: dict[str, Any], *, grown: bool) -> str:
    """Say where the largest ratio and the largest magnitude are.

    Args:
        numbers: the numbers of the report.
        grown: whether to say how far that has grown; beside an all-clear, a growth that no
            criterion minds would read as an alarm, and beside a doubt it has been told.
    """
    tops = {
        name: max(
            (row for row in numbers["extremes"] if row["largest"] == name),
            key=lambda row: abs(row["ratio" if name == "ratio" else "value"] or 0.0),
            default=None,
        )
        for name in ("ratio", "magnitude")
    }
    ratio, magnitude = tops["ratio"], tops["magnitude"]
    if ratio is None or magnitude is None:
        return "No edge has a defined ratio."
    row = next(row for row in numbers["table"] if row["site"] == magnitude["site"])
    growth = (
        f", {number(row['growth'])} times what is typical there before training"
        if grown and is_grown(row)
        else ""
    )
    edge = with_article(kind_of_edge(ratio["edge_type"], aromatic=ratio["aromatic"]))
    return (
        f"The largest ratio is {number(ratio['ratio'])}, at {ratio['site']} on {edge} of graph "
        f"{named(ratio)}; the largest magnitude is "
        f"{number(abs(magnitude['value']))}, at {magnitude['site']}{growth}."
    )


def _broken(table: list[dict[str, Any]]) -> list[str]:
    broken = [row for row in table if row["nonfinite"]]
    if not broken:
        return []
    where = f"{len(broken)} of {plural(len(table), 'site')}"
    return [f"Activations that are not finite occur at {where}; they are listed at the end."]
