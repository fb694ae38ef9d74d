"""Options of `edgescope train` that change the edges of all graphs."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from edgescope.cli._modes import Choice

Rewire = Annotated[
    str | None,
    typer.Option(
        "--rewire",
        metavar="HOW",
        help="Change the edges of all graphs. shuffle_types: permute the edge types; "
        "random_types: draw the edge types; constant_type: give all edges one type; random_edges: "
        "add edges of a new type between random nodes; virtual_node: add a node that is joined to "
        "all others of its graph; hub: join a random node of each graph to all others; "
        "full_graph: join all nodes of a graph.",
    ),
]
RewireShare = Annotated[
    float | None,
    typer.Option(
        "--rewire-share",
        metavar="SHARE",
        help="For random_edges: number of edges added per edge of a graph. Without it: 0.5.",
    ),
]
RewireSeed = Annotated[
    int | None, typer.Option("--rewire-seed", help="Random seed of --rewire. Without it: 0.")
]
RewireDraw = Annotated[
    str | None,
    typer.Option(
        "--rewire-draw",
        metavar="uniform|frequencies",
        help="For random_types: draw all types equally often, or as often as they occur. Without "
        "it: uniform.",
    ),
]
RewirePer = Annotated[
    str | None,
    typer.Option(
        "--rewire-per",
        metavar="edge|direction",
        help="For random_types and shuffle_types: whether both directions of an edge keep one "
        "type, or each gets its own. Without it: edge.",
    ),
]
RewireTypes = Annotated[
    str | None,
    typer.Option(
        "--rewire-types",
        metavar="one|two|atoms|constant",
        help="For virtual_node and hub: one new type for the added edges, two (one for each "
        "direction), or one for each type of atom; for full_graph: one, or constant (all edges "
        "get one type). Without it: one.",
    ),
]
RewireEdgeType = Annotated[
    str | None,
    typer.Option(
        "--rewire-edge-type",
        metavar="NAME",
        help="For virtual_node and hub: give the added edges this type of the data, such as "
        "single, instead of a new one.",
    ),
]
RewireNodes = Annotated[
    int | None,
    typer.Option(
        "--rewire-nodes",
        min=1,
        help="For virtual_node: number of nodes added to each graph. Without it: 1.",
    ),
]


def rewiring(how: str | None, **options: Any) -> dict[str, Any]:
    """Describe what is done to the edges, as an argument of ``edgescope.data.load``."""
    told = {name: value for name, value in options.items() if value is not None}
    return {} if how is None else {"rewire": {"how": how, **told}}


def _mode(given: Mapping[str, Any]) -> str | None:
    mode = "without --rewire" if given["rewire"] is None else f"with --rewire {given['rewire']}"
    return mode if mode in REWIRE_CHOICE.modes else None


REWIRE_CHOICE = Choice(
    {
        "without --rewire": (),
        "with --rewire random_edges": ("rewire_share", "rewire_seed"),
        "with --rewire shuffle_types": ("rewire_per", "rewire_seed"),
        "with --rewire random_types": ("rewire_draw", "rewire_per", "rewire_seed"),
        "with --rewire constant_type": (),
        "with --rewire virtual_node": ("rewire_types", "rewire_edge_type", "rewire_nodes"),
        "with --rewire hub": ("rewire_types", "rewire_edge_type", "rewire_seed"),
        "with --rewire full_graph": ("rewire_types",),
    },
    _mode,
)
"""What has an effect on how edges are changed."""
