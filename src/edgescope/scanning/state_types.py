"""The node types of a scan of node states: their names, and the number of every row's type."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from edgescope.capturing.graph_input import edge_types
from edgescope.lib.errors import InputError
from edgescope.lib.model_arguments import attribute
from edgescope.lib.model_call import BY_CALL
from edgescope.scanning.edge_types import EdgeTypes
from edgescope.scanning.site_scan import Rows
from edgescope.scanning.type_column import FEW, TypeColumn

MANY = 118
"""More different values than there are chemical elements are as likely to be a measure."""


def node_column(
    batch: Any,  # noqa: ANN401  (any PyG batch)
    inputs: Mapping[str, str],
    passed: Sequence[str] = (),
) -> TypeColumn | None:
    """Return what is taken for the types of the nodes of a plain graph: integers in ``x``.

    Args:
        batch: the batch.
        inputs: what the model calls ``x``.
        passed: names of what the model is given of the batch; empty if it is given all of it.
    """
    name = inputs.get("x", "x")
    given = attribute(batch, name)
    known = not passed or BY_CALL in passed or name in passed
    if not isinstance(given, Tensor) or not given.dim() or not known:
        return TypeColumn(None, "")
    values = edge_types(given, len(given))
    if values is None:
        return TypeColumn(None, name)
    columns = given.shape[1:].numel()
    if columns == 1:
        return TypeColumn(values, name)
    source = f"column 0 of {columns} of {name}"
    return TypeColumn(values, source, f"{source} was taken for the type of a node")


def node_doubt(column: TypeColumn, kinds: int, edges: int) -> str:
    """Return why the values of a column look like a measure; empty if they look like types.

    Args:
        column: where they are from.
        kinds: how many different values there are.
        edges: on how many nodes.
    """
    if kinds <= FEW or (kinds <= MANY and 2 * kinds <= edges):
        return ""
    return (
        f"{column.source} holds {kinds} different integers on {edges:,} nodes, each of which was "
        "taken for a type of node"
    )


class StateTypes(EdgeTypes):
    """Names the node types of a scan of node states and numbers them.

    They are the integers that the model is given as ``x``, such as the elements of atoms: one per
    node, or the first of several; or the node types of a heterogeneous graph; or a single type,
    ``"node"``, if there are neither. All arguments are those of
    :class:`~edgescope.scanning.edge_types.EdgeTypes`.
    """

    row = "node"
    argument = "node_type_names"
    holder = "x"
    read_from = "x"
    remedies = (
        "if these are types, name them in order of their value with node_type_names=[...]; if "
        "not, pass node_type_names=() to count all nodes alike"
    )
    by_name = "node types have names of their own"
    read = staticmethod(node_column)
    measured = staticmethod(node_doubt)


def types_of_rows(
    rows: Rows,
    loader: Iterable[Any],
    names: Mapping[Rows, Sequence[str] | None],
    inputs: Mapping[str, str] | None,
    added: bool,
    passed: Callable[[Any], Sequence[str]],
) -> EdgeTypes:
    """Return what numbers the types of the rows of a scan.

    Args:
        rows: what a row is.
        loader: the batches.
        names: names of the types, as the user gave them for each kind of rows.
        inputs: what the model calls its inputs.
        added: whether layers are known to add rows.
        passed: returns the names of what the model is given of a batch.

    Raises:
        InputError: if names were given for rows of the other kind.
    """
    kind, other = (StateTypes, EdgeTypes) if rows == "node" else (EdgeTypes, StateTypes)
    if names["edge" if rows == "node" else "node"] is not None:
        raise InputError(
            f"received {other.argument} for sites that have a row per {rows}; leave it out, or "
            f"pass {kind.argument}="
        )
    return kind(loader, names[rows], inputs, added, passed)
