"""Batches of molecules cut out of the flat tensors of a data set.

``Batch.from_data_list`` makes one small tensor per molecule and field and then joins them; here
each field of the batch is one index operation on the whole data set.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch_geometric.data import Batch

from edgescope.data.molecule import Molecule
from edgescope.errors import InputError

if TYPE_CHECKING:
    from edgescope.data.dataset import MoleculeDataset


def ragged(ptr: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Find the members of chosen groups among members that lie end to end.

    Args:
        ptr: ``[N + 1]`` int64, group ``i`` holds the members ``ptr[i]:ptr[i + 1]``.
        chosen: ``[G]`` int64, groups, in any order and as often as wanted.

    Returns:
        ``[M]`` int64, the members of the chosen groups in their order, and ``[G + 1]`` int64, the
        pointers of the new groups.
    """
    starts = ptr[chosen]
    lengths = ptr[chosen + 1] - starts
    new_ptr = torch.zeros(len(chosen) + 1, dtype=torch.long)
    torch.cumsum(lengths, 0, out=new_ptr[1:])
    shift = torch.repeat_interleave(starts - new_ptr[:-1], lengths)
    return torch.arange(len(shift)) + shift, new_ptr


def joined(dataset: "MoleculeDataset", chosen: Tensor) -> Any:  # noqa: ANN401  (PyG has no types)
    """Join molecules as one disconnected graph.

    Args:
        dataset: where to take them from.
        chosen: ``[G]`` int64, positions in ``dataset``, at least one.

    Returns:
        What ``Batch.from_data_list([dataset[i] for i in chosen])`` gives, field by field; single
        molecules can be taken out again.

    Raises:
        InputError: if no molecule is chosen.
    """
    if not len(chosen):
        raise InputError("received no molecule to make a batch of, expected at least one")
    atoms, atom_ptr = ragged(dataset.atom_ptr, chosen)
    edges, edge_ptr = ragged(dataset.edge_ptr, chosen)
    graphs = torch.arange(len(chosen))
    edge_graph = torch.repeat_interleave(graphs, edge_ptr.diff())

    batch = Batch(_base_cls=Molecule)
    batch.x = dataset.x[atoms]
    batch.edge_index = dataset.edge_index[:, edges] + atom_ptr[edge_graph]
    batch.edge_attr = dataset.edge_attr[edges]
    batch.y = dataset.y[chosen]
    # Every molecule has an even number of edges, so the pairs stay pairs when joined.
    batch.reverse_edge = torch.arange(len(edges)) ^ 1
    batch.smiles = [dataset.smiles[i] for i in chosen.tolist()]
    batch.row = dataset.row[chosen]
    batch.graph = chosen
    batch.batch = torch.repeat_interleave(graphs, atom_ptr.diff())
    batch.ptr = atom_ptr

    # What PyG needs to take single molecules out of the batch again.
    each = torch.arange(len(chosen) + 1)
    none = torch.zeros(len(chosen), dtype=torch.long)
    batch._num_graphs = len(chosen)  # noqa: SLF001
    batch._slice_dict = {  # noqa: SLF001
        "x": atom_ptr,
        **dict.fromkeys(("edge_index", "edge_attr", "reverse_edge"), edge_ptr),
        **dict.fromkeys(("y", "smiles", "row", "graph"), each),
    }
    batch._inc_dict = {  # noqa: SLF001
        **dict.fromkeys(("x", "edge_attr", "y", "row", "graph"), none),
        "edge_index": atom_ptr[:-1],
        "reverse_edge": edge_ptr[:-1],
        "smiles": None,
    }
    return batch
