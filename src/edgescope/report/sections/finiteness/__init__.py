"""Activations that are not finite, and where they are."""

from typing import Any

from edgescope.report.section_protocol import Material, Section
from edgescope.report.section_registry import section

SHOWN = 8
"""Graphs with a NaN or an infinity that are listed per site; all of them are counted."""


@section
class Finiteness(Section):
    """Edges with a NaN or an infinity."""

    name, title, place = "not-finite", "Activations that are not finite", 1200
    key = "nonfinite"

    def numbers(self, material: Material) -> list[dict[str, Any]]:
        """Count, for every site and state that has any, the edges, and say where they are."""
        scan, found = material.scan, []
        states = {"trained": scan} | ({"untrained": scan.baseline} if scan.baseline else {})
        for state, of in states.items():
            for site, results in of.sites.items():
                edges = int(results.sketch.counts["nonfinite"].sum())
                if edges:
                    listed = of.names.rows(results.nonfinite.head(SHOWN))
                    graphs = results.nonfinite.height
                    found.append(
                        {
                            "site": site,
                            "state": state,
                            "edges": edges,
                            "graphs": graphs,
                            "first": listed,
                        }
                    )
        return found
