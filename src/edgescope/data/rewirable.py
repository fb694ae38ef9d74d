"""What all changes of the edges of many graphs have in common."""

from dataclasses import fields

from edgescope.data.graphs import GraphDataset
from edgescope.data.nodes import NodeDataset
from edgescope.lib.errors import InputError


def refuse_nodes(dataset: GraphDataset) -> None:
    """Refuse a data set that is one graph whose nodes have targets.

    Raises:
        InputError: if it is, or its edges have real features instead of types.
    """
    if isinstance(dataset, NodeDataset) or dataset.edge_attr.is_floating_point():
        raise InputError(
            f"{dataset.name} is one graph whose nodes have targets, expected many graphs with "
            "edge types; only such data sets are rewired"
        )


def plain(dataset: GraphDataset) -> GraphDataset:
    """Return molecules as graphs without SMILES."""
    return GraphDataset(
        **{field.name: getattr(dataset, field.name) for field in fields(GraphDataset)}
    )
