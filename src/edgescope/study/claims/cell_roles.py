"""What a cell of a study stands for in the claims, by its variant and the design of its data."""

import re

BASE, OTHER = "base", "other"

NO_EDGE_FEATURES = "no edge features"
FULL_GRAPH = "full graph"
FULL_GRAPH_NO_EDGE_FEATURES = "full graph without edge features"
MEAN_ATTENTION = "attention replaced by a mean"
BIASES = "biases of the projections, without the bias term"

VARIANTS: dict[str, tuple[str, ...]] = {
    BASE: ("", "base", "published"),
    NO_EDGE_FEATURES: ("no edge features", "no edges", "noedge", "no edge"),
    FULL_GRAPH: ("full graph", "full"),
    FULL_GRAPH_NO_EDGE_FEATURES: (
        "full graph without edge features",
        "full graph no edge features",
        "full graph noedge",
        "no edge features full graph",
        "both",
    ),
    MEAN_ATTENTION: (
        "mean attention",
        "attention replaced by a mean",
        "mean of neighbours",
        "mean",
    ),
    BIASES: ("biases", "biases without the bias term"),
}
"""Role to the names of variants that have it."""

TWO_TYPES = "a virtual node, a type per direction"
ONE_TYPE = "a virtual node, one type"
RANDOM_TYPES = "the type of every directed edge drawn anew"
RANDOM_EDGES = "random edges of a type of their own"
REAL_HUB = "a real atom as hub"
BOND_HUB = "a virtual node with the type of single bonds"
SEVERAL = "several virtual nodes"
ATOM_TYPES = "a virtual node with a type per atom"

DESIGNS: dict[str, tuple[str, ...]] = {
    TWO_TYPES: ("virtual node two",),
    ONE_TYPE: ("virtual node", "virtual node one"),
    RANDOM_TYPES: ("random types per direction", "random types uniform per direction"),
    RANDOM_EDGES: ("random edges",),
    REAL_HUB: ("hub", "hub one"),
    BOND_HUB: ("virtual node single",),
    SEVERAL: ("virtual node nodes", "virtual node one nodes"),
    ATOM_TYPES: ("virtual node atoms",),
    NO_EDGE_FEATURES: ("constant type",),
    FULL_GRAPH: ("full graph", "full graph one"),
    FULL_GRAPH_NO_EDGE_FEATURES: ("full graph constant",),
}
"""Role to the names of the ways to rewire that have it, without numbers."""

PUBLISHED = (TWO_TYPES, ONE_TYPE, RANDOM_TYPES, RANDOM_EDGES)
"""Designs that the claim of added edges is about."""

ADDED_CONTROLS = (REAL_HUB, BOND_HUB, SEVERAL, ATOM_TYPES)
"""Designs that are controls of it."""

NODE_PARTS = {
    "cured-1": ("GAT", "one head, flagged and cured"),
    "cured-8": ("GAT", "eight heads, flagged and cured; states"),
    "twins": ("GCN, GAT, GATv2", "nodes with the same neighbours"),
}
"""Part of the study of nodes to the models of its cells, and what these stand for."""

DATA = {
    "zinc12k": "ZINC-12k",
    "zinc": "ZINC",
    "tox21": "TOX21",
    "tu-proteins": "PROTEINS (TU)",
    "tu-mutag": "MUTAG",
    "ogbn-proteins": "ogbn-proteins",
    "chameleon": "Chameleon",
    "squirrel": "Squirrel",
    "chameleon-filtered": "Chameleon (filtered)",
    "squirrel-filtered": "Squirrel (filtered)",
    "tutorial": "the tutorial's graph",
}
"""Name of a data set to what pages call it. PROTEINS of the TU collection are whole proteins as
graphs, and not the one graph of ogbn-proteins that the paper trains on."""


def role_of(
    variant: str | None, design: str | None, state: str = "trained", use_bias: bool | None = None
) -> str:
    """Return what a cell stands for; :data:`OTHER` if its variant or design is not known.

    A cell with the explicit bias term is told by its state, whatever its variant is called. One
    whose projections have biases without that term is the control of the term, and nothing else.

    Example:
        >>> role_of(None, "virtual_node"), role_of("no edge features", None)
        ('a virtual node, one type', 'no edge features')
    """
    words = "" if state.startswith("ebt") else _words(variant or "")
    by_variant = next((role for role, names in VARIANTS.items() if words in names), OTHER)
    if use_bias and not state.startswith("ebt"):
        return BIASES if by_variant in {BASE, BIASES} and not design else OTHER
    if not design:
        return by_variant
    words = _words(design)
    found = next((role for role, names in DESIGNS.items() if words in names), OTHER)
    if found == FULL_GRAPH and by_variant == NO_EDGE_FEATURES:
        return FULL_GRAPH_NO_EDGE_FEATURES
    return found


def data_words(data: str) -> str:
    """Return what pages call a data set; that of a rewired one is that of its edges' own."""
    return DATA.get(data, DATA.get(data.partition(" ")[0], data))


def _words(name: str) -> str:
    """Return a name without signs, share and seed, so that spellings of one name are the same."""
    return " ".join(re.sub(r"[^a-z ]+", " ", name.lower().partition(" seed ")[0]).split())
