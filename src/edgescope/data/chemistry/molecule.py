"""A molecule as a graph of PyG, which is imported with it."""

from typing import Any

from torch_geometric.data import Data


class Molecule(Data):  # type: ignore[misc]  # PyG publishes no types
    r"""A molecule: atoms are nodes, and every bond is two directed edges.

    The two directions of bond :math:`b` are the edges :math:`2b` (from RDKit's begin atom to its
    end atom) and :math:`2b+1` (back), in RDKit's order of bonds, so an edge can be drawn on the
    picture of the molecule. Shapes, for :math:`V` atoms, :math:`E` directed edges and :math:`T`
    targets:

    * **x** ``[V]`` int64: atom types, positions in the vocabulary of the data set.
    * **edge_index** ``[2, E]`` int64: source above target.
    * **edge_attr** ``[E]`` int64: bond types, 1 single, 2 double, 3 triple, 4 aromatic.
    * **reverse_edge** ``[E]`` int64: the edge that runs the other way along the same bond.
    * **y** ``[1, T]`` float32: targets in the unit of the table; NaN where one is missing.
    * **smiles** str: what was parsed, or its canonical form if that wrote atoms that are not held;
      its atoms and bonds are numbered as the nodes and edges.
    * **row** int: row in the table that the molecule was read from, as a spreadsheet shows it.
    * **identifiers** dict: what names the molecule in its table, by column, where it has such.
    * **graph** int: position in the data set that the molecule was taken from.

    Example:
        >>> import edgescope as es
        >>> molecule = es.data.load("solubility").test[0]
        >>> molecule.num_nodes, molecule.smiles
        (6, 'CCC(C)CC')
    """

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Count edges, not nodes, when ``reverse_edge`` is joined in a batch."""
        if key == "reverse_edge":
            return self.num_edges
        return super().__inc__(key, value, *args, **kwargs)
