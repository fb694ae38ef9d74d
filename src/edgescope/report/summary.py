"""The few sentences on top of the report."""

from typing import Any

from edgescope.report.formats import kind_of_edge, listing, number, percent, plural, with_article


def busiest(table: list[dict[str, Any]]) -> str | None:
    """Return the site with the largest share of edges over the threshold, if any has one."""
    over = [row for row in table if row["edges_over"]]
    found: str | None = max(over, key=lambda row: row["share_over"])["site"] if over else None
    return found


def summary(numbers: dict[str, Any]) -> list[str]:
    """Say what was found, in two or three sentences, and one more if something is broken."""
    table, scanned = numbers["table"], numbers["scanned"]
    over = [row for row in table if row["edges_over"]]
    limit = number(scanned["threshold"])
    if not over:
        first = (
            f"None of the {plural(len(table), 'site')} has an edge whose ratio exceeds {limit}"
            if len(table) > 1
            else f"The only site has no edge whose ratio exceeds {limit}"
        )
        return [f"{first}{_untrained(table, scanned)}.", *_largest(numbers), *_broken(table)]
    have = "has" if len(over) == 1 else "have"
    first = (
        f"{len(over)} of {plural(len(table), 'site')} {have} an edge whose ratio exceeds {limit}"
    )
    rates = listing(
        [
            f"{percent(row['rate'])} of the {kind_of_edge(row['edge_type'], many=True)}"
            for row in numbers["by_edge_type"]
            if row["site"] == numbers["busiest"] and row["edges"]
        ]
    )
    second = f"They are most common at {numbers['busiest']}, where they sit on {rates}."
    return [f"{first}{_untrained(table, scanned)}.", second, *_largest(numbers), *_broken(table)]


def _untrained(table: list[dict[str, Any]], scanned: dict[str, Any]) -> str:
    if scanned["baseline"] is None:
        return "; no untrained model was scanned to compare with"
    over = sum(bool(row["edges_over_untrained"]) for row in table)
    has = "site has" if over == 1 else "sites have"
    return f"; in the untrained model {f'{over} {has} one' if over else 'none has'}"


def _largest(numbers: dict[str, Any]) -> list[str]:
    """Say where the largest ratio and the largest magnitude are."""
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
        return ["No edge has a defined ratio."]
    grown = next(row.get("growth") for row in numbers["table"] if row["site"] == magnitude["site"])
    growth = f", {number(grown)} times what is typical there before training" if grown else ""
    edge = with_article(kind_of_edge(ratio["edge_type"]))
    sentence = (
        f"The largest ratio is {number(ratio['ratio'])}, at {ratio['site']} on {edge} of graph "
        f"{ratio['graph']}; the largest magnitude is "
        f"{number(abs(magnitude['value']))}, at {magnitude['site']}{growth}."
    )
    return [sentence]


def _broken(table: list[dict[str, Any]]) -> list[str]:
    broken = [row for row in table if row["nonfinite"]]
    if not broken:
        return []
    where = f"{len(broken)} of {plural(len(table), 'site')}"
    return [f"Activations that are not finite occur at {where}; they are listed at the end."]
