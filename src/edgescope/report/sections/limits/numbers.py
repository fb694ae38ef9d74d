"""What was not found, what could not be computed, and what the numbers do not show."""

from typing import Any

from edgescope.plots.formats import kind_of_edge, listing, number, percent
from edgescope.report.doubts import is_grown
from edgescope.report.names import site_list
from edgescope.report.summary import marked, unclear, untrained_over
from edgescope.report.words import unseen
from edgescope.scanning.edge_types import ADDED

FEW_EDGES = 100
"""Edge types with fewer edges get a caveat: one edge more or less is over 1 % of them."""


def not_found(numbers: dict[str, Any]) -> list[dict[str, str]]:
    """List what was not found, what could not be computed, and what the numbers do not show.

    Returns:
        Entries with a ``what`` of a few words and a ``text`` of whole sentences.
    """
    entries = [
        ("Attention that was not looked at", unseen(numbers)),
        ("Sites without massive activations", _quiet_sites(numbers)),
        ("Edge types never massive", _quiet_types(numbers)),
        ("Edge types that do not occur", _absent_types(numbers)),
        ("Growth without ratio", _grown_sites(numbers)),
        ("Few edges", _few_edges(numbers)),
        ("Ratios that are not defined", _undefined(numbers)),
        ("Gamma laws that could not be fitted", _failed_fits(numbers)),
        ("The untrained model", _baseline(numbers)),
        ("Activations not listed one by one", _unlisted(numbers)),
        ("Seeds, threshold and intervals", _limits(numbers)),
    ]
    return [{"what": what, "text": text} for what, text in entries if text]


def _sites(
    numbers: dict[str, Any], rows: list[dict[str, Any]], notes: list[str] | None = None
) -> str:
    """List the sites of some rows in a sentence."""
    every = [row["site"] for row in numbers["table"]]
    return site_list([row["site"] for row in rows], every, notes or [])


def _quiet_sites(numbers: dict[str, Any]) -> str:
    axis = numbers["scanned"]["axis"]
    loud = {site["site"] for site in marked(numbers)}
    # The largest ratio is zero where no edge has one. That is said elsewhere, as is what else
    # keeps a site from an all-clear.
    loud |= {site["site"] for site in unclear(numbers)}
    quiet = [row for row in numbers["table"] if row["site"] not in loud and row[f"max_{axis}"]]
    if not any(row[f"max_{axis}"] for row in numbers["table"]):
        return f"No edge of any site has a defined {axis}."
    if not numbers["scanned"]["plain"]:
        chance = any(site["judged"]["significant"] is not None for site in numbers["sites"])
        what = "No more than chance allows" if chance else "Nothing"
        where = _sites(numbers, quiet) if quiet else ""
        return f"{what} is called massive at {where}." if quiet else "There are none."
    limit = number(numbers["scanned"]["threshold"])
    if not quiet and unclear(numbers):
        return "There are none that are free of doubt; the entries below say why."
    if not quiet:
        return f"There are none: wherever a {axis} is defined, some edge has one above {limit}."
    sites = _sites(numbers, quiet, [number(row[f"max_{axis}"]) for row in quiet])
    return f"No {axis} exceeds {limit} at {sites}; in brackets the largest {axis} of the site."


def _by_type(numbers: dict[str, Any]) -> dict[str, tuple[int, int, float]]:
    """Return per edge type: edges counted at one site, those over at any, largest ``high``."""
    found: dict[str, tuple[int, int, float]] = {}
    for row in [*numbers["by_edge_type"], *numbers["by_magnitude"]]:
        edges, over, high = found.get(row["edge_type"], (0, 0, 0.0))
        found[row["edge_type"]] = (
            max(edges, row["edges"]),
            over + row["over"],
            max(high, row["high"] or 0.0),
        )
    return found


def _quiet_types(numbers: dict[str, Any]) -> str:
    defined = {name: found for name, found in _by_type(numbers).items() if found[0]}
    quiet = {name: found for name, found in defined.items() if not found[1]}
    if not defined:
        return ""
    plain = numbers["scanned"]["plain"]
    if not quiet:
        does = "is massive" if plain else "exceeds a threshold"
        return f"There are none: every edge type {does} at some site."
    types = [
        f"{kind_of_edge(name, many=True)} ({edges:,} of them; at each site their rate is below "
        f"{percent(high)} with 95 % confidence)"
        for name, (edges, _, high) in quiet.items()
    ]
    what = "a massive activation" if plain else "an activation over a threshold"
    but = ", as far as the criterion sees" if unclear(numbers) else ""
    return f"No site has {what} on {listing(types)}{but}."


def _absent_types(numbers: dict[str, Any]) -> str:
    absent = [
        kind_of_edge(name, many=True)
        for name, edges in numbers["scanned"]["edge_types"].items()
        if not edges and name not in {"none", ADDED}  # these are no edges of the data
    ]
    return f"The data hold no {listing(absent)}, so nothing is said about them." if absent else ""


def _grown_sites(numbers: dict[str, Any]) -> str:
    grown = [
        row
        for row, site in zip(numbers["table"], numbers["sites"], strict=True)
        if row["edges_over"] == 0
        and is_grown(row)
        # Where the criterion bounds the magnitude, it has judged growth itself.
        and site["judged"]["magnitude"] is None
    ]
    if not grown:
        return ""
    notes = [f"{number(row['growth'])} times" for row in grown]
    return (
        f"Magnitudes grew at {_sites(numbers, grown, notes)} without a massive ratio: in brackets "
        "the largest one over the typical one before training. The ratio compares "
        "activations within an edge and is blind to that."
    )


def _few_edges(numbers: dict[str, Any]) -> str:
    few = [
        f"{kind_of_edge(name, many=True)} ({edges:,} edges)"
        for name, edges in numbers["scanned"]["edge_types"].items()
        if 0 < edges < FEW_EDGES
    ]
    if not few:
        return ""
    return (
        f"There are fewer than {FEW_EDGES} edges of these types: {listing(few)}. Their rates are "
        "rough, and a rate of 0 there says little."
    )


def _undefined(numbers: dict[str, Any]) -> str:
    without = [row for row in numbers["table"] if row["undefined"]]
    if not without:
        return ""
    notes = [f"{row['undefined']:,} of {row['edges']:,}" for row in without]
    return (
        "Edges whose median is zero, or at a layer's floor, have no ratio: "
        f"{_sites(numbers, without, notes)}. They are left out of the shares, the histograms and "
        "the fits."
    )


def _failed_fits(numbers: dict[str, Any]) -> str:
    failed: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for site in numbers["sites"]:
        for state, fit in site["gamma"].items():
            if fit["problem"]:
                failed.setdefault((state, fit["problem"]), []).append(site)
    return " ".join(
        f"At {_sites(numbers, sites)}{', untrained' if state == 'untrained' else ''}: {problem}."
        for (state, problem), sites in failed.items()
    )


def _baseline(numbers: dict[str, Any]) -> str:
    if numbers["scanned"]["baseline"] is None:
        return (
            "No untrained model was scanned, so growth is not known and nothing here shows that "
            "training caused what was found."
        )
    over = untrained_over(numbers)
    # A calibrated threshold is exceeded by chance, at the rate that was asked for.
    if not over or numbers["calibration"]:
        return ""
    return (
        f"It exceeds the threshold too, at {_sites(numbers, over)}. There the threshold is too low "
        "to tell the trained model from the untrained one."
    )


def _unlisted(numbers: dict[str, Any]) -> str:
    scanned = numbers["scanned"]
    calibrated = any(site["judged"]["significant"] is not None for site in numbers["sites"])
    sentences = []
    if scanned["truncated"]:
        truncated = [row for row in numbers["table"] if row["site"] in scanned["truncated"]]
        sentences.append(
            f"Only the largest ratios were kept one by one at {_sites(numbers, truncated)}; "
            "molecules are chosen among those, while all counts are complete."
        )
    if scanned["unlisted"]:
        unlisted = [row for row in numbers["table"] if row["site"] in scanned["unlisted"]]
        kept = scanned["keep_ratio"]
        floor = f"above a ratio of {number(kept)} only" if kept is not None else "in part only"
        sentences.append(
            f"Activations were kept one by one {floor} at {_sites(numbers, unlisted)}; molecules "
            "are chosen among those, while all counts are complete."
        )
    if scanned["ratio"] and scanned["magnitude"]:
        sentences.append(
            f"The criterion {scanned['criterion']} also asks for a magnitude above "
            f"{number(scanned['magnitude'])}. The molecules and the edges called massive meet "
            "both; the shares, counts over thresholds and heat maps look at the ratio only."
        )
    elif not scanned["plain"] and not calibrated:
        sentences.append(
            f"The criterion {scanned['criterion']} is more than one bound. The molecules and the "
            "edges called massive meet all of it; the shares, counts over thresholds and heat maps "
            "look at one bound at a time."
        )
    return " ".join(sentences)


def _limits(numbers: dict[str, Any]) -> str:
    scanned = numbers["scanned"]
    limit, name = number(scanned["threshold"]), scanned["criterion"]
    at = f"at one threshold ({limit})" if scanned["plain"] else f"by one criterion ({name})"
    return (
        f"One trained model from one seed was scanned, {at}; another seed or threshold gives other "
        "numbers. The intervals take edges as independent, which the edges of a molecule or graph "
        "are not, so they are too narrow. The Kolmogorov-Smirnov distance describes how far the "
        "bulk is from a gamma law fitted to the same data; it is no test, and rare massive "
        "activations hardly move it."
    )
