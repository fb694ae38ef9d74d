"""What must be known before two scans are compared."""

from edgescope.lib.plurals import plural
from edgescope.report.names import site_list
from edgescope.scanning.result import Scan


def other_data(scan: Scan, other: Scan) -> str:
    """Say that two scans are of different data, or that nothing says so; empty if they are not."""
    first, second = scan.info, other.info
    named = (
        f"{plural(first.graphs, 'graph')} of {first.data or 'data without a name'} and "
        f"{plural(second.graphs, 'graph')} of {second.data or 'data without a name'}"
    )
    if first.is_of_other_graphs(second.data_fingerprint) or first.graphs != second.graphs:
        return f"the two scans are of different data: {named}"
    if first.data_fingerprint and second.data_fingerprint:
        return ""
    if first.data != second.data or not first.data:
        return f"nothing says that the two scans are of the same data: {named}"
    return ""


def cautions(scan: Scan, other: Scan, names: tuple[str, str]) -> list[str]:
    """Say, in a sentence each, in what else than their activations the two differ."""
    said = []
    if told := other_data(scan, other):
        said.append(
            f"{told[:1].upper()}{told[1:]}. What lies apart may come from the data alone, so no "
            "shift is given."
        )
    first, second = scan.info, other.info
    if first.criterion.in_words() != second.criterion.in_words():
        said.append(
            f"The criteria differ: {names[0]} by {first.criterion.name} "
            f"({first.criterion.in_words()}), {names[1]} by {second.criterion.name} "
            f"({second.criterion.in_words()})."
        )
    common = [site for site in scan.sites if site in other.sites]
    axes = ("ratio", "magnitude")
    differing = [
        site
        for site in common
        if any(
            getattr(first.criterion.bounds(site), axis)
            != getattr(second.criterion.bounds(site), axis)
            for axis in axes
        )
    ]
    if differing:
        said.append(
            f"The thresholds differ at {site_list(differing, list(scan.sites))}. Shares over the "
            f"threshold of {names[0]} can be compared; those over each scan's own cannot."
        )
    for name, own, without in (
        (names[0], scan, other),
        (names[1], other, scan),
    ):
        alone = [site for site in own.sites if site not in without.sites]
        if alone:
            said.append(f"Only {name} has {site_list(alone, list(own.sites))}.")
    if not common:
        said.append("The two have no site in common, so nothing is compared site by site.")
    return said
